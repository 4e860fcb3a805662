package main

import (
	"fmt"
	"strings"
	"time"
)

// progress tells on stderr how far a long operation is: on a terminal as a bar that changes in place, elsewhere as a line
// every plainEvery, and one of how far it came.
type progress struct {
	a     *app
	live  bool
	what  string
	total int64 // 0 where it is not known
	began time.Time
	told  time.Time
	done  int64     // as last observed
	shown int64     // as last told
	until time.Time // when the last step is over at the earliest; zero where that is not known
}

const (
	plainEvery = 10 * time.Second
	liveEvery  = 100 * time.Millisecond // as often as an eye follows
	barWidth   = 24
)

// progress begins to tell of an operation of a number of steps, 0 where it is not known.
func (a *app) progress(what string, total int64) *progress {
	return &progress{a: a, live: a.terminal(a.stderr), what: what, total: total, began: time.Now()}
}

// at tells that so many of the steps are done.
func (p *progress) at(done int64) {
	p.done = done
	now, every := time.Now(), plainEvery
	if p.live {
		every = liveEvery
	}
	if !p.told.IsZero() && now.Sub(p.told) < every {
		return
	}
	p.told, p.shown = now, done
	if p.live {
		p.a.clearLine()
		fmt.Fprint(p.a.stderr, p.what+" "+p.bar(done)+p.figures(done, now))
	} else {
		fmt.Fprintln(p.a.stderr, p.what+" "+p.figures(done, now))
	}
}

func (p *progress) bar(done int64) string {
	if p.total <= 0 {
		return ""
	}
	full := int(min(done, p.total) * barWidth / p.total)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "] "
}

func (p *progress) figures(done int64, now time.Time) string {
	text := p.count(done)
	if p.total <= 0 {
		return text
	}
	if now.Before(p.until) {
		return text + ", " + short(p.until.Sub(now)) + " left"
	}
	if elapsed := now.Sub(p.began); done > 0 && done < p.total && elapsed > 0 {
		left := time.Duration(float64(elapsed) * float64(p.total-done) / float64(done))
		text += ", " + short(left) + " left"
	}
	return text
}

func (p *progress) count(done int64) string {
	if p.total <= 0 {
		return fmt.Sprint(done)
	}
	return fmt.Sprintf("%d of %d", done, p.total)
}

// clear takes the bar away, until more is told.
func (p *progress) clear() {
	if p.live {
		p.a.clearLine()
	}
}

// end takes the bar away, or tells in a last line how far the operation came.
func (p *progress) end() {
	p.clear()
	if !p.live && p.done != p.shown {
		p.shown = p.done
		fmt.Fprintln(p.a.stderr, p.what+" "+p.count(p.done))
	}
}

// all notes that every step is done. Nothing is told of an operation that was over before it was told of.
func (p *progress) all() {
	if !p.told.IsZero() {
		p.done = p.total
	}
}

// then goes on to tell of what follows when so many of the steps are done, all of them.
func (p *progress) then(what string, done int64) {
	if !p.told.IsZero() {
		p.done = done
		p.end()
	}
	p.what, p.told, p.done, p.shown = what, time.Time{}, 0, 0
}

// progressOfParts tells of an operation of several parts, one after the other, each of a number of steps that is known when
// it begins, 0 where it is not.
func (a *app) progressOfParts() (at func(what string, done, total int), end func()) {
	var p *progress
	at = func(what string, done, total int) {
		if p == nil || p.what != what {
			p = a.progress(what, int64(total))
		}
		p.at(int64(done))
	}
	return at, func() {
		if p != nil {
			p.end()
			p = nil
		}
	}
}

// liveProgressOfParts is progressOfParts on a terminal. Elsewhere it tells nothing: a command that takes seconds is over before
// a line of a log is of use.
func (a *app) liveProgressOfParts() (at func(what string, done, total int), end func()) {
	if !a.terminal(a.stderr) {
		return func(string, int, int) {}, func() {}
	}
	return a.progressOfParts()
}
