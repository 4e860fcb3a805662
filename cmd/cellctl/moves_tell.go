package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/operator/move"
)

// narrator tells on stderr how moves go: a line whenever one enters a phase. Of a single move it also tells, on a
// terminal, how far the phase is, in a line that changes in place. It is safe for concurrent use.
type narrator struct {
	a    *app
	s    *session
	live bool

	mu    sync.Mutex
	moves map[string]move.Move // as last observed, by tenant
	told  map[string]move.Phase
	shown string // the tenant of the live line; "" for none

	stop    chan struct{}
	stopped sync.WaitGroup
}

// narrate begins to tell of moves, until end.
func (a *app) narrate(s *session, single bool) *narrator {
	n := &narrator{
		a: a, s: s, live: single && a.terminal(a.stderr),
		moves: map[string]move.Move{}, told: map[string]move.Phase{}, stop: make(chan struct{}),
	}
	if n.live {
		n.stopped.Go(n.tick)
	}
	return n
}

// tick keeps the time in the live line going while the move waits.
func (n *narrator) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			n.mu.Lock()
			if n.shown != "" {
				n.refresh(n.moves[n.shown])
			}
			n.mu.Unlock()
		case <-n.stop:
			return
		}
	}
}

// end takes the live line away. Nothing is told any more.
func (n *narrator) end() {
	close(n.stop)
	n.stopped.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
}

// say writes a line, above the live one.
func (n *narrator) say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clear()
	n.a.note(format, args...)
}

func (n *narrator) clear() {
	if n.shown != "" {
		n.a.clearLine()
		n.shown = ""
	}
}

// observe is called with a move whenever its record changes.
func (n *narrator) observe(m move.Move) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.moves[m.TenantID] = m
	if m.Phase == move.Redirect && m.FlippedAt.IsZero() {
		return // it will be noted next, and with it when the phase ends
	}
	if n.told[m.TenantID] != m.Phase {
		n.told[m.TenantID] = m.Phase
		n.clear()
		line := fmt.Sprintf("%s: %s: %s", m.TenantID, m.Phase, n.s.doing(m))
		if so := soFar(m.Counts); so != "" {
			line += " (" + so + ")"
		}
		n.a.note("%s", line)
	}
	if n.live && !m.Phase.Ended() {
		n.refresh(m)
	}
}

// last is a tenant's move as it was last observed.
func (n *narrator) last(tenant string) (move.Move, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m, ok := n.moves[tenant]
	return m, ok
}

func (n *narrator) refresh(m move.Move) {
	text := soFar(m.Counts)
	if m.Phase == move.Redirect {
		text = fmt.Sprintf("%s left; %s sent on", short(max(0, time.Until(n.s.redirectUntil(m)))), counted(m.Counts.Sent, "event"))
	}
	if text == "" {
		return
	}
	n.shown = m.TenantID
	n.a.clearLine()
	fmt.Fprint(n.a.stderr, "  "+text)
}

// doing is what a move does in its phase.
func (s *session) doing(m move.Move) string {
	switch m.Phase {
	case move.Clone:
		return fmt.Sprintf("copying to cell %s what can no longer change; cell %s serves the tenant", m.To, m.From)
	case move.Fence:
		return fmt.Sprintf("cell %s keeps the tenant's events for cell %s from here on", m.From, m.To)
	case move.Copy:
		return "copying the rest, and comparing both cells"
	case move.Flip:
		return fmt.Sprintf("giving the tenant to cell %s, under epoch %d", m.To, m.Epoch)
	case move.Redirect:
		return fmt.Sprintf("cell %s serves the tenant; sending on what routers still write to cell %s, until %s",
			m.To, m.From, event.FormatTime(s.redirectUntil(m)))
	case move.Verify:
		return fmt.Sprintf("looking at everything in cell %s once more, and comparing both cells", m.From)
	case move.Forget:
		return fmt.Sprintf("deleting in cell %s what has been seen in cell %s", m.From, m.To)
	case move.GiveBack:
		return fmt.Sprintf("giving the tenant back to cell %s, and having cell %s forget it", m.From, m.To)
	case move.Abandon:
		return fmt.Sprintf("cell %s serves the tenant, under epoch %d, without cell %s; bringing it the events that cell %[3]s still has",
			m.Owner(), m.HomeEpoch, m.Abandoned)
	}
	if m.Abandoned != "" {
		return fmt.Sprintf("the tenant is in cell %s, without cell %s", m.Owner(), m.Abandoned)
	}
	switch m.Phase {
	case move.Done:
		return fmt.Sprintf("the tenant is in cell %s", m.To)
	case move.BackedOut:
		return fmt.Sprintf("the tenant is in cell %s, as if it had not moved", m.From)
	case move.Reversed:
		return fmt.Sprintf("cell %s has served the tenant, so a move takes it back to cell %s", m.To, m.From)
	}
	return "a phase that this cellctl does not know"
}

// soFar is what a move has done, without what it did nothing of.
func soFar(c move.Counts) string {
	var parts []string
	add := func(n int, thing, done string) {
		if n > 0 {
			parts = append(parts, counted(n, thing)+done)
		}
	}
	add(c.Events, "event", "")
	add(c.Outcomes, "outcome", "")
	add(c.State, "state item", "")
	if len(parts) > 0 {
		parts = []string{strings.Join(parts, ", ") + " copied"}
	}
	add(c.Sent, "event", " sent on")
	add(c.Conflicts, "conflict", "")
	add(c.Forgotten, "item", " forgotten")
	return strings.Join(parts, "; ")
}
