package pulumitest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
)

// Measured is a metric that an alarm measures.
type Measured struct {
	Namespace, Name string
	Dimensions      map[string]any
	Statistic       string
	Period          float64 // seconds
}

func (m Measured) String() string {
	text := fmt.Sprintf("%s of %s %s", m.Statistic, m.Namespace, m.Name)
	for _, name := range slices.Sorted(maps.Keys(m.Dimensions)) {
		text += fmt.Sprintf(" %s=%v", name, m.Dimensions[name])
	}
	return text
}

// Measures returns the metrics of a metric alarm by the ids that its expressions have for them; "" is that of an alarm without
// an expression.
func (r *Resource) Measures(t require.TestingT) map[string]Measured {
	if !r.Has("metricQueries") {
		return map[string]Measured{"": measured(t, r.Inputs.Mappable(), "statistic")}
	}
	all := map[string]Measured{}
	for _, q := range r.queries(t) {
		if metric, ok := q["metric"].(map[string]any); ok {
			all[q["id"].(string)] = measured(t, metric, "stat")
		}
	}
	return all
}

func measured(t require.TestingT, m map[string]any, statistic string) Measured {
	dimensions, _ := m["dimensions"].(map[string]any)
	for _, key := range []string{"namespace", "metricName", "period", statistic} {
		require.Contains(t, m, key)
	}
	return Measured{m["namespace"].(string), m["metricName"].(string), dimensions, m[statistic].(string), m["period"].(float64)}
}

// AlarmText writes a metric alarm in a line: what it measures, what it makes of it, and when it fires.
func (r *Resource) AlarmText(t require.TestingT) string {
	var parts []string
	all, period := r.Measures(t), 0.0
	for _, id := range slices.Sorted(maps.Keys(all)) {
		require.True(t, period == 0 || period == all[id].Period, "%s has several periods", r)
		period = all[id].Period
		text := all[id].String()
		if id != "" {
			text = id + " = " + text
		}
		parts = append(parts, text)
	}
	if r.Has("metricQueries") {
		var steps []string
		queries := r.queries(t)
		for i := len(queries) - 1; i >= 0; i-- { // the one that is compared is first
			q := queries[i]
			require.Equal(t, i == 0, q["returnData"], "%s compares the first query", r)
			if expression, ok := q["expression"]; ok {
				steps = append(steps, fmt.Sprintf("%s = %s", q["id"], expression))
			}
		}
		parts = append(parts, steps...)
	}
	v := r.Inputs.Mappable()
	operator := map[any]string{"GreaterThanThreshold": ">", "LessThanThreshold": "<"}[v["comparisonOperator"]]
	require.NotEmpty(t, operator, "%s compares by %v", r, v["comparisonOperator"])
	return fmt.Sprintf("%s %s %v in %v of %v of %vs, missing %v", strings.Join(parts, "; "),
		operator, v["threshold"], v["datapointsToAlarm"], v["evaluationPeriods"], period, v["treatMissingData"])
}

func (r *Resource) queries(t require.TestingT) []map[string]any {
	list, ok := r.Inputs.Mappable()["metricQueries"].([]any)
	require.True(t, ok, r)
	var all []map[string]any
	for _, q := range list {
		all = append(all, q.(map[string]any))
	}
	return all
}
