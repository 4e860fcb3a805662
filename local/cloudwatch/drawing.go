package cloudwatch

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
)

// Drawing is a widget with what it shows.
type Drawing struct {
	Widget Widget
	Series []Series     // of a graph: those that have a value
	States []AlarmState // of a widget of alarms
}

// Series is a time series of a graph.
type Series struct {
	Label  string
	Points Points
}

// AlarmState is an alarm of a widget. The state is "" for an alarm that there is not.
type AlarmState struct {
	Name  string
	State State
}

// Choices are the values that a variable may have, in order: those of a dimension of the metrics that it searches for, or its own.
func (v BoardVariable) Choices(m *Metrics) ([]string, error) {
	var all []string
	for _, value := range v.Values {
		all = append(all, value.Value)
	}
	if v.Search == "" {
		return all, nil
	}
	matches, err := parseSearch(v.Search)
	if err != nil {
		return nil, err
	}
	for _, metric := range m.List() {
		if value, ok := metric.Dimension(v.PopulateFrom); ok && matches(metric) {
			all = append(all, value)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Pick puts a value where the widgets of a body have the pattern of a variable, and leaves the variables out.
func (v BoardVariable) Pick(body, value string) (string, error) {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &parts); err != nil {
		return "", err
	}
	pattern, err := regexp.Compile(v.Pattern)
	if err != nil {
		return "", fmt.Errorf("variable %s: %w", v.ID, err)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	parts["widgets"] = pattern.ReplaceAllLiteral(parts["widgets"], quoted[1:len(quoted)-1])
	delete(parts, "variables")
	out, err := json.Marshal(parts)
	return string(out), err
}

// Draw evaluates what the widgets of a dashboard show of a time.
func (b *Board) Draw(m *Metrics, a *Alarms, start, end time.Time) ([]Drawing, error) {
	drawings := make([]Drawing, len(b.Widgets))
	for i, w := range b.Widgets {
		d := Drawing{Widget: w}
		if w.Graph != nil {
			out, err := m.Data(cloudwatch.GetMetricDataInput{StartTime: &start, EndTime: &end, MetricDataQueries: w.Graph.queries})
			if err != nil {
				return nil, fmt.Errorf("widget %d, %q: %w", i, w.Graph.Title, err)
			}
			for _, r := range out.MetricDataResults {
				s := Series{*r.Label, Points{}}
				for at, t := range r.Timestamps {
					s.Points[t.Unix()] = r.Values[at]
				}
				if len(s.Points) > 0 {
					d.Series = append(d.Series, s)
				}
			}
		}
		if w.Alarms != nil {
			for _, arn := range w.Alarms.Alarms {
				_, name, _ := strings.Cut(arn, ":alarm:")
				state, _ := a.StateOf(name)
				d.States = append(d.States, AlarmState{name, state})
			}
		}
		drawings[i] = d
	}
	return drawings, nil
}
