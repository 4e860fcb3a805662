package edge

import "encoding/json"

// ByVersion is byVersion, for the records of tests.
var ByVersion = byVersion

// Submission is what DecodeSubmission reads.
type Submission struct {
	TenantID, ID, Type string
	Payload            json.RawMessage
}

// DecodeSubmission is decodeSubmission for the fuzz tests, with the detail of its problem.
func DecodeSubmission(body []byte) (s Submission, detail string, ok bool) {
	raw, p := decodeSubmission(body)
	if p != nil {
		return Submission{}, p.detail, false
	}
	return Submission{raw.tenantID, raw.id, raw.eventType, raw.payload}, "", true
}

// ProblemBody is the body of a malformed-request problem.
func ProblemBody(detail, field, requestID, eventID string) string {
	return malformedFields(detail, FieldError{field, detail}).body(requestID, eventID)
}
