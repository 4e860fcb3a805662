package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ControlPlane is the control plane's facts.
type ControlPlane struct {
	MappingTable string `json:"mappingTable"`
	CellTable    string `json:"cellTable"`
	MoveTable    string `json:"moveTable"`
}

// JSON is the document as the control plane publishes it.
func (c ControlPlane) JSON() (string, error) { return encode("control plane", c) }

// ParseControlPlane reads a document. It reports every fact that is missing.
func ParseControlPlane(text string) (ControlPlane, error) {
	var c ControlPlane
	err := decode("control plane", text, &c, func() map[string]bool {
		return map[string]bool{
			"mappingTable": c.MappingTable != "", "cellTable": c.CellTable != "", "moveTable": c.MoveTable != "",
		}
	})
	return c, err
}

// Router is the router's facts. A Duration is written in Go's notation, such as "1h0m0s".
type Router struct {
	URL            string   `json:"url"`
	Function       string   `json:"function"` // name
	Role           string   `json:"role"`     // ARN
	Auth           string   `json:"auth"`     // iam | jwt | none
	SoftTTL        Duration `json:"softTTL"`
	HardTTL        Duration `json:"hardTTL"`        // the age past which no router uses a mapping
	RefreshTimeout Duration `json:"refreshTimeout"` // of one read of the mapping table
	CellTimeout    Duration `json:"cellTimeout"`    // of one call into a cell
}

// JSON is the document as the router publishes it.
func (r Router) JSON() (string, error) { return encode("router", r) }

// ParseRouter reads a document. It reports every fact that is missing.
func ParseRouter(text string) (Router, error) {
	var r Router
	err := decode("router", text, &r, func() map[string]bool {
		return map[string]bool{
			"url": r.URL != "", "function": r.Function != "", "role": r.Role != "", "auth": r.Auth != "",
			"softTTL": r.SoftTTL > 0, "hardTTL": r.HardTTL > 0, "refreshTimeout": r.RefreshTimeout > 0, "cellTimeout": r.CellTimeout > 0,
		}
	})
	return r, err
}

// Duration is a time.Duration that is text in JSON.
type Duration time.Duration

// MarshalJSON writes the duration in Go's notation.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON is the inverse of MarshalJSON.
func (d *Duration) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(s)
	*d = Duration(parsed)
	return err
}

func encode(of string, document any) (string, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("encode the facts of the %s: %w", of, err)
	}
	return string(text), nil
}

func decode(of, text string, document any, present func() map[string]bool) error {
	if err := json.Unmarshal([]byte(text), document); err != nil {
		return fmt.Errorf("read the facts of the %s: %w", of, err)
	}
	var errs []error
	for name, ok := range present() {
		if !ok {
			errs = append(errs, fmt.Errorf("read the facts of the %s: %s is missing", of, name))
		}
	}
	return errors.Join(errs...)
}
