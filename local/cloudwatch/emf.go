package cloudwatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of a line in the embedded metric format, from "Specification: Embedded metric format" of the CloudWatch user guide and
// its JSON schema. Where the API references of PutMetricData, MetricDatum and Dimension are stricter, theirs are meant. maxDimensions and maxDimension
// are those of alarms.
const (
	maxLineBytes        = 256 << 10
	maxNamespace        = 255 // characters, as all that follow
	maxMetricName       = 255
	maxDimensionName    = 250
	maxMetrics          = 100 // per directive
	maxValues           = 100 // per metric of a line
	maxPast             = 14 * 24 * time.Hour
	maxFuture           = 2 * time.Hour
	standardResolution  = 60
	highResolution      = 1
	reservedNamespace   = "AWS/"
	valueExponentBounds = 360 // a value is from -2^360 to 2^360
)

// units are the units of the schema.
var units = []string{
	"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits",
	"Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second",
	"Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
}

var (
	// namespacePattern is from "Namespaces" of the user guide.
	namespacePattern = regexp.MustCompile(`\A[0-9A-Za-z.\-_/#: ]+\z`)
	// asciiPattern is what names and values of dimensions are made of, and names of metrics: no control characters.
	asciiPattern = regexp.MustCompile(`\A[ -~]+\z`)
)

// TakeLine adds the metrics of a log line that comes now, if it is one in the embedded metric format. It returns an error, and
// adds nothing, where the line says that it is, and does not follow the specification: CloudWatch drops metrics of such a line
// without a word.
func (m *Metrics) TakeLine(line []byte, now time.Time) error {
	values, err := parseEMF(line, now)
	if err != nil {
		return fmt.Errorf("embedded metrics: %w", err)
	}
	for _, v := range values {
		m.Put(v.metric, v.unit, v.at, v.values...)
	}
	return nil
}

// measured are the values that a line has of a metric.
type measured struct {
	metric Metric
	unit   string
	at     time.Time
	values []float64
}

// members are those of a JSON object, whose names are case-sensitive, unlike those of a struct.
type members map[string]json.RawMessage

// take decodes a member that must be there.
func (m members) take(name string, into any) error {
	raw, ok := m[name]
	if !ok || string(raw) == "null" {
		return fmt.Errorf("%s is missing", name)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s is %s: %w", name, raw, err)
	}
	return nil
}

// parseEMF returns what a line measures: nothing if it is no JSON object, or has no member _aws.
func parseEMF(line []byte, now time.Time) ([]measured, error) {
	var root members
	if err := json.Unmarshal(line, &root); err != nil || root["_aws"] == nil {
		return nil, nil // a line like any other
	}
	if len(line) > maxLineBytes {
		return nil, fmt.Errorf("the line has %d bytes, want at most %d", len(line), maxLineBytes)
	}
	var metadata members
	var millis int64
	var directives []members
	if err := root.take("_aws", &metadata); err != nil {
		return nil, err
	}
	if err := errors.Join(metadata.take("Timestamp", &millis), metadata.take("CloudWatchMetrics", &directives)); err != nil {
		return nil, fmt.Errorf("_aws: %w", err)
	}
	at := time.UnixMilli(millis)
	if at.Before(now.Add(-maxPast)) || at.After(now.Add(maxFuture)) {
		return nil, fmt.Errorf("the timestamp is %s and the line came at %s, want one from two weeks before to two hours after",
			at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	var all []measured
	for _, d := range directives {
		list, err := root.directive(d, at)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// directive returns what a directive finds in the line's fields.
func (root members) directive(d members, at time.Time) ([]measured, error) {
	var namespace string
	var sets [][]string
	var definitions []members
	if err := errors.Join(d.take("Namespace", &namespace), d.take("Dimensions", &sets), d.take("Metrics", &definitions)); err != nil {
		return nil, fmt.Errorf("a directive: %w", err)
	}
	switch {
	case len(namespace) > maxNamespace || !namespacePattern.MatchString(namespace) || blank(namespace) ||
		strings.HasPrefix(namespace, ":") || strings.HasPrefix(namespace, reservedNamespace):
		return nil, fmt.Errorf("namespace %q, want 1 to %d letters, digits, spaces and .-_/#: that begin with neither : nor %s", namespace, maxNamespace, reservedNamespace)
	case len(sets) == 0:
		return nil, errors.New("a directive has no dimension set, want at least an empty one")
	case len(definitions) > maxMetrics:
		return nil, fmt.Errorf("a directive has %d metrics, want at most %d", len(definitions), maxMetrics)
	}
	var all []measured
	for _, set := range sets {
		dimensions, err := root.dimensions(set)
		if err != nil {
			return nil, err
		}
		for _, definition := range definitions {
			found, err := root.metric(definition)
			if err != nil {
				return nil, err
			}
			found.metric, found.at = NewMetric(namespace, found.metric.Name, dimensions...), at
			all = append(all, found)
		}
	}
	return all, nil
}

func (root members) dimensions(set []string) ([]Dimension, error) {
	if len(set) > maxDimensions {
		return nil, fmt.Errorf("a dimension set has %d names, want at most %d", len(set), maxDimensions)
	}
	dimensions := make([]Dimension, 0, len(set))
	for i, name := range set {
		if !ascii(name, maxDimensionName) || strings.HasPrefix(name, ":") || slices.Contains(set[:i], name) {
			return nil, fmt.Errorf("dimension %q, want names of 1 to %d ASCII characters that do not begin with :, each once in a set", name, maxDimensionName)
		}
		var value string
		if err := root.take(name, &value); err != nil || !ascii(value, maxDimension) {
			return nil, fmt.Errorf("dimension %q is no field of the line with a text of 1 to %d ASCII characters: %s", name, maxDimension, root[name])
		}
		dimensions = append(dimensions, Dimension{name, value})
	}
	return dimensions, nil
}

// metric returns the values and the unit of a metric's definition.
func (root members) metric(definition members) (measured, error) {
	var name string
	unit, resolution := "", standardResolution
	if err := definition.take("Name", &name); err != nil {
		return measured{}, fmt.Errorf("a metric: %w", err)
	}
	if !ascii(name, maxMetricName) {
		return measured{}, fmt.Errorf("metric %q, want a name of 1 to %d ASCII characters", name, maxMetricName)
	}
	if _, ok := definition["Unit"]; ok {
		if err := definition.take("Unit", &unit); err != nil || !slices.Contains(units, unit) {
			return measured{}, fmt.Errorf("metric %q has the unit %s, want one of %s", name, definition["Unit"], strings.Join(units, ", "))
		}
	}
	if _, ok := definition["StorageResolution"]; ok {
		err := definition.take("StorageResolution", &resolution)
		if err != nil || (resolution != standardResolution && resolution != highResolution) {
			return measured{}, fmt.Errorf("metric %q has the storage resolution %s, want %d or %d", name, definition["StorageResolution"], highResolution, standardResolution)
		}
	}
	values, err := root.values(name)
	return measured{metric: Metric{Name: name}, unit: unit, values: values}, err
}

func (root members) values(name string) ([]float64, error) {
	values := make([]float64, 1)
	if err := root.take(name, &values[0]); err != nil {
		values = nil
		if err := root.take(name, &values); err != nil || len(values) == 0 || len(values) > maxValues {
			return nil, fmt.Errorf("metric %q is no field of the line with a number, or with 1 to %d of them", name, maxValues)
		}
	}
	for _, v := range values {
		if math.Abs(v) > math.Ldexp(1, valueExponentBounds) {
			return nil, fmt.Errorf("metric %q is %g, want a value from -2^%d to 2^%d", name, v, valueExponentBounds, valueExponentBounds)
		}
	}
	return values, nil
}

// ascii reports whether a text has 1 to most printable ASCII characters, and not only spaces.
func ascii(s string, most int) bool {
	return len(s) <= most && asciiPattern.MatchString(s) && !blank(s)
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
