// Package emftest reads the metrics of the lines that functions write, as CloudWatch does.
package emftest

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/cloudwatch"
)

// Strict returns a writer of lines that passes them on to another, and panics at one whose metrics CloudWatch would drop.
// CloudWatch reads each line when it was written.
func Strict(to io.Writer) io.Writer { return strict{to} }

type strict struct{ io.Writer }

func (s strict) Write(line []byte) (int, error) {
	if err := check(line); err != nil {
		panic(err)
	}
	return s.Writer.Write(line)
}

func check(line []byte) error {
	var root struct {
		AWS struct{ Timestamp int64 } `json:"_aws"`
	}
	return errors.Join(json.Unmarshal(line, &root), cloudwatch.NewMetrics().TakeLine(line, time.UnixMilli(root.AWS.Timestamp)))
}

// OfCell returns the values of a decoded line's metrics, and requires that they count for the cell alone.
func OfCell(t require.TestingT, line map[string]any, cell string) map[string]float64 {
	directives := line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any)
	require.Len(t, directives, 1)
	directive := directives[0].(map[string]any)
	require.Equal(t, []any{[]any{"cell"}}, directive["Dimensions"])
	require.Equal(t, cell, line["cell"])
	values := map[string]float64{}
	for _, m := range directive["Metrics"].([]any) {
		name := m.(map[string]any)["Name"].(string)
		values[name] = line[name].(float64)
	}
	return values
}
