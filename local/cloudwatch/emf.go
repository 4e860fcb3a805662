package cloudwatch

import (
	"encoding/json"
	"fmt"
	"time"
)

// Limits of the embedded metric format, from its specification in the CloudWatch user guide.
const (
	maxEMFMetrics    = 100 // per directive
	maxEMFDimensions = 30  // per dimension set
	maxEMFValues     = 100 // per metric of a line
)

// embedded is the root of a line in the embedded metric format.
type embedded struct {
	AWS *struct {
		Timestamp         int64 // milliseconds since 1970
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
}

// TakeLine adds the metrics of a log line, if it is one in the embedded metric format. It returns an error where the line says
// that it is, and does not follow the specification: CloudWatch drops the metrics of such a line without a word.
func (m *Metrics) TakeLine(line []byte) error {
	var root embedded
	if err := json.Unmarshal(line, &root); err != nil || root.AWS == nil {
		return nil // a line like any other
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return fmt.Errorf("embedded metrics: %w", err)
	}
	for _, d := range root.AWS.CloudWatchMetrics {
		if d.Namespace == "" || len(d.Metrics) > maxEMFMetrics {
			return fmt.Errorf("embedded metrics: a directive has namespace %q and %d metrics, want a namespace and at most %d", d.Namespace, len(d.Metrics), maxEMFMetrics)
		}
		for _, set := range d.Dimensions {
			dimensions, err := dimensionsOf(fields, set)
			if err != nil {
				return fmt.Errorf("embedded metrics: %w", err)
			}
			for _, metric := range d.Metrics {
				values, err := valuesOf(fields, metric.Name)
				if err != nil {
					return fmt.Errorf("embedded metrics: %w", err)
				}
				m.Put(NewMetric(d.Namespace, metric.Name, dimensions...), metric.Unit, time.UnixMilli(root.AWS.Timestamp), values...)
			}
		}
	}
	return nil
}

func dimensionsOf(fields map[string]json.RawMessage, set []string) ([]Dimension, error) {
	if len(set) > maxEMFDimensions {
		return nil, fmt.Errorf("a dimension set has %d names, want at most %d", len(set), maxEMFDimensions)
	}
	dimensions := make([]Dimension, 0, len(set))
	for _, name := range set {
		var value string
		if err := json.Unmarshal(fields[name], &value); err != nil || value == "" {
			return nil, fmt.Errorf("dimension %q is no field of the line with a text", name)
		}
		dimensions = append(dimensions, Dimension{name, value})
	}
	return dimensions, nil
}

func valuesOf(fields map[string]json.RawMessage, name string) ([]float64, error) {
	var one float64
	if err := json.Unmarshal(fields[name], &one); err == nil {
		return []float64{one}, nil
	}
	var many []float64
	if err := json.Unmarshal(fields[name], &many); err != nil || len(many) == 0 || len(many) > maxEMFValues {
		return nil, fmt.Errorf("metric %q is no field of the line with a number, or with 1 to %d of them", name, maxEMFValues)
	}
	return many, nil
}
