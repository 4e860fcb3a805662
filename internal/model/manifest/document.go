package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// field reports whether a document has a field that is required.
type field struct {
	name    string
	present bool
}

func encode(of string, document any) (string, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("encode the manifest of %s: %w", of, err)
	}
	return string(text), nil
}

func decode(of, text string, document any) error {
	today, err := renamed([]byte(text))
	if err == nil {
		err = json.Unmarshal(today, document)
	}
	if err != nil {
		return fmt.Errorf("read the manifest of %s: %w", of, err)
	}
	return nil
}

// missing returns an error for each field that is not there, joined in their order; nil if there is none.
func missing(of string, required []field) error {
	var errs []error
	for _, f := range required {
		if !f.present {
			errs = append(errs, fmt.Errorf("read the manifest of %s: %s is missing", of, f.name))
		}
	}
	return errors.Join(errs...)
}
