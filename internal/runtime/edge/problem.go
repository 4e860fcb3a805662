package edge

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// kind is a class of error answers. Its name is what a client's code can switch on.
type kind struct {
	name   string
	status int
	title  string
}

var (
	malformed        = kind{"malformed-request", http.StatusBadRequest, "Malformed request"}
	unauthorized     = kind{"unauthorized", http.StatusUnauthorized, "Unauthorized"}
	foreignTenant    = kind{"foreign-tenant", http.StatusForbidden, "Not the caller's tenant"}
	suspended        = kind{"tenant-suspended", http.StatusForbidden, "Tenant suspended"}
	unknownTenant    = kind{"unknown-tenant", http.StatusNotFound, "Unknown tenant"}
	unknownEvent     = kind{"unknown-event", http.StatusNotFound, "Unknown event"}
	unknownResource  = kind{"unknown-resource", http.StatusNotFound, "Unknown resource"}
	methodNotAllowed = kind{"method-not-allowed", http.StatusMethodNotAllowed, "Method not allowed"}
	conflict         = kind{"id-conflict", http.StatusConflict, "Id already used"}
	tooLarge         = kind{"too-large", http.StatusRequestEntityTooLarge, "Too large"}
	unsupportedMedia = kind{"unsupported-media-type", http.StatusUnsupportedMediaType, "Unsupported media type"}
	tooManyRequests  = kind{"too-many-requests", http.StatusTooManyRequests, "Too many requests"}
	internal         = kind{"internal", http.StatusInternalServerError, "Internal error"}
	unavailable      = kind{"unavailable", http.StatusServiceUnavailable, "Temporarily unavailable"}
)

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// problem is an error answer in the form of RFC 9457. What it says is for the client: it names no internal resource.
// The cause is for the log.
type problem struct {
	kind   kind
	detail string
	fields []FieldError
	cause  error

	allow      string        // of a 405: the method that the resource has
	challenge  string        // of a 401: how to authenticate
	retryAfter time.Duration // of a 429 or 503: when to come back, at the earliest; 0 is as soon as the header can tell
}

func (k kind) problem(format string, args ...any) *problem {
	return &problem{kind: k, detail: fmt.Sprintf(format, args...)}
}

// because adds the cause, for the log.
func (p *problem) because(err error) *problem {
	p.cause = err
	return p
}

func (p *problem) Error() string {
	if p.cause != nil {
		return p.kind.name + ": " + p.cause.Error()
	}
	return p.kind.name + ": " + p.detail
}

func (p *problem) Unwrap() error { return p.cause }

// headers adds the header fields that belong to the kind of problem.
func (p *problem) headers(h map[string]string) {
	h["Content-Type"] = "application/problem+json"
	switch p.kind {
	case methodNotAllowed:
		h["Allow"] = p.allow
	case unauthorized:
		h["WWW-Authenticate"] = p.challenge
	case tooManyRequests, unavailable:
		// Whole seconds, rounded up: who comes earlier is turned away again. There is no jitter in it, because requests
		// are refused one by one and the times differ.
		h["Retry-After"] = strconv.Itoa(int(max(1, math.Ceil(p.retryAfter.Seconds()))))
	}
}

// malformedFields is the problem of a request with wrong fields; where says which part of it they are in.
func malformedFields(where string, fields ...FieldError) *problem {
	var detail strings.Builder
	detail.WriteString(where)
	for i, f := range fields {
		if i > 0 {
			detail.WriteByte(';')
		}
		fmt.Fprintf(&detail, " %s %s", f.Field, f.Detail)
	}
	return &problem{kind: malformed, detail: detail.String(), fields: fields}
}

// body is the problem as JSON. eventID is the event that the request was about, "" where that is not known.
func (p *problem) body(requestID, eventID string) string {
	b, err := json.Marshal(struct {
		Type     string       `json:"type"`
		Title    string       `json:"title"`
		Status   int          `json:"status"`
		Detail   string       `json:"detail"`
		Instance string       `json:"instance"`
		Errors   []FieldError `json:"errors,omitempty"`
		EventID  string       `json:"event_id,omitempty"`
	}{"urn:cellular:problem:" + p.kind.name, p.kind.title, p.kind.status, p.detail, requestID, p.fields, eventID})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return string(b)
}
