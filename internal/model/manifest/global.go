package manifest

import (
	"encoding/json"
	"time"
)

// What the documents of the global plane are called in errors.
const (
	ofControlPlane = "the control plane"
	ofRouter       = "the router"
)

// ControlPlane is the control plane's manifest.
type ControlPlane struct {
	MappingTable string `json:"mappingTable"`
	CellTable    string `json:"cellTable"`
	MoveTable    string `json:"moveTable"`
}

// JSON is the document as the control plane publishes it.
func (c ControlPlane) JSON() (string, error) { return encode(ofControlPlane, c) }

// ParseControlPlane reads a document. It reports every field that is missing.
func ParseControlPlane(text string) (ControlPlane, error) {
	var c ControlPlane
	if err := decode(ofControlPlane, text, &c); err != nil {
		return ControlPlane{}, err
	}
	err := missing(ofControlPlane, []field{
		{"mappingTable", c.MappingTable != ""}, {"cellTable", c.CellTable != ""}, {"moveTable", c.MoveTable != ""},
	})
	if err != nil {
		return ControlPlane{}, err
	}
	return c, nil
}

// Router is the router's manifest. A Duration is written in Go's notation, such as "1h0m0s".
type Router struct {
	URL            string   `json:"url"`
	Function       string   `json:"function"` // name
	Role           string   `json:"role"`     // ARN
	Auth           string   `json:"auth"`     // iam | jwt | none
	SoftTTL        Duration `json:"softTTL"`
	HardTTL        Duration `json:"hardTTL"`        // the age past which no router uses a mapping
	RefreshTimeout Duration `json:"refreshTimeout"` // of one read of the mapping table
	CellTimeout    Duration `json:"cellTimeout"`    // of one call into a cell
	// ThrottleRate is how many requests a second the API lets in, over all tenants. It is 0 in the manifest of a router of a
	// version that did not publish it; readers of that version pass it over.
	ThrottleRate int `json:"throttleRate,omitempty"`
}

// JSON is the document as the router publishes it.
func (r Router) JSON() (string, error) { return encode(ofRouter, r) }

// ParseRouter reads a document. It reports every field that is missing.
func ParseRouter(text string) (Router, error) {
	var r Router
	if err := decode(ofRouter, text, &r); err != nil {
		return Router{}, err
	}
	err := missing(ofRouter, []field{
		{"url", r.URL != ""}, {"function", r.Function != ""}, {"role", r.Role != ""}, {"auth", r.Auth != ""},
		{"softTTL", r.SoftTTL > 0}, {"hardTTL", r.HardTTL > 0}, {"refreshTimeout", r.RefreshTimeout > 0}, {"cellTimeout", r.CellTimeout > 0},
	})
	if err != nil {
		return Router{}, err
	}
	return r, nil
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
