package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/testkit/emftest"
)

// sentAt is a delivery that came into the queue at a time.
func sentAt(m events.SQSMessage, at time.Time) events.SQSMessage {
	m.Attributes["SentTimestamp"] = strconv.FormatInt(at.UnixMilli(), 10)
	return m
}

func marked(m events.SQSMessage, name, value string) events.SQSMessage {
	m.MessageAttributes = maps.Clone(m.MessageAttributes)
	if m.MessageAttributes == nil {
		m.MessageAttributes = map[string]events.SQSMessageAttribute{}
	}
	m.MessageAttributes[name] = events.SQSMessageAttribute{DataType: "String", StringValue: aws.String(value)}
	return m
}

// The line of a record has the metrics of what became of it, at every log level.
func TestRecordHandled_HasTheMetricsOfItsOutcome(t *testing.T) {
	accepted := time.Unix(1772600767, 0)
	message := func(edit func(*event.Message)) event.Message {
		m := event.Message{Event: event.Event{TenantID: "acme", ID: "e-1", Type: "t", Epoch: 1, AcceptedAt: accepted, Payload: json.RawMessage(`{}`)}}
		if edit != nil {
			edit(&m)
		}
		return m
	}
	expired := message(func(m *event.Message) {
		m.Payload, m.PayloadRef, m.ExpiresAt = nil, true, accepted.Add(time.Second)
	})
	good := sentAt(deliverMessage(message(nil), 1), accepted.Add(time.Second))
	first, last := deliver("e-1", badType, 1), deliver("e-1", badType, maxReceives)
	fails := func(err error) func(*cell) {
		return func(c *cell) {
			c.applyBad(func(context.Context, event.Event) (app.Effect, error) { return app.Effect{}, err })
		}
	}
	for name, c := range map[string]struct {
		message events.SQSMessage
		with    func(*cell)
		want    map[string]float64
		fields  map[string]any
	}{
		"applied": {good, nil, map[string]float64{"applied": 1, "accepted_to_applied_ms": 3250, "published_to_applied_ms": 2250, "apply_ms": 250}, nil},
		"applied, by the clock, before it was accepted": {
			sentAt(deliverMessage(message(func(m *event.Message) { m.AcceptedAt = accepted.Add(time.Hour) }), 1), accepted.Add(time.Hour)), nil,
			map[string]float64{"applied": 1, "accepted_to_applied_ms": 0, "published_to_applied_ms": 0, "apply_ms": 250}, nil,
		},
		"applied, of a queue that says not when it got it": {
			deliverMessage(message(nil), 1), nil, map[string]float64{"applied": 1, "accepted_to_applied_ms": 3250, "apply_ms": 250}, nil,
		},
		"applied, sent again": {
			marked(good, event.MessageAttrSentAgain, event.SentAgain), nil, map[string]float64{"applied": 1, "apply_ms": 250},
			map[string]any{"sent_again": true, "accepted_to_applied_ms": 3250.0},
		},
		"applied, a copy": {
			marked(good, event.MessageAttrCopyOf, "m-0"), nil, map[string]float64{"applied": 1, "accepted_to_applied_ms": 3250, "apply_ms": 250}, nil,
		},
		"duplicate": {good, func(c *cell) { c.handle(t.Context(), t, good) }, map[string]float64{"duplicates": 1, "apply_ms": 250}, nil},
		"diverted":  {good, func(c *cell) { c.fence(2) }, map[string]float64{"diverted": 1, "apply_ms": 250}, map[string]any{"epoch": 1.0}},
		"removed":   {good, func(c *cell) { c.removedBelow(2) }, map[string]float64{"apply_ms": 250}, map[string]any{"outcome": "removed"}},
		"removed, of a failure": {first, func(c *cell) {
			c.removedBelow(2)
			c.reject()
		}, map[string]float64{"apply_ms": 250}, map[string]any{"outcome": "removed"}},
		"retried": {first, fails(errors.New("no luck")), map[string]float64{"retried": 1, "apply_ms": 250}, map[string]any{"level": "WARN"}},
		"ejected, rejected": {
			first, fails(app.Permanent(errors.New("no lines"))), map[string]float64{"ejected": 1, "ejected_rejected": 1, "apply_ms": 250},
			map[string]any{"level": "ERROR", "reason": "rejected", "error": "no lines"},
		},
		"ejected, malformed": {deliverBody("e-1", "no message", 1), nil, map[string]float64{"ejected": 1, "ejected_malformed": 1}, nil},
		"ejected, expired":   {deliverMessage(expired, 1), nil, map[string]float64{"ejected": 1, "ejected_expired": 1}, nil},
		"ejected, panic": {last, func(c *cell) {
			c.applyBad(func(context.Context, event.Event) (app.Effect, error) { panic("a bug") })
		}, map[string]float64{"ejected": 1, "ejected_panic": 1, "apply_ms": 250}, nil},
		"ejected, deadline": {last, fails(context.DeadlineExceeded), map[string]float64{"ejected": 1, "ejected_deadline": 1, "apply_ms": 250}, nil},
		"ejected, error":    {last, fails(errors.New("no luck")), map[string]float64{"ejected": 1, "ejected_error": 1, "apply_ms": 250}, nil},
	} {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			t.Run(fmt.Sprint(name, " at ", level), func(t *testing.T) {
				alpha, clock := newCell(), accepted.Add(3*time.Second)
				if c.with != nil {
					c.with(alpha)
				}
				apply := alpha.Apply
				alpha.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
					clock = clock.Add(250 * time.Millisecond)
					return apply(ctx, e)
				}
				alpha.Now = func() time.Time { return clock }
				alpha.log.records = nil
				alpha.Records = recordsOf(alpha.log, level)
				alpha.handle(t.Context(), t, c.message)
				require.Len(t, alpha.log.records, 1, "one line for each record: %s", alpha.log)
				line := alpha.log.records[0]
				require.Equal(t, c.want, emftest.OfCell(t, line, "alpha"))
				if _, logged := line["level"]; !logged {
					require.Len(t, line, len(c.want)+len([]string{"cell", "_aws"}), "a line below the level has its metrics alone")
					return
				}
				for field, want := range c.fields {
					require.Equal(t, want, line[field], field)
				}
			})
		}
	}
}

func TestRecordHandled_OfAMessageThatACopyReplacesHasNoMetric(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, marked(c.lost("e-1", 2, 0), event.MessageAttrSentAgain, event.SentAgain)))
	require.Equal(t, "resent", c.log.records[0]["outcome"])
	require.NotContains(t, c.log.records[0], "_aws")
	require.Equal(t, event.SentAgain, *c.queue.sent[0].MessageAttributes[event.MessageAttrSentAgain].StringValue, "the copy is no measure of latency either")

	c = newCell()
	c.Records = recordsOf(c.log, slog.LevelWarn)
	require.Empty(t, c.handle(t.Context(), t, c.lost("e-1", 2, 0)))
	require.Empty(t, c.log.records)
}

// The longest line that a record can have is one that CloudWatch takes.
func TestRecordHandled_IsALineThatCloudWatchTakesHoweverLongItsErrorIs(t *testing.T) {
	c := newCell()
	var deep func(int)
	deep = func(n int) {
		if n == 0 {
			panic(strings.Repeat("\x01", 1<<20))
		}
		deep(n - 1)
	}
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) { deep(10_000); return app.Effect{}, nil })
	c.handle(t.Context(), t, deliver("e-1", badType, maxReceives))
	require.Equal(t, map[string]float64{"ejected": 1, "ejected_panic": 1, "apply_ms": c.log.records[0]["apply_ms"].(float64)},
		emftest.OfCell(t, c.log.records[0], "alpha"))
	require.NotEmpty(t, c.log.records[0]["stack"])
}
