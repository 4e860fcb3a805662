package cloudwatch

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Retention is how long a datapoint is kept. AWS keeps those with periods under a minute for 3 h.
const Retention = 3 * time.Hour

// MaxMetrics bounds the metrics that are kept; what would be one more is dropped.
const MaxMetrics = 10_000

// Dimension is a name and a value by which a metric is told from others of its name.
type Dimension struct{ Name, Value string }

// Metric names a metric. Its dimensions are in order of their names; see NewMetric.
type Metric struct {
	Namespace, Name string
	Dimensions      []Dimension
}

// NewMetric returns a metric with its dimensions in order.
func NewMetric(namespace, name string, dimensions ...Dimension) Metric {
	dimensions = slices.Clone(dimensions)
	slices.SortFunc(dimensions, func(a, b Dimension) int { return cmp.Compare(a.Name, b.Name) })
	return Metric{Namespace: namespace, Name: name, Dimensions: dimensions}
}

// key tells metrics apart. No name of CloudWatch has a control character.
func (m Metric) key() string {
	var b strings.Builder
	b.WriteString(m.Namespace + "\x00" + m.Name)
	for _, d := range m.Dimensions {
		b.WriteString("\x00" + d.Name + "\x01" + d.Value)
	}
	return b.String()
}

// Dimension returns the value of a dimension, and whether the metric has it.
func (m Metric) Dimension(name string) (string, bool) {
	for _, d := range m.Dimensions {
		if d.Name == name {
			return d.Value, true
		}
	}
	return "", false
}

// DimensionNames returns the names of the metric's dimensions, in order.
func (m Metric) DimensionNames() []string {
	names := make([]string, len(m.Dimensions))
	for i, d := range m.Dimensions {
		names[i] = d.Name
	}
	return names
}

// Metrics keeps the datapoints of metrics for Retention. It is safe for concurrent use.
type Metrics struct {
	mu     sync.Mutex
	series map[string]*series // by Metric.key
}

// series are the values of one metric, in seconds of arrival.
type series struct {
	metric  Metric
	unit    string
	seconds []second // in order of at
}

// second holds the values of one second.
type second struct {
	at     int64 // seconds since 1970
	values []float64
}

// NewMetrics returns an empty store.
func NewMetrics() *Metrics { return &Metrics{series: map[string]*series{}} }

// Put adds values to a metric at a time. The unit is that of the last who gave one.
func (m *Metrics) Put(metric Metric, unit string, at time.Time, values ...float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := metric.key()
	s := m.series[key]
	if s == nil {
		if len(m.series) >= MaxMetrics {
			return
		}
		s = &series{metric: metric}
		m.series[key] = s
	}
	if unit != "" {
		s.unit = unit
	}
	s.add(at.Unix(), values)
}

func (s *series) add(at int64, values []float64) {
	i, found := slices.BinarySearchFunc(s.seconds, at, func(s second, at int64) int { return cmp.Compare(s.at, at) })
	if found {
		s.seconds[i].values = append(s.seconds[i].values, values...)
		return
	}
	s.seconds = slices.Insert(s.seconds, i, second{at: at, values: slices.Clone(values)})
	oldest := s.seconds[len(s.seconds)-1].at - int64(Retention/time.Second)
	expired, _ := slices.BinarySearchFunc(s.seconds, oldest, func(s second, at int64) int { return cmp.Compare(s.at, at) })
	s.seconds = slices.Delete(s.seconds, 0, expired)
}

// Points returns a statistic of a metric for each period that begins in [start, end) and has values, by the second at which the
// period begins. Periods are aligned to 1970, as CloudWatch aligns them.
func (m *Metrics) Points(metric Metric, stat Statistic, period time.Duration, start, end time.Time) Points {
	width := max(1, int64(period/time.Second))
	first := start.Unix() - modulo(start.Unix(), width)
	m.mu.Lock()
	defer m.mu.Unlock()
	points := Points{}
	s := m.series[metric.key()]
	if s == nil {
		return points
	}
	from, _ := slices.BinarySearchFunc(s.seconds, first, func(s second, at int64) int { return cmp.Compare(s.at, at) })
	var values []float64
	for i := from; i < len(s.seconds); i++ {
		begin := s.seconds[i].at - modulo(s.seconds[i].at, width)
		if begin >= end.Unix() {
			break
		}
		values = append(values, s.seconds[i].values...)
		if i+1 == len(s.seconds) || s.seconds[i+1].at >= begin+width {
			points[begin] = stat.Of(values)
			values = values[:0]
		}
	}
	return points
}

// count returns how many values a metric has from one second until another.
func (m *Metrics) count(metric Metric, from, until int64) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	if s := m.series[metric.key()]; s != nil {
		for _, sec := range s.seconds {
			if sec.at >= from && sec.at < until {
				n += len(sec.values)
			}
		}
	}
	return n
}

func modulo(a, b int64) int64 { return ((a % b) + b) % b }

// Unit returns the unit of a metric, or "None".
func (m *Metrics) Unit(metric Metric) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.series[metric.key()]; s != nil && s.unit != "" {
		return s.unit
	}
	return "None"
}

// List returns the metrics that there are, in order of namespace, name and dimensions.
func (m *Metrics) List() []Metric {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Metric
	for _, key := range slices.Sorted(maps.Keys(m.series)) {
		all = append(all, m.series[key].metric)
	}
	return all
}

// Points are values by the second at which their period begins.
type Points map[int64]float64

// Times returns the seconds of the points, in order.
func (p Points) Times() []int64 { return slices.Sorted(maps.Keys(p)) }
