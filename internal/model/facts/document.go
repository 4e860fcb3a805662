package facts

import (
	"encoding/json"
	"errors"
	"fmt"
)

// fact tells whether a document has a fact that is required.
type fact struct {
	name    string
	present bool
}

func encode(of string, document any) (string, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("encode the facts of %s: %w", of, err)
	}
	return string(text), nil
}

func decode(of, text string, document any) error {
	if err := json.Unmarshal([]byte(text), document); err != nil {
		return fmt.Errorf("read the facts of %s: %w", of, err)
	}
	return nil
}

// missing returns an error for each fact that is not there, joined in their order; nil if there is none.
func missing(of string, required []fact) error {
	var errs []error
	for _, f := range required {
		if !f.present {
			errs = append(errs, fmt.Errorf("read the facts of %s: %s is missing", of, f.name))
		}
	}
	return errors.Join(errs...)
}
