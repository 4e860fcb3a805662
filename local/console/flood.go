package console

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	// window is the time over which lines are counted, and at most as long is a line held back.
	window = 10 * time.Second
	// burst is how many lines of a kind a window shows one by one: as many as an event that fails makes on its way to the dead
	// letter queue.
	burst = 5
)

// flood keeps trouble that repeats from drowning the rest: a queue that is broken makes the same line for each of its messages,
// again and again. Of each kind of line, a window shows the first few; the others are summed when it ends. The windows that
// follow show their sum alone, until one passes without such a line. Lines of events are news a little longer: they are shown
// again once a window has held only a few. Lines without a kind always pass.
type flood map[kind]*run

// kind is what lines have in common that say the same.
type kind struct{ cell, part, text string }

// run is the lines of a kind since a window began.
type run struct {
	began time.Time
	free  int // how many more of them are shown
	lines int
	held  int
	last  entry
}

// next is the run of the window after it.
func (r *run) next(now time.Time) *run {
	next := &run{began: now, free: r.free}
	if r.last.event != "" && r.held <= burst {
		next.free = burst
	}
	return next
}

func newFlood() flood { return flood{} }

// admits reports whether an entry is to be shown now.
func (f flood) admits(e entry, now time.Time) bool {
	if e.kind == "" {
		return true
	}
	k := kind{e.cell, e.part, e.kind}
	r := f[k]
	if r == nil {
		r = &run{began: now, free: burst}
		f[k] = r
	}
	r.lines++
	r.last = e
	if r.free > 0 {
		r.free--
		return true
	}
	r.held++
	return false
}

// due returns the sums of the windows that have ended.
func (f flood) due(now time.Time) []entry {
	return f.sums(now, func(r *run) bool { return now.Sub(r.began) >= window })
}

// end returns the sums of all windows.
func (f flood) end(now time.Time) []entry {
	return f.sums(now, func(*run) bool { return true })
}

func (f flood) sums(now time.Time, ended func(*run) bool) []entry {
	var sums []entry
	for k, r := range f {
		if !ended(r) {
			continue
		}
		if r.held > 0 {
			sums = append(sums, r.sum(now))
		}
		if r.lines == 0 {
			delete(f, k)
			continue
		}
		f[k] = r.next(now)
	}
	slices.SortFunc(sums, func(a, b entry) int {
		return strings.Compare(a.cell+" "+a.part+" "+a.kind, b.cell+" "+b.part+" "+b.kind)
	})
	return sums
}

// sum is the entry for the lines held. A single one is itself.
func (r *run) sum(now time.Time) entry {
	e := r.last
	if r.held > 1 {
		e.at, e.tenant, e.event = now, "", ""
		e.text = fmt.Sprintf("... and %d more in %.0f s: %s", r.held, max(1, now.Sub(r.began).Seconds()), e.text)
	}
	return e
}

// same reduces a text to what it has in common with its repetitions: the words without a digit, which ids, counts and
// durations have.
func same(text string) string {
	words := strings.Fields(text)
	return strings.Join(slices.DeleteFunc(words, func(word string) bool { return strings.ContainsFunc(word, unicode.IsDigit) }), " ")
}
