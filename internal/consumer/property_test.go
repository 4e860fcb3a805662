package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/consumer"
	"cellular/internal/event"
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

// sent is a message in a queue: one of possibly several that carry the same event.
type sent struct {
	messageID, eventID string
	malformed          bool
	receives           int
}

func (s sent) delivery() events.SQSMessage {
	m := deliver(s.eventID, "t", s.receives)
	m.MessageId, m.ReceiptHandle = s.messageID, receiptOf(s.messageID)
	if s.malformed {
		m.Body = "{"
	}
	return m
}

// A queue delivers at least once, in any order, and ejects what fails too often; everything on the way may fail, and
// answers get lost. Whatever happens, an event is applied at most once, and one that is not is in the dead letter queue.
func TestI6EveryEventIsAppliedOnceOrEjected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCell()
		fates := &cycle[string]{script: rapid.SliceOfN(
			rapid.SampledFrom([]string{works, works, fails, rejects, panics, tableFails, answerIsOff}), 1, 30).Draw(t, "fates")}
		crashes := &cycle[bool]{script: rapid.SliceOfN(rapid.Bool(), 1, 10).Draw(t, "crashes")}

		fate, current := works, ""
		lost := map[string]bool{} // events of this batch whose transaction committed unheard
		c.Apply = func(ctx context.Context, e event.Event) (consumer.Effect, error) {
			fate, current = fates.take(), e.ID
			switch fate {
			case fails:
				return consumer.Effect{}, errors.New("a dependency is down")
			case rejects:
				return consumer.Effect{}, consumer.Permanent(errors.New("no lines"))
			case panics:
				panic("a bug")
			}
			return count(ctx, e)
		}
		c.tables.before = func(int) error {
			if fate == tableFails {
				return errors.New("internal server error")
			}
			return nil
		}
		c.tables.after = func(int) error {
			if fate == answerIsOff {
				lost[current] = true
				return errors.New("connection reset by peer")
			}
			return nil
		}

		var waiting, ejected []sent
		for i := range rapid.IntRange(1, 12).Draw(t, "events") {
			for j := range rapid.IntRange(1, 3).Draw(t, "copies") {
				waiting = append(waiting, sent{
					messageID: fmt.Sprintf("m-%d-%d", i, j), eventID: fmt.Sprintf("e-%d", i),
					malformed: rapid.IntRange(0, 9).Draw(t, "malformed") == 0,
				})
			}
		}
		all := waiting
		for len(waiting) > 0 {
			waiting = rapid.Permutation(waiting).Draw(t, "order")
			n := min(len(waiting), rapid.IntRange(1, 10).Draw(t, "batch"))
			batch, rest := waiting[:n], waiting[n:]
			var messages []events.SQSMessage
			for i := range batch {
				batch[i].receives++
				messages = append(messages, batch[i].delivery())
			}
			clear(lost)
			before := map[string]bool{}
			for _, m := range batch {
				before[m.eventID] = c.status(m.eventID) == event.Processed
			}
			reported := map[string]bool{}
			for _, id := range c.handle(context.Background(), t, messages...) {
				require.False(t, reported[id], "%s is reported once", id)
				reported[id] = true
			}
			back := []sent{}
			crashed := crashes.take() // after the batch was handled, before the answer went out
			for _, m := range batch {
				processed := c.status(m.eventID) == event.Processed
				switch {
				case m.malformed:
					require.True(t, reported[m.messageID], "%s is malformed", m.messageID)
				case !reported[m.messageID]:
					require.True(t, processed, "%s succeeded", m.messageID)
				default:
					// It failed. Its event is processed only if it was before, by another copy of it in the batch,
					// or by a transaction whose answer got lost.
					copies := 0
					for _, other := range batch {
						if other.eventID == m.eventID && !other.malformed {
							copies++
						}
					}
					require.True(t, !processed || before[m.eventID] || copies > 1 || lost[m.eventID], "%s failed", m.messageID)
				}
				switch failed := reported[m.messageID] || crashed; {
				case failed && m.receives < maxReceives:
					back = append(back, m)
				case failed:
					ejected = append(ejected, m)
				}
			}
			waiting = append(back, rest...)
		}

		inDLQ := map[string]bool{}
		for _, m := range ejected {
			inDLQ[m.eventID] = true
		}
		for _, m := range all {
			times := c.effects(m.eventID)
			require.LessOrEqual(t, times, 1, "%s has one effect", m.eventID)
			require.Equal(t, times == 1, c.status(m.eventID) == event.Processed, "effect and ledger of %s agree", m.eventID)
			require.True(t, times == 1 || inDLQ[m.eventID], "%s is not lost", m.eventID)
		}
	})
}
