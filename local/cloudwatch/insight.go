package cloudwatch

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// insight is a query of Metrics Insights: user guide, "Query components and syntax in CloudWatch Metrics Insights". What this
// project's dashboards use is served: one function of one metric of a schema, grouped by one dimension, the highest or lowest first.
var insight = regexp.MustCompile(`\ASELECT (AVG|COUNT|MAX|MIN|SUM)\("?([^")]+)"?\) FROM SCHEMA\("([^"]+)", *"?([^",)]+)"?\) GROUP BY "?([^" ]+)"? ORDER BY (AVG|COUNT|MAX|MIN|SUM)\(\) (ASC|DESC) LIMIT ([0-9]+)\z`)

func isInsight(text string) bool { return strings.HasPrefix(text, "SELECT ") }

// parseInsight reads a query of Metrics Insights.
func parseInsight(text string) (expression, error) {
	parts := insight.FindStringSubmatch(text)
	if parts == nil {
		return nil, fmt.Errorf(`query %q: want SELECT f("metric") FROM SCHEMA("namespace", dimension) GROUP BY dimension ORDER BY f() DESC LIMIT n`, text)
	}
	function, name, namespace, dimension := parts[1], parts[2], parts[3], parts[4]
	if parts[5] != dimension || parts[6] != function {
		return nil, fmt.Errorf("query %q: want it grouped by the schema's dimension, and ordered by the function that is selected", text)
	}
	limit, err := strconv.Atoi(parts[8])
	if err != nil || limit < 1 || limit > maxSearched {
		return nil, fmt.Errorf("query %q: want a limit of 1 to %d", text, maxSearched)
	}
	stat := Statistic{name: map[string]string{"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}[function]}
	total := stat // over the periods, by which series are ordered
	if function == "COUNT" {
		total = Statistic{name: "Sum"}
	}
	return func(s *scope, _ []string) (value, error) {
		type ranked struct {
			line
			rank float64
		}
		var found []ranked
		for _, m := range s.metrics.List() {
			of, ok := m.Dimension(dimension)
			if m.Namespace != namespace || m.Name != name || !ok || len(m.Dimensions) != 1 {
				continue
			}
			points := s.metrics.Points(m, stat, s.step(), s.start, s.end)
			if len(points) > 0 {
				found = append(found, ranked{line{of, points, m}, total.Of(slices.Collect(maps.Values(points)))})
			}
		}
		slices.SortStableFunc(found, func(a, b ranked) int {
			if parts[7] == "DESC" {
				return cmp.Compare(b.rank, a.rank)
			}
			return cmp.Compare(a.rank, b.rank)
		})
		v := value{series: []line{}}
		for _, r := range found[:min(limit, len(found))] {
			v.series = append(v.series, r.line)
		}
		return v, nil
	}, nil
}
