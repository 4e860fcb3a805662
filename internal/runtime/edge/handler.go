// Package edge is the router's request path: it reads a request, finds the tenant's cell in the mapping, makes one call
// into that cell, and answers. It never tries another cell because one fails: a tenant has one, and an event that makes
// one cell fail must not get the chance to fail the next. What it may do is to look for an event where the cell itself
// says that the tenant has come from, or gone to (Handler.find).
//
// The path of a request is short and has one place for each concern: the routes (Handler.serve), the body
// (decodeSubmission), who calls (Auth.identify), who may be routed (Handler.place), the call into the cell
// (Handler.inCell), the form of an error (problem), the log line and the metrics (exchange.record).
package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"cellular/internal/model/env"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/guard"
	"cellular/internal/runtime/mappingcache"
	"cellular/internal/runtime/telemetry"
)

// Directory tells the place of a tenant. Its error is mapping.ErrUnknownTenant, or anything else where it cannot tell.
type Directory interface {
	Lookup(ctx context.Context, tenantID string) (mapping.Mapping, mappingcache.Outcome, error)
}

// Config is who may call the router, and its bounds. All fields are required unless they say otherwise.
type Config struct {
	Auth            Auth
	DataTTL         time.Duration // how long an event is kept from when it was accepted
	MaxPayloadBytes int           // of the JSON text of an event's payload
	TenantLimit     guard.Limit   // of one tenant's requests: the rate over all processes, the burst in this one
	Tenants         int           // whose requests are counted at a time
	CounterTimeout  time.Duration // deadline of a report to the counters; it is made beside the call into the cell
	Counters        Counters      // what makes the limit one of all processes; nil means that it is this one's alone
	Cell            guard.CellConfig

	Now    func() time.Time // nil means time.Now
	NewID  func() string    // makes the ids of events that come without one; nil means UUIDv7
	Random func() float64   // where the retry's jitter comes from, in [0, 1); nil means math/rand
}

func (c Config) validate() error {
	errs := []error{c.Auth.validate()}
	if c.DataTTL <= 0 {
		errs = append(errs, fmt.Errorf("data TTL is %s, want a positive duration", c.DataTTL))
	}
	if c.CounterTimeout <= 0 && c.Counters != nil {
		errs = append(errs, fmt.Errorf("counter timeout is %s, want a positive duration", c.CounterTimeout))
	}
	if c.MaxPayloadBytes < 1 {
		errs = append(errs, fmt.Errorf("maximum of payload bytes is %d, want at least 1", c.MaxPayloadBytes))
	}
	return errors.Join(errs...)
}

// Handler answers the requests of the HTTP API. It is safe for concurrent use.
type Handler struct {
	directory  Directory
	cells      Cells
	config     Config
	tenants    *guard.Buckets
	cellGuards *guard.Cells
	records    *telemetry.Records
}

// New returns a handler that finds cells in directory, reaches them through cells, and writes one record per request.
// Its error names everything that is wrong with the configuration.
func New(directory Directory, cells Cells, config Config, records *telemetry.Records) (*Handler, error) {
	tenants, tenantsErr := guard.NewBuckets(config.TenantLimit, config.Tenants)
	cellGuards, cellsErr := guard.NewCells(config.Cell)
	if err := errors.Join(config.validate(), tenantsErr, cellsErr); err != nil {
		return nil, err
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.NewID == nil {
		config.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	if config.Random == nil {
		config.Random = rand.Float64
	}
	return &Handler{
		directory: directory, cells: cells, config: config, tenants: tenants, cellGuards: cellGuards, records: records,
	}, nil
}

// Invoke implements lambda.Handler: it answers one request as JSON. The library would decode and encode for Handle too,
// but it copies each event into a buffer that grows step by step, which is half of all memory that a request takes.
//
// Its error is that of an event that is no request of an HTTP API.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var req Request
	if err := json.Unmarshal(payload, &req); err != nil {
		return nil, err
	}
	response, err := h.Handle(ctx, req)
	if err != nil {
		return nil, err
	}
	return json.Marshal(response)
}

// Handle answers one request. Its error is always nil: whatever goes wrong is an answer too.
func (h *Handler) Handle(ctx context.Context, req Request) (Response, error) {
	x := &exchange{start: h.config.Now(), requestID: requestID(req), method: req.RequestContext.HTTP.Method}
	response, err := h.serveSafely(ctx, x, req)
	if err != nil {
		response = x.refuse(err)
	}
	if x.endReport != nil {
		x.endReport()
	}
	x.record(ctx, h.records, h.config.Now(), response.StatusCode, err)
	return response, nil
}

// serveSafely turns a panic into an error. Left alone it would end the process, and with it the mapping cache: one
// request that hits a bug, sent again and again, would take the other tenants' static stability away.
func (h *Handler) serveSafely(ctx context.Context, x *exchange, req Request) (response Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h.serve(ctx, x, req)
}

// The two resources take the same requests and give the same answers: one of tenants' events, one of the events that cells are
// probed with.
const (
	eventsPath = "/v1/events"
	probesPath = "/v1/probes"
)

// serve is the router's routes. The API's only stage has no prefix in its paths. Who the caller is comes first: who may
// not call learns nothing, not even what there is to call. Probes are the operator's, so that an AWS principal sends them
// whatever tenants show to be let in.
func (h *Handler) serve(ctx context.Context, x *exchange, req Request) (Response, error) {
	auth := h.config.Auth
	if x.probe = req.RawPath == probesPath || strings.HasPrefix(req.RawPath, probesPath+"/"); x.probe {
		auth = Auth{Type: env.AuthIAM}
	}
	path := x.path()
	var err error
	if x.caller, err = auth.identify(req.RequestContext.Authorizer); err != nil {
		return Response{}, err
	}
	if req.RawPath == path {
		if x.method != http.MethodPost {
			return Response{}, notAllowed(http.MethodPost)
		}
		return h.submit(ctx, x, req)
	}
	if id, ok := strings.CutPrefix(req.RawPath, path+"/"); ok && id != "" && !strings.Contains(id, "/") {
		if x.method != http.MethodGet {
			return Response{}, notAllowed(http.MethodGet)
		}
		return h.status(ctx, x, req, id)
	}
	return Response{}, unknownResource.problem("There is POST %s and GET %s/{id}.", path, path)
}

func notAllowed(allow string) *problem {
	p := methodNotAllowed.problem("This resource has %s only.", allow)
	p.allow = allow
	return p
}

// place finds the cell of a tenant that the caller may speak for and that may be routed. Both kinds of request come
// through here, before they reach any cell, so this is where a tenant is turned away.
//
// The tenant's own limit comes before the mapping is looked up. A flood then costs the control plane no more than the
// limit, even of a tenant that is not there; it is the tenant's alone, so that the answer is a 429.
func (h *Handler) place(ctx context.Context, x *exchange, tenantID string) (mapping.Mapping, error) {
	if p := x.mayNot(tenantID); p != nil {
		x.tenantID = x.caller.tenantID
		return mapping.Mapping{}, p
	}
	x.tenantID = tenantID
	start := h.config.Now()
	if wait, ok := h.tenants.Take(start, tenantID); !ok {
		x.shed = guard.TenantRate
		h.beginReport(ctx, x, "")
		p := tooManyRequests.problem("The tenant sends more than its limit; nothing was accepted.")
		p.retryAfter = wait
		return mapping.Mapping{}, p
	}
	m, outcome, err := h.directory.Lookup(ctx, tenantID)
	x.lookup, x.lookupTook = outcome, h.config.Now().Sub(start)
	switch {
	case errors.Is(err, mapping.ErrUnknownTenant):
		return mapping.Mapping{}, unknownTenant.problem("There is no tenant %q.", tenantID)
	case err != nil:
		return mapping.Mapping{}, unavailable.problem("The tenant's place cannot be told at the moment.").because(err)
	case !m.State.Known():
		// A later version says something about the tenant that this router cannot follow. To refuse for now is the one answer
		// that is right whatever it is.
		return mapping.Mapping{}, unavailable.problem("The tenant cannot be served at the moment.").
			because(fmt.Errorf("the mapping of tenant %q has the state %q, which this version does not know", tenantID, m.State))
	case !m.Routable():
		return mapping.Mapping{}, suspended.problem("The tenant is suspended; nothing was accepted.")
	}
	x.cellID = m.CellID
	h.beginReport(ctx, x, m.CellID)
	return m, nil
}
