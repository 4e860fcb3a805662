package guard

import (
	"math"
	"time"
)

// The protocol by which the processes keep a tenant's limit together. A process adds what a tenant asked of it to the
// tenant's counter, once in so many requests, and gets the total of all processes back. The growth of the total between
// two of its reports is what the tenant asks of all processes, and the limit's share of that is the share of its own
// requests that a process lets through. Nobody knows how many processes there are, and nobody has to: each of them
// lets the same share of whatever comes to it through, so that the shares add up to the limit.
const (
	// A report is due every reportShare of the requests that the limit lets through in reportWindow, so a tenant at its
	// limit has 1/reportShare reports in a window over all processes, whatever the limit is. One item takes 1,000 writes
	// a second; these are 20.
	reportShare  = 0.01
	reportWindow = 5 * time.Second

	// freeShare of the limit is what a process may get of a tenant without ever reporting it. With 200 processes the
	// requests that no report counts are then a fifth of the limit at most.
	freeShare = 0.001

	// reportEvery is the minimum interval between two reports of a process. A flood makes them no denser.
	reportEvery = time.Second

	// refreshEvery is when a process that holds a tenant back reports again, however little it was asked: that is how it
	// learns that the tenant asks for less.
	refreshEvery = 5 * time.Second

	// The growth of the total is measured over half of measured to measured; less often where reports are rarer.
	measured = 4 * time.Second

	// shareAge is how long a share is used. Past it, a process that cannot reach the counter has its own limit only.
	shareAge = 30 * time.Second

	// tolerance is how far above the limit a tenant may be before it is held back: a tenant just below its limit has
	// moments in which the counter's growth looks like more.
	tolerance = 1.1

	// leastShare keeps a share above zero.
	leastShare = 0.0001

	// After a failed report the next one waits for holdOff, and twice as long after each further failure, up to
	// longestHoldOff: a counter that is down, or is not there, costs next to nothing.
	holdOff        = time.Second
	longestHoldOff = 5 * time.Minute
)

// reportSize is how many requests a report is due after.
func (l Limit) reportSize() float64 {
	return max(1, math.Floor(reportShare*float64(l.Rate)*reportWindow.Seconds()))
}

// Report is what a process adds to a tenant's counter.
type Report struct {
	CellID string // whose counter it is
	Asked  int64  // requests since the last report, refused ones included
	Share         // the one that the process uses; its time is zero where it has none
}

// Share is the part of a tenant's requests that is let through.
type Share struct {
	Of float64   // from 0, excluded, to 1
	At time.Time // when it was measured; zero where none was
}

func (s Share) usable(now time.Time) bool {
	return !s.At.IsZero() && s.Of > 0 && s.Of <= 1 && elapsed(s.At, now) <= shareAge
}

// Total is what a tenant's counter answers.
type Total struct {
	Asked int64 // requests that all processes have reported
	Share       // the one that a process reported last
}

// sample is a total as it was at a time.
type sample struct {
	asked int64
	at    time.Time
}

// pace is what one process knows of one tenant's requests to all processes. The zero value knows nothing.
type pace struct {
	cellID string // whose counter the samples are of

	asked   int64     // since the last report
	level   float64   // of asked, less what is free; a report is due when it reaches the size of one
	levelAt time.Time // when the level was computed
	taken   int64     // of asked: by the report that is under way

	reported     time.Time // when the last report began
	failures     int       // of reports in a row
	older, newer sample    // of the total; zero where there are none
	last         sample    // the one of the last report
	debt         float64   // requests above the limit, up to the last report: what all processes have taken of the burst

	share  Share
	asking float64 // requests per second that the tenant sends to all processes, by the last measurement
	credit float64 // sums up the shares of the requests so far; a whole one lets a request through
}

// admit counts a request, and returns false and how long the tenant had better wait if its share is used up.
func (p *pace) admit(now time.Time, limit Limit) (time.Duration, bool) {
	p.asked++
	free := freeShare * float64(limit.Rate) * elapsed(p.levelAt, now).Seconds()
	p.level, p.levelAt = max(0, p.level-free)+1, now
	if !p.share.usable(now) || p.share.Of == 1 {
		return 0, true
	}
	p.credit += p.share.Of
	if p.credit < 1-1e-9 { // ten tenths are less than 1
		// What comes in a second above the limit takes so long at the limit. Later this process knows better.
		wait := time.Duration((p.asking/float64(limit.Rate) - 1) * float64(time.Second))
		return min(wait, refreshEvery), false
	}
	p.credit--
	return 0, true
}

// due begins a report to a cell's counter, or returns false where none is due.
func (p *pace) due(now time.Time, limit Limit, cellID string) (Report, bool) {
	if cellID == "" {
		cellID = p.cellID
	}
	since := elapsed(p.reported, now)
	held := p.share.Of < 1 && p.share.usable(now)
	if cellID == "" || p.asked == 0 || p.taken != 0 || since < p.patience() || p.level < limit.reportSize() && (!held || since < refreshEvery) {
		return Report{}, false
	}
	if p.cellID != cellID {
		// The tenant has moved to another counter. The share that the old one led to is used until it is too old.
		p.cellID, p.older, p.newer = cellID, sample{}, sample{}
	}
	p.reported, p.taken = now, p.asked
	r := Report{CellID: cellID, Asked: p.asked}
	if p.share.usable(now) {
		r.Share = p.share
	}
	return r, true
}

// patience is how long after a report the next one may begin.
func (p *pace) patience() time.Duration {
	if p.failures == 0 {
		return reportEvery
	}
	return min(holdOff<<min(p.failures-1, 20), longestHoldOff)
}

// learn ends the report that is under way with the counter's answer.
func (p *pace) learn(now time.Time, limit Limit, total Total) {
	p.asked -= p.taken
	p.level, p.taken, p.failures = 0, 0, 0
	latest := sample{total.Asked, now}
	span := elapsed(p.older.at, now)
	switch {
	case p.older.at.IsZero() || total.Asked < p.last.asked || span > shareAge:
		// The first sample, of this process or of a counter that began again. What another process measured will do.
		p.older, p.newer, p.last, p.debt = latest, latest, latest, 0
		if total.usable(now) && !p.share.usable(now) {
			p.use(total.Share, limit)
		}
		return
	case span > 0:
		p.owe(latest, limit)
		p.use(Share{Of: limit.share(float64(total.Asked-p.older.asked)/span.Seconds(), p.debt), At: now}, limit)
	}
	p.last = latest
	if elapsed(p.newer.at, now) >= measured/2 {
		p.older, p.newer = p.newer, latest
	}
}

// owe adds what was asked above the limit since the last report, and takes away what was not asked below it.
func (p *pace) owe(latest sample, limit Limit) {
	rate := float64(limit.Rate)
	allowed := rate * elapsed(p.last.at, latest.at).Seconds()
	most := float64(limit.Burst) + rate*measured.Seconds() // a flood is forgotten soon
	p.debt = min(max(0, p.debt+float64(latest.asked-p.last.asked)-allowed), most)
}

func (p *pace) use(s Share, limit Limit) {
	p.share = s
	p.asking = float64(limit.Rate) / s.Of
}

// share is what a limit lets through of so many requests per second: all, until the burst has been used up.
func (l Limit) share(asking, debt float64) float64 {
	if asking <= tolerance*float64(l.Rate) || debt <= float64(l.Burst) {
		return 1
	}
	return max(leastShare, float64(l.Rate)/asking)
}

// miss ends the report that is under way without an answer. What a late counter has most probably counted is not reported
// again: it would count it each time, and hold a tenant back that is within its limit.
func (p *pace) miss(late bool) {
	if late {
		p.asked -= p.taken
		p.level = 0
	}
	p.taken = 0
	p.failures++
}

// elapsed is the time between two readings of the clocks: the longer of the two that they tell. Lambda freezes a process
// between requests, and its monotonic clock may stand still meanwhile. Requests of a minute that seem to have come in a
// second would hold a tenant back that is within its limit.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)), 0)
}
