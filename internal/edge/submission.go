package edge

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"cellular/internal/event"
)

// submission is the body of POST /v1/events.
type submission struct {
	tenantID  string
	id        string // "" where the client leaves it to the router
	eventType string
	payload   json.RawMessage
}

const (
	// maxFieldErrors bounds what one answer says about a body that is wrong all over.
	maxFieldErrors = 8

	// maxFieldName bounds how much of an unknown field's name an answer repeats, in bytes.
	maxFieldName = 64
)

// decodeSubmission reads a body strictly: an unknown field, a field given twice, or a value of another type is as wrong
// as an id that breaks the rules. It reports everything that is wrong with the fields in one go.
//
// It is written by hand because encoding/json matches field names in any case, lets duplicates pass, and says neither
// which fields are missing nor which are unknown but the first.
func decodeSubmission(body []byte) (submission, *problem) {
	if len(bytes.TrimSpace(body)) == 0 {
		return submission{}, malformed.problem(`The body is empty, want a JSON object with "tenant_id", "type" and "payload".`)
	}
	if p := checkJSON(body); p != nil {
		return submission{}, p
	}
	text := jsonText{text: body}
	if text.next() != '{' {
		return submission{}, malformed.problem("The body is %s, want an object.", nameOfKind(text.value()))
	}
	fields, errs := splitFields(&text)
	s := submission{
		tenantID:  fields.string("tenant_id", fields.tenantID, event.ValidTenantID, event.TenantIDPattern, &errs),
		eventType: fields.string("type", fields.eventType, event.ValidType, event.TypePattern, &errs),
		payload:   fields.payload,
	}
	if fields.id != nil {
		s.id = fields.string("id", fields.id, event.ValidID, event.IDPattern, &errs)
	}
	if fields.payload == nil {
		errs = append(errs, FieldError{"payload", "is missing, want any JSON value"})
	}
	if len(errs) > 0 {
		return submission{}, malformedFields("The body is not an event:", errs[:min(len(errs), maxFieldErrors)]...)
	}
	return s, nil
}

// rawFields is the JSON text of each field of a body, nil where it is absent.
type rawFields struct{ tenantID, id, eventType, payload []byte }

// splitFields splits the object that is next into its fields.
func splitFields(text *jsonText) (rawFields, []FieldError) {
	var fields rawFields
	var errs []FieldError
	text.skip() // {
	if text.next() == '}' {
		return fields, nil
	}
	for {
		name, _ := decodeString(text.value())
		text.skip() // :
		value := text.value()
		switch field := fields.named(name); {
		case len(errs) == maxFieldErrors: // enough has been said
		case field == nil:
			errs = append(errs, FieldError{shorten(name), "is not a field of an event"})
		case *field != nil:
			errs = append(errs, FieldError{name, "is given twice"})
		default:
			*field = value
		}
		if text.skip() == '}' {
			return fields, errs
		}
	}
}

func (f *rawFields) named(name string) *[]byte {
	switch name {
	case "tenant_id":
		return &f.tenantID
	case "id":
		return &f.id
	case "type":
		return &f.eventType
	case "payload":
		return &f.payload
	}
	return nil
}

// string decodes a field that must be a string that satisfies valid, of which pattern is the rule.
func (f *rawFields) string(name string, raw []byte, valid func(string) bool, pattern string, errs *[]FieldError) string {
	if raw == nil {
		*errs = append(*errs, FieldError{name, "is missing, want a string"})
		return ""
	}
	s, ok := decodeString(raw)
	if !ok {
		*errs = append(*errs, FieldError{name, "is " + nameOfKind(raw) + ", want a string"})
		return ""
	}
	if !valid(s) {
		*errs = append(*errs, mismatch(name, pattern))
	}
	return s
}

// mismatch is the error of a field that breaks the rule for it.
func mismatch(name, pattern string) FieldError { return FieldError{name, "does not match " + pattern} }

// shorten cuts s to at most maxFieldName bytes, between characters.
func shorten(s string) string {
	if len(s) <= maxFieldName {
		return s
	}
	end := maxFieldName
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
