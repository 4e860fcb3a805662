package manifest

// What the documents of the global plane are called in errors.
const (
	ofControlPlane = "the control plane"
	ofRouter       = "the router"
)

// ControlPlane is the control plane's manifest.
type ControlPlane struct {
	MappingTable string `json:"mapping_table"`
	CellTable    string `json:"cell_table"`
	MoveTable    string `json:"move_table"`
	// AlarmTopicARN is the topic that the deployment's alarms tell. It is empty in the manifest of a control plane of a version
	// without alarms; readers of that version pass it over.
	AlarmTopicARN string `json:"alarm_topic_arn,omitempty"`
	// AuditTable is "" in the manifest of a control plane of the version before, which has none; readers of that version pass
	// it over.
	AuditTable string `json:"audit_table,omitempty"`
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
		{"mapping_table", c.MappingTable != ""}, {"cell_table", c.CellTable != ""}, {"move_table", c.MoveTable != ""},
	})
	if err != nil {
		return ControlPlane{}, err
	}
	return c, nil
}

// Router is the router's manifest.
type Router struct {
	URL            string   `json:"url"`
	Function       string   `json:"function"` // name
	Role           string   `json:"role"`     // ARN
	Auth           string   `json:"auth"`     // iam | jwt | none
	SoftTTL        Duration `json:"soft_ttl"`
	HardTTL        Duration `json:"hard_ttl"`        // the age past which no router uses a mapping
	RefreshTimeout Duration `json:"refresh_timeout"` // of one read of the mapping table
	CellTimeout    Duration `json:"cell_timeout"`    // of one call into a cell
	// ThrottleRate is how many requests a second the API lets in, over all tenants. It is 0 in the manifest of a router of a
	// version that did not publish it; readers of that version pass it over.
	ThrottleRate int `json:"throttle_rate,omitempty"`
	// ExecutionARN is the API, as rights to call its routes name it. It is empty in the manifest of a router of a version that did
	// not publish it.
	ExecutionARN string `json:"execution_arn,omitempty"`
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
		{"soft_ttl", r.SoftTTL > 0}, {"hard_ttl", r.HardTTL > 0}, {"refresh_timeout", r.RefreshTimeout > 0}, {"cell_timeout", r.CellTimeout > 0},
	})
	if err != nil {
		return Router{}, err
	}
	return r, nil
}
