package probe

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// cellFault is an error that is the fault of the cell that was probed.
type cellFault struct{ error }

func (f cellFault) Unwrap() error { return f.error }

// ErrNoRoute is the error for a router that has no route for probes.
var ErrNoRoute = errors.New("the router has no route for probes")

// ErrNotAllowed is the error for a request that API Gateway did not let through to the router.
var ErrNotAllowed = errors.New("the API lets nobody with these credentials probe")

// refusal is an answer that is no success: of the router, or of API Gateway in front of it.
type refusal struct {
	status  int
	cell    string // that the router asked; "" if it asked none
	problem string // the kind that the router names; "" if it is not the router's answer
	detail  string
}

func (r refusal) Error() string {
	return fmt.Sprintf("the router answers %d %s: %s", r.status, http.StatusText(r.status), r.detail)
}

// The kinds of the router's problems that mean something to a probe.
const (
	unknownResource = "unknown-resource"
	unknownTenant   = "unknown-tenant"
	unknownEvent    = "unknown-event"
)

// Is reports the reasons for which no cell can be probed.
func (r refusal) Is(target error) bool {
	switch target {
	case ErrNoRoute:
		return r.status == http.StatusNotFound && (r.problem == "" || r.problem == unknownResource)
	case ErrNotAllowed:
		return r.problem == "" && (r.status == http.StatusForbidden || r.status == http.StatusUnauthorized)
	}
	return false
}

// Unmapped reports whether the router knows no place of the tenant that the cell is probed with.
func (r Result) Unmapped() bool {
	refused, ok := errors.AsType[refusal](r.Err)
	return ok && refused.problem == unknownTenant
}

// blame makes a refusal the fault of a cell if that cell failed the request. A 429 never is one, whoever it names: API
// Gateway, the tenant's limit, and a hot range of keys all say that there was too much of something, and nothing else of the cell.
func blame(err error, cellID string) error {
	r, ok := errors.AsType[refusal](err)
	if ok && r.cell == cellID && (r.status >= http.StatusInternalServerError || r.problem == unknownEvent) {
		return cellFault{err}
	}
	return err
}

// passing reports whether the next look may well get an answer: the router, or the way to it, is busy or broken for now.
func passing(err error) bool {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.status == http.StatusTooManyRequests || r.status >= http.StatusInternalServerError
	}
	_, ok := errors.AsType[*url.Error](err)
	return ok
}
