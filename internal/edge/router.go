// Package edge is the router's request path: it reads a request, finds the tenant's cell in the mapping, makes one call
// into that cell, and answers. It never tries another cell: a tenant has one, and an event that makes one cell fail must
// not get the chance to fail the next.
//
// The path of a request is short and has one place for each concern: the routes (Router.serve), the body
// (decodeSubmission), who may be routed (Router.place), the call into the cell (Router.inCell), the form of an error
// (problem), the log line (exchange.log).
package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"cellular/internal/event"
	"cellular/internal/mapping"
)

// Request and Response are those of an HTTP API with payload format 2.0. API Gateway writes header names in lower case.
type (
	Request  = events.APIGatewayV2HTTPRequest
	Response = events.APIGatewayV2HTTPResponse
)

// Directory tells the place of a tenant. Its error is mapping.ErrUnknownTenant, or anything else where it cannot tell.
type Directory interface {
	Lookup(ctx context.Context, tenantID string) (mapping.Mapping, mapping.Outcome, error)
}

// Config is the router's bounds.
type Config struct {
	CellTimeout     time.Duration // deadline of one call into a cell
	MaxPayloadBytes int           // of the JSON text of an event's payload

	Now   func() time.Time // nil means time.Now
	NewID func() string    // makes the ids of events that come without one; nil means UUIDv7
}

// Router answers the requests of the HTTP API. It is safe for concurrent use.
type Router struct {
	directory Directory
	cells     Cells
	config    Config
	logger    *slog.Logger
}

// New returns a router that finds cells in directory, reaches them through cells, and writes one line per request to
// logger.
func New(directory Directory, cells Cells, config Config, logger *slog.Logger) *Router {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.NewID == nil {
		config.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	return &Router{directory: directory, cells: cells, config: config, logger: logger}
}

// Handle answers one request. Its error is always nil: whatever goes wrong is an answer too.
func (r *Router) Handle(ctx context.Context, req Request) (Response, error) {
	x := &exchange{start: r.config.Now(), requestID: requestID(req), method: req.RequestContext.HTTP.Method}
	response, err := r.serveSafely(ctx, x, req)
	if err != nil {
		response = x.refuse(err)
	}
	x.log(ctx, r.logger, r.config.Now(), response.StatusCode, err)
	return response, nil
}

// requestID is the client's own X-Request-Id, where it is one that can be repeated in a header and in the log, or else
// the one that API Gateway gave.
func requestID(req Request) string {
	if id := req.Headers["x-request-id"]; event.ValidID(id) {
		return id
	}
	return req.RequestContext.RequestID
}

// serveSafely turns a panic into an error. Left alone it would end the process, and with it the mapping cache: one
// request that hits a bug, sent again and again, would take the other tenants' static stability away.
func (r *Router) serveSafely(ctx context.Context, x *exchange, req Request) (response Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return r.serve(ctx, x, req)
}

const eventsPath = "/v1/events"

// serve is the router's routes. The API's only stage has no prefix in its paths.
func (r *Router) serve(ctx context.Context, x *exchange, req Request) (Response, error) {
	if req.RawPath == eventsPath {
		if x.method != http.MethodPost {
			return Response{}, notAllowed(http.MethodPost)
		}
		return r.submit(ctx, x, req)
	}
	if id, ok := strings.CutPrefix(req.RawPath, eventsPath+"/"); ok && id != "" && !strings.Contains(id, "/") {
		if x.method != http.MethodGet {
			return Response{}, notAllowed(http.MethodGet)
		}
		return r.status(ctx, x, req, id)
	}
	return Response{}, unknownResource.problem("There is POST %s and GET %s/{id}.", eventsPath, eventsPath)
}

func notAllowed(allow string) *problem {
	p := methodNotAllowed.problem("This resource has %s only.", allow)
	p.allow = allow
	return p
}

// place finds the cell of a tenant that may be routed. Both kinds of request come through here, before they reach any
// cell, so this is where a tenant is turned away.
func (r *Router) place(ctx context.Context, x *exchange, tenantID string) (mapping.Mapping, error) {
	start := r.config.Now()
	m, outcome, err := r.directory.Lookup(ctx, tenantID)
	x.lookup, x.lookupTook = outcome, r.config.Now().Sub(start)
	switch {
	case errors.Is(err, mapping.ErrUnknownTenant):
		return mapping.Mapping{}, unknownTenant.problem("There is no tenant %q.", tenantID)
	case err != nil:
		return mapping.Mapping{}, unavailable.problem("The tenant's place cannot be told at the moment.").because(err)
	case !m.Routable():
		return mapping.Mapping{}, suspended.problem("The tenant is suspended; nothing was accepted.")
	}
	x.cellID = m.CellID
	return m, nil
}

// inCell makes one call into a cell and bounds it in time. Every call into a cell goes through here, so this is where
// the other tenants are protected from a cell that is slow or down.
func (r *Router) inCell(ctx context.Context, x *exchange, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.CellTimeout)
	defer cancel()
	start := r.config.Now()
	err := call(ctx)
	x.cellTook = r.config.Now().Sub(start)
	return err
}
