package manifest

import (
	"encoding/json"
	"errors"
	"time"
)

// Duration is a time.Duration that is text in JSON, in Go's notation, such as "1h0m0s".
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration in Go's notation.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON is the inverse of MarshalJSON. It takes a whole number of seconds too, as cells of the version before publish
// their durations.
func (d *Duration) UnmarshalJSON(text []byte) error {
	var seconds int32
	if err := json.Unmarshal(text, &seconds); err == nil {
		*d = Duration(time.Duration(seconds) * time.Second)
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return errors.New(`want a duration such as "30s", got ` + string(text))
	}
	parsed, err := time.ParseDuration(s)
	*d = Duration(parsed)
	return err
}
