package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/emftest"
)

const probeTenant = "cellctl-probe.alpha"

// probeAccepted is when the events of these tests were accepted.
var probeAccepted = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// probe is the delivery of a synthetic event.
func probe(id string, receives int) events.SQSMessage {
	m := deliverMessage(event.Message{Event: event.Event{
		TenantID: probeTenant, ID: id, Type: "cellular.probe", Epoch: 1, Payload: json.RawMessage(`{"probe":true}`),
		AcceptedAt: probeAccepted, ExpiresAt: event.Expiry(probeAccepted, event.SyntheticTTL),
	}}, receives)
	m.MessageAttributes[event.MessageAttrTenantID] = events.SQSMessageAttribute{DataType: "String", StringValue: aws.String(probeTenant)}
	return m
}

// newProbedCell is a cell at a time after the probes were accepted, whose business logic must not see them.
func newProbedCell(t *testing.T, after time.Duration) *cell {
	c := newCell()
	c.Now = func() time.Time { return probeAccepted.Add(after) }
	apply := c.Apply
	c.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
		require.False(t, e.Synthetic(), "the business logic has been given a probe")
		return apply(ctx, e)
	}
	return c
}

func (c *cell) outcomeOfProbe(id string) attributes {
	return c.tables.items[resultsTable+"/"+event.Key(probeTenant, id)]
}

func TestProbe_GoesThroughEverythingButTheBusinessLogic(t *testing.T) {
	c := newProbedCell(t, time.Second)
	require.Empty(t, c.handle(t.Context(), t, probe("p-1", 1), deliver("e-1", "t", 1)))
	require.Equal(t, 1, c.effects("e-1"), "a tenant's event beside it")
	o := ledger.Peek(c.outcomeOfProbe("p-1"))
	require.Equal(t, ledger.Processed, o.Status)
	require.Equal(t, "cellular.probe", o.Type)

	require.Empty(t, c.handle(t.Context(), t, probe("p-1", 2)))
	require.Equal(t, o, ledger.Peek(c.outcomeOfProbe("p-1")), "a second delivery writes nothing")

	// The fence keeps it from being applied where its tenant was removed.
	c.tables.items[resultsTable+"/"+ledger.FenceKey(probeTenant)] = ledger.Fence{
		TenantID: probeTenant, Floor: 2, State: ledger.Owner, UpdatedAt: probeAccepted, RemovedBelow: 2,
	}.Item()
	other := newProbedCell(t, time.Second)
	other.tables.items = c.tables.items
	require.Empty(t, other.handle(t.Context(), t, probe("p-2", 1)))
	require.Nil(t, other.outcomeOfProbe("p-2"))
}

// The outcome of a probe is read for as long as its event is there, and goes soon after.
func TestProbe_HasAnOutcomeThatExpiresSoon(t *testing.T) {
	for _, after := range []time.Duration{time.Second, event.SyntheticTTL - time.Second} {
		c := newProbedCell(t, after)
		require.Empty(t, c.handle(t.Context(), t, probe("p-1", 1)))
		o := ledger.Peek(c.outcomeOfProbe("p-1"))
		require.False(t, o.ExpiresAt.Before(o.EventExpiresAt), "a reader would see it as accepted once more")
		require.LessOrEqual(t, o.ExpiresAt.Sub(o.AppliedAt), event.SyntheticTTL+event.ClockMargin)
	}
}

// A redrive of what a sick cell could not apply for a day is quiet, however often each was received, and beside tenants' events.
func TestProbe_IsDroppedWithoutATraceOnceItHasExpired(t *testing.T) {
	for _, receives := range []int{1, 2, maxReceives} {
		c := newProbedCell(t, event.SyntheticTTL+time.Second)
		broken := probe("p-2", receives)
		broken.Body = "no message"
		batch := []events.SQSMessage{probe("p-1", receives), deliver("e-1", "t", receives)}
		require.Empty(t, c.handle(t.Context(), t, batch...))
		require.Equal(t, 1, c.effects("e-1"))
		require.Nil(t, c.outcomeOfProbe("p-1"))
		require.Empty(t, c.sent, "no letter")
		for _, line := range c.log.records {
			require.NotEqual(t, "p-1", line["event"], "no line at this level")
		}
		// One that cannot be read does not say when it expires: it is ejected as any other.
		require.Equal(t, []string{"p-2"}, c.handle(t.Context(), t, broken))
	}

	c := newProbedCell(t, event.SyntheticTTL+time.Second)
	c.Records = recordsOf(c.log, slog.LevelDebug)
	require.Empty(t, c.handle(t.Context(), t, probe("p-1", 1)))
	require.Zero(t, c.tables.calls+c.tables.reads+c.tables.updates, "no call is made")
	require.Len(t, c.log.records, 1)
	require.Equal(t, []any{"DEBUG", "dropped", "p-1"}, []any{c.log.records[0]["level"], c.log.records[0]["outcome"], c.log.records[0]["event"]})
	require.NotContains(t, c.log.records[0], "_aws")
}

// What alarms and gates count is tenants' events.
func TestProbe_IsCountedApart(t *testing.T) {
	down := func(c *cell) { c.tables.before = func(int) error { return errors.New("down") } }
	broken := probe("p-1", 1)
	broken.Body = "no message"
	for name, s := range map[string]struct {
		message events.SQSMessage
		with    func(*cell)
		want    map[string]float64
	}{
		"applied":   {sentAt(probe("p-1", 1), probeAccepted), nil, map[string]float64{"probes_applied": 1}},
		"retried":   {probe("p-1", 1), down, map[string]float64{"probes_retried": 1}},
		"ejected":   {probe("p-1", maxReceives), down, map[string]float64{"probes_ejected": 1}},
		"malformed": {broken, nil, map[string]float64{"probes_ejected": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newProbedCell(t, time.Second)
			if s.with != nil {
				s.with(c)
			}
			c.handle(t.Context(), t, s.message)
			line := c.log.records[0]
			require.Equal(t, s.want, emftest.OfCell(t, line, "alpha"))
			require.Equal(t, true, line["probe"])
		})
	}

	c := newProbedCell(t, time.Second)
	c.handle(t.Context(), t, sentAt(probe("p-1", 1), probeAccepted))
	require.Equal(t, 1000.0, c.log.records[0]["accepted_to_applied_ms"], "a field to read")
	c.log.records = nil
	c.handle(t.Context(), t, probe("p-1", 2))
	require.Equal(t, "duplicate", c.log.records[0]["outcome"])
	require.NotContains(t, c.log.records[0], "_aws")
}
