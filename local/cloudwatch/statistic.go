package cloudwatch

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Statistic makes one value of the values of a period.
type Statistic struct {
	name       string
	percentile float64 // where name is "p"
}

// ParseStatistic reads the name of a statistic: SampleCount, Sum, Average, Minimum, Maximum, or pNN.NN for a percentile.
func ParseStatistic(s string) (Statistic, error) {
	switch s {
	case "SampleCount", "Sum", "Average", "Minimum", "Maximum":
		return Statistic{name: s}, nil
	}
	if text, ok := strings.CutPrefix(s, "p"); ok {
		if p, err := strconv.ParseFloat(text, 64); err == nil && p >= 0 && p <= 100 {
			return Statistic{name: "p", percentile: p}, nil
		}
	}
	return Statistic{}, fmt.Errorf("statistic %q: want SampleCount, Sum, Average, Minimum, Maximum, or p0 to p100", s)
}

// Of returns the statistic of values, of which there is at least one.
func (s Statistic) Of(values []float64) float64 {
	switch s.name {
	case "SampleCount":
		return float64(len(values))
	case "Minimum":
		return slices.Min(values)
	case "Maximum":
		return slices.Max(values)
	case "p":
		ordered := slices.Sorted(slices.Values(values))
		rank := int(math.Ceil(s.percentile / 100 * float64(len(ordered))))
		return ordered[min(max(rank, 1), len(ordered))-1]
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	if s.name == "Average" {
		return sum / float64(len(values))
	}
	return sum
}

// significant returns how many values a percentile needs to say something, or 0 for other statistics: "Percentile-based alarms and
// low data samples" in the user guide.
func (s Statistic) significant() int {
	const tail = 10 // values beyond the percentile
	switch {
	case s.name != "p":
		return 0
	case s.percentile >= 50:
		return int(math.Ceil(tail * 100 / (100 - min(s.percentile, 99.99))))
	}
	return int(math.Ceil(tail * 100 / max(s.percentile, 0.01)))
}
