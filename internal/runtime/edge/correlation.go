package edge

import (
	"regexp"

	"cellular/internal/model/event"
)

// requestID is the client's own X-Request-Id, where it is one that can be repeated in a header and in the log, or else
// the one that API Gateway gave.
func requestID(req Request) string {
	if id := req.Headers.RequestID; event.ValidID(id) {
		return id
	}
	return req.RequestContext.RequestID
}

// correlationID is what an event that is accepted with a request is followed by: the client's X-Request-Id, if requestID repeats it;
// or else the trace that the client is in; or else the id that API Gateway gave.
func correlationID(req Request) string {
	id := requestID(req)
	if id == req.RequestContext.RequestID {
		if trace := traceID(req.Headers.TraceParent); trace != "" {
			id = trace
		}
	}
	if !event.ValidCorrelationID(id) {
		return ""
	}
	return id
}

// traceParent is the header of W3C's Trace Context, of version 00 and, with more behind it, of later ones; ff is none.
var traceParent = regexp.MustCompile(`\A([0-9a-f]{2})-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?\z`)

const noTrace = "00000000000000000000000000000000"

// traceID returns the trace that a traceparent header names, or "".
func traceID(header string) string {
	parts := traceParent.FindStringSubmatch(header)
	if parts == nil || parts[1] == "ff" || parts[1] == "00" && parts[3] != "" || parts[2] == noTrace {
		return ""
	}
	return parts[2]
}
