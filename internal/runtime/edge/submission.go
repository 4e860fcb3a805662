package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"cellular/internal/model/event"
	"cellular/internal/model/jsontext"
)

// submission is the body of POST /v1/events and /v1/probes.
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
//
// A payload that readers of JSON may understand differently is refused, too: what the business logic applies is what was
// compared with an event of the same id.
func decodeSubmission(body []byte) (submission, *problem) {
	if len(bytes.TrimSpace(body)) == 0 {
		return submission{}, malformed.problem(`The body is empty, want a JSON object with "tenant_id", "type" and "payload".`)
	}
	if p := checkJSON(body); p != nil {
		return submission{}, p
	}
	text := jsontext.Walk(body)
	if text.Next() != '{' {
		return submission{}, malformed.problem("The body is %s, want an object.", jsontext.KindOf(text.Value()))
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
	} else if found := jsontext.FindAmbiguity(fields.payload); found != nil {
		errs = append(errs, FieldError{shorten("payload" + found.Path), found.What})
	}
	if len(errs) > 0 {
		return submission{}, malformedFields("The body is not an event:", errs[:min(len(errs), maxFieldErrors)]...)
	}
	return s, nil
}

// rawFields is the JSON text of each field of a body, nil where it is absent.
type rawFields struct{ tenantID, id, eventType, payload []byte }

// splitFields splits the object that is next into its fields.
func splitFields(text *jsontext.Walker) (rawFields, []FieldError) {
	var fields rawFields
	var errs []FieldError
	text.Skip() // {
	if text.Next() == '}' {
		return fields, nil
	}
	for {
		name, _ := jsontext.DecodeString(text.Value())
		text.Skip() // :
		value := text.Value()
		switch field := fields.named(name); {
		case len(errs) == maxFieldErrors: // enough has been said
		case field == nil:
			errs = append(errs, FieldError{shorten(name), "is not a field of an event"})
		case *field != nil:
			errs = append(errs, FieldError{name, "is given twice"})
		default:
			*field = value
		}
		if text.Skip() == '}' {
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
	s, ok := jsontext.DecodeString(raw)
	if !ok {
		*errs = append(*errs, FieldError{name, "is " + jsontext.KindOf(raw) + ", want a string"})
		return ""
	}
	if !valid(s) {
		*errs = append(*errs, mismatch(name, pattern))
	}
	return s
}

// checkJSON returns a problem that says where body is not valid JSON in valid UTF-8, or nil.
func checkJSON(body []byte) *problem {
	if !utf8.Valid(body) {
		valid := 0
		for {
			r, size := utf8.DecodeRune(body[valid:])
			if r == utf8.RuneError && size <= 1 {
				return malformed.problem("The body is not valid UTF-8: byte %d.", valid+1)
			}
			valid += size
		}
	}
	if json.Valid(body) {
		return nil
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &syntax) {
		return malformed.problem("The body is not valid JSON: %s, byte %d.", syntax, syntax.Offset)
	}
	return malformed.problem("The body is not valid JSON.")
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
