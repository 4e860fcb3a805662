package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// What a delivery of a record may meet.
const (
	works       = "works"
	fails       = "fails"
	rejects     = "rejects"
	panics      = "panics"
	tableFails  = "the table fails"
	answerIsOff = "the table's answer gets lost"
)

// The epochs of the events, and the floors that a fence may have: 0 is no fence, and the highest keeps all of them out.
const (
	maxEpoch = 3
	maxFloor = maxEpoch + 1
)

// cycle repeats a script without end.
type cycle[T any] struct {
	script []T
	next   int
}

func (c *cycle[T]) take() T {
	v := c.script[c.next%len(c.script)]
	c.next++
	return v
}

// sent is a message in a queue: one of possibly several that carry the same event, of the same epoch or another.
type sent struct {
	messageID, eventID string
	epoch              int64
	malformed          bool
	receives           int
}

func (s sent) delivery() events.SQSMessage {
	m := deliverOf(s.epoch, s.eventID, "t", s.receives)
	m.MessageId, m.ReceiptHandle = s.messageID, receiptOf(s.messageID)
	if s.malformed {
		m.Body = "{"
	}
	return m
}

// chaos is a cell on whose way everything may fail, and answers get lost.
type chaos struct {
	*cell
	fates   *cycle[string]
	crashes *cycle[bool]
	floors  *cycle[int64] // what a copy of the fence becomes before each transaction; nil if there is none, ever
	copyOf  *cycle[int]   // and which event decides on that

	fate       string
	current    event.Event
	lost       map[string]bool // events of this batch whose transaction committed unheard
	violations []string        // what was applied below the floor
}

func newChaos(t *rapid.T) *chaos {
	c := &chaos{
		cell: newCell(), fate: works, lost: map[string]bool{},
		fates: &cycle[string]{script: rapid.SliceOfN(
			rapid.SampledFrom([]string{works, works, fails, rejects, panics, tableFails, answerIsOff}), 1, 30).Draw(t, "fates")},
		crashes: &cycle[bool]{script: rapid.SliceOfN(rapid.Bool(), 1, 10).Draw(t, "crashes")},
	}
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		c.fate, c.current = c.fates.take(), e
		switch c.fate {
		case fails:
			return app.Effect{}, errors.New("a dependency is down")
		case rejects:
			return app.Effect{}, app.Permanent(errors.New("no lines"))
		case panics:
			panic("a bug")
		}
		return count(ctx, e)
	}
	applied := 0
	c.tables.before = func(int) error {
		if c.floors != nil {
			c.setCopy(copyAt(fmt.Sprintf("e-%d", c.copyOf.take())), ledger.Fence{Floor: c.floors.take()})
		}
		applied = c.effects(c.current.ID)
		if c.fate == tableFails {
			return errors.New("internal server error")
		}
		return nil
	}
	c.tables.after = func(int) error {
		if c.effects(c.current.ID) > applied && c.current.Epoch < c.floor(c.current.ID) {
			c.violations = append(c.violations, fmt.Sprintf("%s of epoch %d, floor %d", c.current.ID, c.current.Epoch, c.floor(c.current.ID)))
		}
		if c.fate == answerIsOff {
			c.lost[c.current.ID] = true
			return errors.New("connection reset by peer")
		}
		return nil
	}
	return c
}

// waits reports whether an event has been diverted.
func (c *chaos) waits(id string) bool {
	return c.status(id) == ledger.Diverted && str(c.entry(id)[ledger.AttrWaiting]) == event.TenantShard("acme", id)
}

// failedSince reports whether a message's event was given up on under a newer epoch than the message's.
func (c *chaos) failedSince(m sent) bool {
	return c.status(m.eventID) == ledger.Failed && int64(num(c.entry(m.eventID)[event.AttrEpoch])) > m.epoch
}

// run delivers the messages until each is done or ejected, and returns those that are in the dead letter queue. A queue
// delivers at least once, in any order, and ejects what fails too often.
func (c *chaos) run(t *rapid.T, waiting []sent) (ejected []sent) {
	for len(waiting) > 0 {
		waiting = rapid.Permutation(waiting).Draw(t, "order")
		n := min(len(waiting), rapid.IntRange(1, 10).Draw(t, "batch"))
		batch, rest := waiting[:n], waiting[n:]
		reported := c.deliverBatch(t, batch)
		back := []sent{}
		crashed := c.crashes.take() // after the batch was handled, before the answer went out
		for _, m := range batch {
			sent := slices.Contains(c.sent, m.messageID)
			if sent {
				ejected = append(ejected, m)
			}
			switch failed := reported[m.messageID] && !sent || crashed; {
			case failed && m.receives < maxReceives:
				back = append(back, m)
			case failed:
				ejected = append(ejected, m)
			}
		}
		waiting = append(back, rest...)
	}
	return ejected
}

// deliverBatch returns what was reported of a batch, and checks that it was reported rightly.
func (c *chaos) deliverBatch(t *rapid.T, batch []sent) (reported map[string]bool) {
	var messages []events.SQSMessage
	copies := map[string]int{} // messages of the batch that carry an event and can be read
	before := map[string]bool{}
	for i := range batch {
		batch[i].receives++
		messages = append(messages, batch[i].delivery())
		if !batch[i].malformed {
			copies[batch[i].eventID]++
		}
		before[batch[i].eventID] = c.status(batch[i].eventID) == ledger.Processed
	}
	clear(c.lost)
	reported = map[string]bool{}
	for _, id := range c.handle(context.Background(), t, messages...) {
		require.False(t, reported[id], "%s is reported once", id)
		reported[id] = true
	}
	for _, m := range batch {
		processed := c.status(m.eventID) == ledger.Processed
		switch {
		case m.malformed:
			require.True(t, reported[m.messageID], "%s is malformed", m.messageID)
		case !reported[m.messageID]:
			// Its event is applied or waits, unless another copy of it, of a newer epoch, was given up on before or after that.
			require.True(t, processed || c.waits(m.eventID) || copies[m.eventID] > 1 || c.failedSince(m), "%s succeeded", m.messageID)
		default:
			// It failed. Its event is processed only if it was before, by another copy of it in the batch, or by a
			// transaction whose answer got lost.
			require.True(t, !processed || before[m.eventID] || copies[m.eventID] > 1 || c.lost[m.eventID], "%s failed", m.messageID)
		}
	}
	return reported
}

// check is what holds when the queue is empty, whatever happened: an event is applied once, or it waits, or it is in the
// dead letter queue; and what is not applied yet is, once it is sent again, of a new epoch and under a floor that allows it.
func (c *chaos) check(t *rapid.T, all, ejected []sent) {
	require.Empty(t, c.violations, "applied below the floor")
	inDLQ := map[string]bool{}
	for _, m := range ejected {
		inDLQ[m.eventID] = true
	}
	var again []events.SQSMessage
	for id := range eventsOf(all) {
		times := c.effects(id)
		require.LessOrEqual(t, times, 1, "%s has one effect", id)
		require.Equal(t, times == 1, c.status(id) == ledger.Processed, "effect and ledger of %s agree", id)
		require.True(t, times == 1 || c.waits(id) || inDLQ[id], "%s is not lost", id)
		if c.waits(id) || inDLQ[id] {
			again = append(again, sent{messageID: "again-" + id, eventID: id, epoch: maxFloor, receives: 1}.delivery())
		}
	}
	c.tables.before, c.tables.after, c.Apply = nil, nil, count
	require.Empty(t, c.handle(context.Background(), t, again...))
	for id := range eventsOf(all) {
		require.Equal(t, 1, c.effects(id), "%s is applied once in the end", id)
		require.Equal(t, ledger.Processed, c.status(id))
	}
}

func eventsOf(messages []sent) map[string]bool {
	ids := map[string]bool{}
	for _, m := range messages {
		ids[m.eventID] = true
	}
	return ids
}

// maxEvents is how many events a property has.
const maxEvents = 12

// drawMessages draws up to maxEvents events, each in up to three messages.
func drawMessages(t *rapid.T, highestEpoch int64) (all []sent) {
	for i := range rapid.IntRange(1, maxEvents).Draw(t, "events") {
		for j := range rapid.IntRange(1, 3).Draw(t, "copies") {
			all = append(all, sent{
				messageID: fmt.Sprintf("m-%d-%d", i, j), eventID: fmt.Sprintf("e-%d", i),
				epoch:     rapid.Int64Range(1, highestEpoch).Draw(t, "epoch"),
				malformed: rapid.IntRange(0, 9).Draw(t, "malformed") == 0,
			})
		}
	}
	return all
}

func TestI6EveryEventIsAppliedOnceOrEjected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChaos(t)
		all := drawMessages(t, 1)
		ejected := c.run(t, all)
		for id := range eventsOf(all) {
			require.False(t, c.waits(id), "nothing is diverted where there is no fence")
		}
		c.check(t, all, ejected)
	})
}

// Moves come, go on and are backed out at any moment, and may have come to some of the copies of a fence only: before a delivery, while the business function runs, and between
// the transaction that the fence refuses and the one that diverts.
func TestI8WhateverTheFenceDoesNothingBelowItIsAppliedAndNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChaos(t)
		c.floors = &cycle[int64]{script: rapid.SliceOfN(rapid.Int64Range(0, maxFloor), 1, 30).Draw(t, "floors")}
		c.copyOf = &cycle[int]{script: rapid.SliceOfN(rapid.IntRange(0, maxEvents-1), 1, 30).Draw(t, "copies of events")}
		all := drawMessages(t, maxEpoch)
		ejected := c.run(t, all)
		c.check(t, all, ejected)
	})
}
