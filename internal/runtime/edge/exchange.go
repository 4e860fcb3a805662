package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cellular/internal/runtime/guard"
	"cellular/internal/runtime/mappingcache"
)

// exchange is one request and what has been found out about it so far. Every answer's headers and log line are made
// from it. Ids are in it only once they are known to be valid.
type exchange struct {
	start     time.Time
	requestID string
	method    string
	probe     bool // a request to probesPath

	// correlationID is of the event that a POST is about: of the request that it was first accepted with, "" where that is not
	// known. A GET has none.
	correlationID string

	caller                    caller
	tenantID, eventID, cellID string

	lookup     mappingcache.Outcome // "" where no lookup was made
	lookupTook time.Duration

	shed          guard.Reason  // "" where the request was let through
	guarded       bool          // whether it came to the cell's guard
	breaker       guard.State   // of the cell when it did
	breakerOpened bool          // by this request
	attempts      int           // calls into the cell
	patience      time.Duration // with each answer of the cell; 0 where it was not called
	dispatchTook  time.Duration
	replayed      bool
	hotKeys       bool // see metHotKeys

	endReport  func() // ends the report to the tenant's counter; nil where none was due
	counterErr error  // why the counter did not answer

	peer    string // the other cell that may have the event, "" where there is none or it was not needed
	peerErr error  // why the request was answered without it
}

// path is that of the resource that the request is to.
func (x *exchange) path() string {
	if x.probe {
		return probesPath
	}
	return eventsPath
}

// reply is an answer with a JSON body and the headers that every answer has.
func (x *exchange) reply(status int, body any) (Response, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Response{}, fmt.Errorf("encode answer: %w", err)
	}
	response := x.respond(status, string(b))
	response.Headers["Content-Type"] = "application/json"
	return response, nil
}

// refuse is the answer to a request that failed. An error that is no problem is a bug here, or bad data in a cell.
func (x *exchange) refuse(err error) Response {
	var p *problem
	if !errors.As(err, &p) {
		p = internal.problem("The request failed; it was not the request's fault.")
	}
	response := x.respond(p.kind.status, p.body(x.requestID, x.eventID))
	p.headers(response.Headers)
	if response.Headers["Retry-After"] != "" && x.method == http.MethodPost && x.eventID != "" {
		// The id may be one that the router made. A retry must carry it, or it would be another event.
		response.Headers["Idempotency-Key"] = x.eventID
	}
	return response
}

func (x *exchange) respond(status int, body string) Response {
	headers := map[string]string{"X-Request-Id": x.requestID, "Cache-Control": "no-store"}
	if x.cellID != "" {
		headers["X-Cell-Id"] = x.cellID
	}
	return Response{StatusCode: status, Headers: headers, Body: body}
}
