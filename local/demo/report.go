package demo

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cellular/internal/model/naming"
	"cellular/internal/operator/terminal"
	"cellular/local"
)

// stage prints one line per step: what is being done, then what was done and how long it took.
type stage struct {
	w     *terminal.Writer
	live  bool
	name  string
	start time.Time
}

const clearLine = "\r\x1b[K"

func (s *stage) clear() { fmt.Fprint(s.w.Raw(), clearLine) }

func (s *stage) begin(name, what string) {
	s.name, s.start = name, time.Now()
	s.transient("%s ...", what)
}

func (s *stage) transient(format string, args ...any) {
	if s.live {
		s.clear()
		fmt.Fprintf(s.w, "  %-10s %s", s.name, fmt.Sprintf(format, args...))
	}
}

func (s *stage) progress(n, of int) { s.transient("%d of %d", n, of) }

// note prints a line that stays.
func (s *stage) note(text string) {
	if s.live {
		s.clear()
	}
	fmt.Fprintf(s.w, "  %-10s %s\n", s.name, text)
}

func (s *stage) end(format string, args ...any) { s.took(time.Since(s.start), format, args...) }

// took ends a step that did not begin when its line did.
func (s *stage) took(d time.Duration, format string, args ...any) {
	s.note(fmt.Sprintf("%6.1f s  %s", d.Seconds(), fmt.Sprintf(format, args...)))
}

// more prints a second line of a step.
func (s *stage) more(format string, args ...any) {
	fmt.Fprintf(s.w, "%23s%s\n", "", fmt.Sprintf(format, args...))
}

func (s *stage) blank() { fmt.Fprintln(s.w) }

// writeCells prints what each cell has, applied and ejected.
func writeCells(w io.Writer, t *tally, states map[string]*cellState) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "CELL\tTENANTS\tEVENTS\tMOVED IN\tDUPLICATES\tAPPLIED\tDLQ stream\tDLQ subscription\tDLQ consumer\tp50\tp99\t")
	for _, id := range t.cells() {
		s, names := states[id], naming.Stack(local.StackName).Cell(id)
		latencies := t.latencies(s)
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", id, len(s.Tenants), len(s.Accepted), s.MovedIn, t.duplicates[id], len(s.Processed),
			s.DLQ[names.StreamDLQ()], s.DLQ[names.SubscriptionDLQ()], s.DLQ[names.ConsumerDLQ()],
			seconds(percentile(latencies, 50)), seconds(percentile(latencies, 99)))
	}
	tw.Flush()
	fmt.Fprintln(w, "MOVED IN are those of the EVENTS that a tenant brought from another cell, DUPLICATES what was sent again.")
	fmt.Fprintln(w, "p50 and p99 are from accepted to applied, without what was redriven.")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// writeFindings prints the invariants in their order, and fails if one did not hold.
func writeFindings(w io.Writer, findings []finding) error {
	slices.SortFunc(findings, func(a, b finding) int { return strings.Compare(a.Invariant, b.Invariant) })
	var failed []error
	for _, f := range findings {
		verdict := "pass"
		if f.Err != nil {
			verdict = "FAIL"
			failed = append(failed, fmt.Errorf("%s: %w", f.Invariant, f.Err))
		}
		fmt.Fprintf(w, "%s  %-20s  %s\n", verdict, f.Invariant, f.Seen)
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("%d of %d invariants did not hold:\n%w", len(failed), len(findings), err)
	}
	return nil
}
