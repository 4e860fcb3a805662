package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// kind is a class of error answers. Its name is what a client's code can switch on.
type kind struct {
	name   string
	status int
	title  string
}

var (
	malformed        = kind{"malformed-request", http.StatusBadRequest, "Malformed request"}
	suspended        = kind{"tenant-suspended", http.StatusForbidden, "Tenant suspended"}
	unknownTenant    = kind{"unknown-tenant", http.StatusNotFound, "Unknown tenant"}
	unknownEvent     = kind{"unknown-event", http.StatusNotFound, "Unknown event"}
	unknownResource  = kind{"unknown-resource", http.StatusNotFound, "Unknown resource"}
	methodNotAllowed = kind{"method-not-allowed", http.StatusMethodNotAllowed, "Method not allowed"}
	conflict         = kind{"id-conflict", http.StatusConflict, "Id already used"}
	tooLarge         = kind{"too-large", http.StatusRequestEntityTooLarge, "Too large"}
	unsupportedMedia = kind{"unsupported-media-type", http.StatusUnsupportedMediaType, "Unsupported media type"}
	internal         = kind{"internal", http.StatusInternalServerError, "Internal error"}
	unavailable      = kind{"unavailable", http.StatusServiceUnavailable, "Temporarily unavailable"}
)

// retryAfter is when a client that got a 503 should come back: the shortest time that the header can tell. Requests
// fail one by one, not all at once, so it needs no jitter.
const retryAfter = 1 // seconds

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
	allow  string // the method that the resource has, where the request's is another
	cause  error
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
