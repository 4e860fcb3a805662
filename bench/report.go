package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"cellular/bench/internal/procfs"
)

// report is what a run found out; bench.json is its JSON.
type report struct {
	Started time.Time `json:"started"`
	Quick   bool      `json:"quick"` // the figures mean nothing
	Go      string    `json:"go"`
	System  string    `json:"system"`
	CPUs    int       `json:"cpus"`
	Load    float64   `json:"load"` // average of the minute before the run: what the machine did besides
	Rows    []row     `json:"rows"`
}

func newReport(quick bool) *report {
	return &report{
		Started: time.Now().UTC().Truncate(time.Second), Quick: quick,
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Load: procfs.Load(),
	}
}

func (r *report) add(part string, rows []row) {
	for _, row := range rows {
		row.Part = part
		r.Rows = append(r.Rows, row)
	}
}

// write writes the table to w and the JSON to the file at path.
func (r *report) write(w io.Writer, path string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode figures: %w", err)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return r.table(w)
}

func (r *report) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s, %s, %d CPUs, load %.1f before the run. Medians of the rounds; in brackets the lowest and the highest round.\n\n",
		r.Go, r.System, r.CPUs, r.Load)
	fmt.Fprintln(t, "MEASURE\tVALUE\tBASELINE\tRATIO\tTARGET\tVERDICT")
	var notes []string
	for _, row := range r.Rows {
		measure := row.Measure
		if row.Note != "" {
			n := slices.Index(notes, row.Note)
			if n < 0 {
				n, notes = len(notes), append(notes, row.Note)
			}
			measure += fmt.Sprintf(" [%d]", n+1)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", measure, row.value(), row.baseline(), row.ratio(), row.goal(), orDash(row.Verdict))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	fmt.Fprintln(w)
	for i, note := range notes {
		fmt.Fprintf(w, "[%d] %s\n", i+1, note)
	}
	if r.busy() {
		fmt.Fprintln(w, "\nOther programs were using the machine: times are worth little, and verdicts on them can go either way.")
	}
	if r.Quick {
		fmt.Fprintln(w, "\nThis was a quick run: the figures mean nothing.")
	}
	return nil
}

// busy reports whether other programs took a noticeable part of the processors.
func (r *report) busy() bool { return r.Load > 0.25*float64(r.CPUs) }

// value has the spread of the rounds where there is one.
func (r row) value() string {
	if r.Value.Rounds == 0 {
		return "none"
	}
	median, low, high := r.Unit.format(r.Value.Median), r.Unit.format(r.Value.Min), r.Unit.format(r.Value.Max)
	if low == high {
		return median
	}
	return fmt.Sprintf("%s (%s..%s)", median, low, high)
}

func (r row) baseline() string {
	if r.Baseline.Rounds == 0 {
		return "none, " + r.Against
	}
	return r.Unit.format(r.Baseline.Median) + ", " + r.Against
}

func (r row) ratio() string {
	if r.Ratio.Rounds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2fx (%.2f..%.2f)", r.Ratio.Median, r.Ratio.Min, r.Ratio.Max)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
