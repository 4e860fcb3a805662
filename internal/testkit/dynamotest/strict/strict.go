// Package strict keeps fakes of AWS services honest: a request that a fake does not know in full is an error.
package strict

import (
	"fmt"
	"reflect"
	"slices"
)

// Unknown is the answer of a fake to what the service may well accept, and the fake knows nothing about.
func Unknown(fake, format string, args ...any) error {
	return fmt.Errorf("%s does not know %s", fake, fmt.Sprintf(format, args...))
}

// Only returns an error unless every field that is set in a request, a struct or a pointer to one, is among known.
func Only(fake string, request any, known ...string) error {
	v := reflect.Indirect(reflect.ValueOf(request))
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.IsExported() && !v.Field(i).IsZero() && !slices.Contains(known, field.Name) {
			return Unknown(fake, "the field %s of %s", field.Name, v.Type().Name())
		}
	}
	return nil
}
