// Package item makes the attributes of DynamoDB items, and reads them strictly: one that is missing, of another type or out of
// range is an error that names it, never a zero value.
package item

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Reader reads the attributes of one item and collects what is wrong with them. Attributes that nobody asks for are
// ignored, so that a newer writer can add some.
type Reader struct {
	attributes map[string]types.AttributeValue
	errs       []error
}

// Read returns a reader of an item's attributes.
func Read(attributes map[string]types.AttributeValue) *Reader {
	return &Reader{attributes: attributes}
}

// String returns a string attribute that must be there. It may be empty.
func (r *Reader) String(name string) string {
	switch v := r.attributes[name].(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case nil:
		r.fail(name, "is missing, want a string")
	default:
		r.fail(name, "is not a string")
	}
	return ""
}

// OptionalString returns a string attribute, or "" where the item has none.
func (r *Reader) OptionalString(name string) string {
	if _, ok := r.attributes[name]; !ok {
		return ""
	}
	return r.String(name)
}

// OptionalStrings returns a list of strings, or nil where the item has none.
func (r *Reader) OptionalStrings(name string) []string {
	stored, ok := r.attributes[name]
	if !ok {
		return nil
	}
	list, ok := stored.(*types.AttributeValueMemberL)
	var all []string
	for i := 0; ok && i < len(list.Value); i++ {
		var text *types.AttributeValueMemberS
		if text, ok = list.Value[i].(*types.AttributeValueMemberS); ok {
			all = append(all, text.Value)
		}
	}
	if !ok {
		r.fail(name, "is not a list of strings")
		return nil
	}
	return all
}

// Int returns a whole number of at least min that must be there.
func (r *Reader) Int(name string, min int64) int64 {
	v, ok := r.attributes[name].(*types.AttributeValueMemberN)
	if !ok {
		r.fail(name, fmt.Sprintf("is missing or not a number, want a whole number of at least %d", min))
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil || n < min {
		r.fail(name, fmt.Sprintf("is %q, want a whole number of at least %d", v.Value, min))
		return 0
	}
	return n
}

// Time returns a time attribute that must be there as a string in the given layout.
func (r *Reader) Time(name, layout string) time.Time {
	before := len(r.errs)
	s := r.String(name)
	if len(r.errs) > before {
		return time.Time{}
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		r.fail(name, fmt.Sprintf("is %q, want a time such as %s", s, layout))
	}
	return t
}

// Checked returns a string attribute that must be there and satisfy valid; want says in words what that means.
func (r *Reader) Checked(name string, valid func(string) bool, want string) string {
	before := len(r.errs)
	s := r.String(name)
	if len(r.errs) == before && !valid(s) {
		r.fail(name, fmt.Sprintf("is %q, want %s", s, want))
	}
	return s
}

// JSON returns a string attribute that must be there and be JSON text. Such a text is a tenant's data: unlike other
// values that are wrong, it does not stand in the error.
func (r *Reader) JSON(name string) json.RawMessage {
	before := len(r.errs)
	s := r.String(name)
	if len(r.errs) == before && !json.Valid([]byte(s)) {
		r.fail(name, "is not JSON text")
	}
	return json.RawMessage(s)
}

func (r *Reader) fail(name, what string) {
	r.errs = append(r.errs, fmt.Errorf("attribute %s %s", name, what))
}

// Err returns everything that was wrong, joined; nil if nothing was.
func (r *Reader) Err() error { return errors.Join(r.errs...) }
