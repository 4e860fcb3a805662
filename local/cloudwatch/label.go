package cloudwatch

import (
	"fmt"
	"regexp"
	"strings"
)

// dynamic are the parts of a label that a series fills in: user guide, "Using dynamic labels". Those that are a statistic of what is
// shown are not served.
var dynamic = regexp.MustCompile(`\$\{([^}]*)\}`)

const (
	ownLabel      = "LABEL"
	nameProperty  = "PROP('MetricName')"
	spaceProperty = "PROP('Namespace')"
	ofDimension   = "PROP('Dim."
)

func checkLabel(label string) error {
	for _, part := range dynamic.FindAllStringSubmatch(label, -1) {
		switch {
		case part[1] == ownLabel, part[1] == nameProperty, part[1] == spaceProperty, strings.HasPrefix(part[1], ofDimension) && strings.HasSuffix(part[1], "')"):
		default:
			return fmt.Errorf("label %q: %s is not served", label, part[0])
		}
	}
	return nil
}

// labelled is the label of a series for which a query asks. One label for many series stands before that of each, unless it says
// itself how they differ.
func (l line) labelled(label string, many bool) string {
	switch {
	case label == "":
		return l.label
	case !dynamic.MatchString(label) && many:
		return label + " " + l.label
	}
	return dynamic.ReplaceAllStringFunc(label, func(part string) string {
		switch part = part[2 : len(part)-1]; part {
		case ownLabel:
			return l.label
		case nameProperty:
			return l.metric.Name
		case spaceProperty:
			return l.metric.Namespace
		}
		value, _ := l.metric.Dimension(strings.TrimSuffix(strings.TrimPrefix(part, ofDimension), "')"))
		return value
	})
}
