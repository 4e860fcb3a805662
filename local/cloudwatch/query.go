package cloudwatch

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// query is one query of GetMetricData or of an alarm: a statistic of a metric, or an expression over other queries.
type query struct {
	id, label string
	returned  bool
	period    time.Duration // 0 of an expression: that of its parts

	metric Metric
	stat   Statistic

	expression expression // nil of a metric's statistic
}

var queryID = regexp.MustCompile(`\A[a-z][a-zA-Z0-9_]*\z`)

// newQueries checks queries. Their ids are unique, and an expression refers to ids that there are.
func newQueries(given []types.MetricDataQuery) ([]query, error) {
	queries := make([]query, 0, len(given))
	ids := map[string]bool{}
	for _, g := range given {
		q := query{id: aws.ToString(g.Id), label: aws.ToString(g.Label), returned: g.ReturnData == nil || *g.ReturnData, period: seconds(g.Period)}
		if !queryID.MatchString(q.id) || ids[q.id] {
			return nil, fmt.Errorf("query id %q: want one that begins with a small letter, of letters, digits and _, once", q.id)
		}
		ids[q.id] = true
		var err error
		switch {
		case g.MetricStat != nil && g.MetricStat.Metric != nil && g.Expression == nil:
			metric := g.MetricStat.Metric
			q.metric = NewMetric(aws.ToString(metric.Namespace), aws.ToString(metric.MetricName), dimensionsFrom(metric.Dimensions)...)
			q.period = seconds(g.MetricStat.Period)
			if q.period < time.Second {
				err = fmt.Errorf("period %s: want at least 1 s", q.period)
			} else {
				q.stat, err = ParseStatistic(aws.ToString(g.MetricStat.Stat))
			}
		case g.Expression != nil && g.MetricStat == nil:
			q.expression, err = parseExpression(*g.Expression)
		default:
			err = fmt.Errorf("want either a MetricStat or an Expression")
		}
		if err == nil {
			err = checkLabel(q.label)
		}
		if err != nil {
			return nil, fmt.Errorf("query %s: %w", q.id, err)
		}
		queries = append(queries, q)
	}
	return queries, nil
}

// line is a time series of an answer.
type line struct {
	label  string
	points Points
	metric Metric // for labels that name its dimensions; none of what was computed
}

// value is what an expression yields: a number, or any number of series.
type value struct {
	scalar *float64
	series []line
}

// evaluateQueries answers queries, by their ids.
func evaluateQueries(m *Metrics, queries []query, start, end time.Time) (map[string]value, error) {
	s := scope{metrics: m, queries: map[string]query{}, done: map[string]value{}, start: start, end: end}
	for _, q := range queries {
		s.queries[q.id] = q
		if q.expression == nil {
			s.order = append(s.order, q.id)
		}
	}
	for _, q := range queries {
		if _, err := s.of(q.id, nil); err != nil {
			return nil, err
		}
	}
	return s.done, nil
}

// scope is what expressions are evaluated in.
type scope struct {
	metrics    *Metrics
	queries    map[string]query
	order      []string // ids of metrics' statistics, as they were given
	done       map[string]value
	start, end time.Time
}

// of returns the value of a query. Through are the ids on the way to it, none of which may be met again.
func (s *scope) of(id string, through []string) (value, error) {
	if v, ok := s.done[id]; ok {
		return v, nil
	}
	q, ok := s.queries[id]
	if !ok {
		return value{}, fmt.Errorf("there is no query %q", id)
	}
	for _, before := range through {
		if before == id {
			return value{}, fmt.Errorf("query %s refers to itself", id)
		}
	}
	var v value
	if q.expression == nil {
		v.series = []line{{q.metric.Name, s.metrics.Points(q.metric, q.stat, q.period, s.start, s.end), q.metric}}
	} else {
		var err error
		if v, err = q.expression(s, append(through, id)); err != nil {
			return value{}, fmt.Errorf("query %s: %w", id, err)
		}
	}
	v.series = slices.Clone(v.series)
	for i, l := range v.series {
		if l.label == "" && len(v.series) == 1 {
			l.label = id
		}
		v.series[i].label = l.labelled(q.label, len(v.series) > 1)
	}
	s.done[id] = v
	return v, nil
}

// defaultStep is the period of an expression beside which no query has one.
const defaultStep = time.Minute

// step is the period of an expression: the longest of the queries beside it.
func (s *scope) step() time.Duration {
	longest := time.Duration(0)
	for _, q := range s.queries {
		longest = max(longest, q.period)
	}
	if longest == 0 {
		return defaultStep
	}
	return longest
}
