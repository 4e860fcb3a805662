package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// accepted is the nth acceptance of the event e-1, from 0. Each but the first was made when the one before had just expired.
func accepted(n int) event.Event {
	m := expiring("e-1")
	life := m.ExpiresAt.Sub(m.AcceptedAt)
	m.AcceptedAt = m.AcceptedAt.Add(time.Duration(n) * life)
	m.ExpiresAt = m.ExpiresAt.Add(time.Duration(n) * life)
	m.Payload = json.RawMessage([]string{`"first"`, `"second"`, `"third"`}[n])
	return m.Event
}

func inline(n int) event.Message { return event.Message{Event: accepted(n)} }

// reference is the message of an acceptance whose payload did not travel.
func reference(n int) event.Message {
	m := event.Message{Event: accepted(n), PayloadRef: true}
	m.Payload = nil
	return m
}

// noting notes the payloads that are applied.
func noting(c *cell) *[]string {
	var payloads []string
	apply := c.Apply
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		payloads = append(payloads, string(e.Payload))
		return apply(ctx, e)
	}
	return &payloads
}

func TestI6EachAcceptanceOfAnIDIsAppliedOnce(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(0), 1)))
	require.Equal(t, 1, c.effects("e-1"))
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(1), 1)))
	require.Equal(t, 2, c.effects("e-1"))
	entry := c.entry("e-1")
	for _, late := range []event.Message{inline(0), inline(1), reference(0)} {
		for _, receives := range []int{1, maxReceives} {
			c.tables.items[dataTable+"/acme#e-1"] = accepted(1).Item()
			require.Empty(t, c.handle(t.Context(), t, deliverMessage(late, receives)))
			require.Equal(t, 2, c.effects("e-1"))
			require.Equal(t, entry, c.entry("e-1"), "nothing is written")
		}
	}
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(2), 1)))
	require.Equal(t, 3, c.effects("e-1"))
}

// An event that is accepted in both cells of a move, up to a day apart, is one acceptance.
func TestI8AnEventOfBothCellsOfAMoveIsAppliedOnce(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(0), 1)))
	moved := inline(0)
	moved.AcceptedAt, moved.ExpiresAt = moved.AcceptedAt.Add(24*time.Hour), moved.ExpiresAt.Add(24*time.Hour)
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(moved, 1)))
	require.Equal(t, 1, c.effects("e-1"))
}

// What became of an earlier acceptance, other than that it was applied, does not keep the next one from anything either.
func TestI6AFailureIsOfOneAcceptance(t *testing.T) {
	c := newCell()
	apply := c.Apply
	c.Apply = func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{}, app.Permanent(errors.New("no"))
	}
	c.handle(t.Context(), t, deliverMessage(inline(1), 1))
	require.Equal(t, ledger.Failed, c.status("e-1"))
	failure := c.entry("e-1")

	c.Apply = apply
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(0), 1)))
	require.Zero(t, c.effects("e-1"), "a late delivery of an earlier acceptance")
	require.Equal(t, failure, c.entry("e-1"))
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(1), 2)))
	require.Equal(t, 1, c.effects("e-1"), "a redrive of the acceptance that failed")

	c.Apply = func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{}, app.Permanent(errors.New("no"))
	}
	c.handle(t.Context(), t, deliverMessage(inline(2), 1))
	require.Equal(t, ledger.Failed, c.status("e-1"), "the acceptance before was applied")
	require.Equal(t, accepted(2).AcceptedAt, ledger.Peek(c.entry("e-1")).AcceptedAt)
}

// The failure that is written ahead of a last attempt is of one acceptance, too.
func TestI6AnAttemptAheadOfItsFailureIsOfOneAcceptance(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(0), 1)))
	var ahead ledger.Outcome
	apply := c.Apply
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		ahead = ledger.Peek(c.entry("e-1"))
		return apply(ctx, e)
	}
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(1), maxReceives)))
	require.Equal(t, ledger.Failed, ahead.Status)
	require.Equal(t, accepted(1).AcceptedAt, ahead.AcceptedAt)
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.Equal(t, 2, c.effects("e-1"))
}

func TestI8ADiversionIsOfOneAcceptance(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(0), 1)))
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(1), 1)))
	require.True(t, ledger.Peek(c.entry("e-1")).Waits(), "the later acceptance is sent on")
	diverted := c.entry("e-1")
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(inline(0), 1)))
	require.Equal(t, diverted, c.entry("e-1"))
}

func TestConsumer_NeverAppliesThePayloadOfALaterAcceptance(t *testing.T) {
	c := newCell()
	payloads := noting(c)
	c.tables.items[dataTable+"/acme#e-1"] = accepted(1).Item()
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliverMessage(reference(0), 1)))
	require.Empty(t, *payloads)
	require.Equal(t, []string{"e-1"}, c.sent, "no retry brings the payload back")
	require.Equal(t, ledger.Failed, c.status("e-1"))
	require.Equal(t, "expired", str(c.entry("e-1")[ledger.AttrReason]))
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(reference(1), 1)))
	require.Equal(t, []string{`"second"`}, *payloads)
}

func TestConsumer_WaitsForAPayloadThatHasNotExpired(t *testing.T) {
	for _, c := range []struct {
		name   string
		now    time.Duration // from the event's date
		stored *event.Event
		reason string
	}{
		{"before its date", -time.Second, nil, "error"},
		{"from its date on", 0, nil, "expired"},
		{"an earlier acceptance is there, as after a restore", -time.Second, new(accepted(0)), "error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cell := newCell()
			cell.Now = func() time.Time { return accepted(1).ExpiresAt.Add(c.now) }
			if c.stored != nil {
				cell.tables.items[dataTable+"/acme#e-1"] = c.stored.Item()
			}
			require.Equal(t, []string{"e-1"}, cell.handle(t.Context(), t, deliverMessage(reference(1), 1)))
			require.Contains(t, cell.log.String(), "reason="+c.reason)
			require.Equal(t, c.reason == "expired", len(cell.sent) == 1)
			require.Zero(t, cell.effects("e-1"))
		})
	}
}

// An event that expired on its way was accepted: it is applied as long as its payload is there.
func TestConsumer_AppliesAnEventThatHasExpiredOnItsWay(t *testing.T) {
	c := newCell()
	c.Now = func() time.Time { return accepted(0).ExpiresAt.Add(time.Hour) }
	c.tables.items[dataTable+"/acme#e-1"] = accepted(0).Item()
	require.Empty(t, c.handle(t.Context(), t, deliverMessage(reference(0), 1)))
	require.Equal(t, 1, c.effects("e-1"))
}
