package main

import (
	"fmt"
	"math"
	"time"
)

// unit is what a figure is counted in; JSON has it as it stands here.
type unit string

const (
	nanoseconds unit = "ns"
	byteSize    unit = "bytes"
	perSecond   unit = "1/s"
	count       unit = ""
	percent     unit = "%"
)

// row is one line of the table.
type row struct {
	Part     string  `json:"part"`
	Measure  string  `json:"measure"`
	Unit     unit    `json:"unit"`
	Value    summary `json:"value"`
	Baseline summary `json:"baseline"`
	Against  string  `json:"against"` // what the baseline is
	Ratio    summary `json:"ratio"`
	Target   *target `json:"target,omitempty"`
	Verdict  string  `json:"verdict,omitempty"`
	Note     string  `json:"note,omitempty"`
}

// target is a bound of a row's ratio or, where absolute, of its value.
type target struct {
	AtLeast  bool    `json:"at_least"` // or else at most
	Absolute bool    `json:"absolute"`
	Bound    float64 `json:"bound"`
}

func ratioAtMost(bound float64) *target  { return &target{Bound: bound} }
func ratioAtLeast(bound float64) *target { return &target{Bound: bound, AtLeast: true} }
func valueAtMost(bound float64) *target  { return &target{Bound: bound, Absolute: true} }
func valueAtLeast(bound float64) *target { return &target{Bound: bound, AtLeast: true, Absolute: true} }

// newRow compares two series of one figure. The baseline is described by against; t may be nil.
func newRow(measure string, u unit, value series, against string, baseline series, t *target) row {
	r := row{
		Measure: measure, Unit: u, Against: against, Target: t,
		Value: value.summary(), Baseline: baseline.summary(), Ratio: value.over(baseline).summary(),
	}
	r.Verdict = r.verdict()
	return r
}

func (r row) noted(format string, args ...any) row {
	r.Note = fmt.Sprintf(format, args...)
	return r
}

// verdict compares the median with the target. A target that only the median misses, and not every round, is missed within
// the noise: the rounds do not tell.
func (r row) verdict() string {
	if r.Target == nil {
		return ""
	}
	got := r.Ratio
	if r.Target.Absolute {
		got = r.Value
	}
	if got.Rounds == 0 {
		return "not measured"
	}
	missed, best := got.Median-r.Target.Bound, got.Min-r.Target.Bound
	if r.Target.AtLeast {
		missed, best = r.Target.Bound-got.Median, r.Target.Bound-got.Max
	}
	by := fmt.Sprintf("%.1f %%", 100*missed/r.Target.Bound)
	if r.Target.Bound == 0 {
		by = r.Unit.format(missed)
	}
	switch {
	case missed <= 0:
		return "met"
	case best <= 0:
		return "within the noise, the median " + by + " off"
	}
	return "missed by " + by
}

// goal is the target as text.
func (r row) goal() string {
	if r.Target == nil {
		return "-"
	}
	sign := "<="
	if r.Target.AtLeast {
		sign = ">="
	}
	if r.Target.Absolute {
		return sign + " " + r.Unit.format(r.Target.Bound)
	}
	return fmt.Sprintf("%s %gx", sign, r.Target.Bound)
}

// format writes a figure with about three digits and its unit.
func (u unit) format(v float64) string {
	switch u {
	case nanoseconds:
		return formatDuration(v)
	case byteSize:
		return formatBytes(v)
	case perSecond:
		return fmt.Sprintf("%.0f/s", v)
	case percent:
		return fmt.Sprintf("%.2f %%", v)
	}
	if v == math.Trunc(v) || v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func formatDuration(ns float64) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if v := ns / float64(u.size); v >= 1 {
			return fmt.Sprintf("%.3g %s", v, u.name)
		}
	}
	return fmt.Sprintf("%.3g ns", ns)
}

func formatBytes(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.1f MB", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.1f kB", v/1e3)
	}
	return fmt.Sprintf("%.0f B", v)
}
