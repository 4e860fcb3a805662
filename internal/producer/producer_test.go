package producer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/event"
	"cellular/internal/producer"
)

const inlineBytes = 1000

func newProducer(tp *topic) *producer.Producer {
	return producer.New(producer.Options{
		Topic: tp, TopicARN: "arn:aws:sns:us-east-1:123456789012:t", InlinePayloadBytes: inlineBytes, Logger: slog.New(slog.DiscardHandler),
	})
}

// handle returns the sequence numbers that the producer reports.
func handle(t require.TestingT, p *producer.Producer, records ...events.DynamoDBEventRecord) []string {
	answer, err := p.Handle(context.Background(), events.DynamoDBEvent{Records: records})
	require.NoError(t, err)
	require.NotNil(t, answer.BatchItemFailures, "the list goes out as [] rather than null")
	reported := []string{}
	for _, f := range answer.BatchItemFailures {
		reported = append(reported, f.ItemIdentifier)
	}
	return reported
}

// insert is the stream record of a new event. Its sequence number is the event's id behind "seq-".
func insert(id, payload string) events.DynamoDBEventRecord {
	e := event.Event{
		TenantID: "acme", ID: id, Type: "order.placed", Payload: json.RawMessage(payload), Epoch: 1,
		AcceptedAt: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	}
	key := events.NewStringAttribute(e.Key())
	return events.DynamoDBEventRecord{
		EventName: "INSERT",
		Change: events.DynamoDBStreamRecord{
			SequenceNumber: "seq-" + id,
			Keys:           map[string]events.DynamoDBAttributeValue{event.AttrKey: key},
			NewImage: map[string]events.DynamoDBAttributeValue{
				event.AttrKey:        key,
				event.AttrTenantID:   events.NewStringAttribute(e.TenantID),
				event.AttrID:         events.NewStringAttribute(e.ID),
				event.AttrType:       events.NewStringAttribute(e.Type),
				event.AttrPayload:    events.NewStringAttribute(payload),
				event.AttrEpoch:      events.NewNumberAttribute(strconv.FormatInt(e.Epoch, 10)),
				event.AttrAcceptedAt: events.NewStringAttribute(event.FormatTime(e.AcceptedAt)),
			},
		},
	}
}

func inserts(n int) []events.DynamoDBEventRecord {
	var records []events.DynamoDBEventRecord
	for i := range n {
		records = append(records, insert(strconv.Itoa(i), `1`))
	}
	return records
}

func broken(id string) events.DynamoDBEventRecord {
	record := insert(id, `1`)
	delete(record.Change.NewImage, event.AttrType)
	return record
}

func clone(id string) events.DynamoDBEventRecord {
	record := insert(id, `1`)
	record.Change.NewImage[event.AttrClonedFrom] = events.NewStringAttribute("alpha")
	return record
}

func TestPublishesTheInsertedEventsOfAStreamBatch(t *testing.T) {
	raw, err := os.ReadFile("testdata/stream.json")
	require.NoError(t, err)
	var batch events.DynamoDBEvent
	require.NoError(t, json.Unmarshal(raw, &batch))

	var log bytes.Buffer
	tp := newTopic()
	p := producer.New(producer.Options{
		Topic: tp, InlinePayloadBytes: inlineBytes, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.Equal(t, []string{"4421584500000000017450439094"}, handle(t, p, batch.Records...),
		"the payload of the last record is a map: that record fails, by its sequence number")

	require.Len(t, tp.published, 1, "what is not an INSERT is not published")
	require.Equal(t, map[string]string{"tenant_id": "acme", "event_id": "0195600a-4f0b-7cc3-98c4-dc0c0c07398f"},
		tp.published[0].attributes)
	m := tp.published[0].message
	require.Equal(t, int64(3), m.Epoch)
	require.Equal(t, time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC), m.AcceptedAt)
	require.JSONEq(t, batch.Records[0].Change.NewImage["payload"].String(), string(m.Payload))

	require.Contains(t, log.String(), "tenant=globex event=e-9 sequence_number=4421584500000000017450439094")
	require.Contains(t, log.String(), "attribute payload")
	require.NotContains(t, log.String(), "order_id", "the payload stays out of the log")
}

func TestI8AClonedEventIsNotPublished(t *testing.T) {
	var log bytes.Buffer
	tp := newTopic()
	p := newProducer(tp)
	p.Logger = slog.New(slog.NewTextHandler(&log, nil))
	require.Empty(t, handle(t, p, clone("0"), insert("1", `1`), clone("2"), insert("3", `1`)))
	require.Equal(t, []string{"1", "3"}, tp.ids())
	require.Contains(t, log.String(), "records=4 published=2 clones=2 failed=0")

	tp.refuse = map[string]bool{"3": true}
	require.Equal(t, []string{"seq-3"}, handle(t, p, clone("2"), insert("3", `1`), clone("4")), "a clone is never the failure")
}

func TestAnEmptyBatchSucceeds(t *testing.T) {
	tp := newTopic()
	require.Empty(t, handle(t, newProducer(tp)))
	require.Zero(t, tp.calls)
}

func TestPayloadsTravelInlineUpToTheLimit(t *testing.T) {
	payload := func(bytes int) string { return `"` + strings.Repeat("x", bytes-2) + `"` }
	tp := newTopic()
	require.Empty(t, handle(t, newProducer(tp), insert("at", payload(inlineBytes)), insert("above", payload(inlineBytes+1))))
	require.Equal(t, payload(inlineBytes), string(tp.published[0].message.Payload))
	require.False(t, tp.published[0].message.PayloadRef)
	require.Empty(t, tp.published[1].message.Payload)
	require.True(t, tp.published[1].message.PayloadRef)
}

func TestAPayloadThatFitsNoBatchTravelsAsAReference(t *testing.T) {
	tp := newTopic()
	p := producer.New(producer.Options{Topic: tp, InlinePayloadBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	require.Empty(t, handle(t, p, insert("large", `"`+strings.Repeat("x", 262144)+`"`)))
	require.True(t, tp.published[0].message.PayloadRef)
}

func TestI7OneBadRecordDoesNotKeepItsSiblings(t *testing.T) {
	siblings := []string{"0", "1", "3", "4"}
	for name, c := range map[string]struct {
		bad  events.DynamoDBEventRecord
		with func(*topic, *producer.Producer)
	}{
		"undecodable":              {broken("2"), func(*topic, *producer.Producer) {}},
		"without an image":         {events.DynamoDBEventRecord{EventName: "INSERT", Change: events.DynamoDBStreamRecord{SequenceNumber: "seq-2"}}, func(*topic, *producer.Producer) {}},
		"panics in the decoder":    {insert("2", `1`), func(_ *topic, p *producer.Producer) { p.PanicOn("seq-2") }},
		"refused by the topic":     {insert("2", `1`), func(tp *topic, _ *producer.Producer) { tp.refuse = map[string]bool{"2": true} }},
		"missing in the answer":    {insert("2", `1`), func(tp *topic, _ *producer.Producer) { tp.forget = map[string]bool{"2": true} }},
		"spoils the call it is in": {insert("2", `1`), func(tp *topic, _ *producer.Producer) { tp.poison = map[string]bool{"2": true} }},
	} {
		t.Run(name, func(t *testing.T) {
			tp := newTopic()
			p := newProducer(tp)
			c.with(tp, p)
			records := inserts(5)
			records[2] = c.bad
			require.Equal(t, []string{"seq-2"}, handle(t, p, records...))
			require.Equal(t, siblings, tp.ids())
		})
	}
}

func TestReportsOnlyTheLowestOfSeveralFailures(t *testing.T) {
	tp := newTopic()
	tp.refuse = map[string]bool{"1": true, "3": true}
	records := inserts(6)
	records[4] = broken("4")
	require.Equal(t, []string{"seq-1"}, handle(t, newProducer(tp), records...))
	require.Equal(t, []string{"0", "2", "5"}, tp.ids())
}

func TestATopicThatFailsIsNotCalledAgainForTheBatch(t *testing.T) {
	tp := newTopic()
	tp.downAfter = 1
	require.Equal(t, []string{"seq-10"}, handle(t, newProducer(tp), inserts(40)...))
	require.Equal(t, 1, tp.calls)
	require.Len(t, tp.published, 10)
}

func TestAnswersBeforeTheInvocationEnds(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(producer.AnswerMargin-time.Millisecond))
	defer cancel()
	answer, err := newProducer(newTopic()).Handle(ctx, events.DynamoDBEvent{Records: inserts(3)})
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "time is left for the answer")
	require.Equal(t, "seq-0", answer.BatchItemFailures[0].ItemIdentifier)
}

// The consumer's ledger knows an event by tenant and id: what is published again has to be the same to it.
func TestI6WhatIsPublishedAgainAfterAFailureIsTheSameMessage(t *testing.T) {
	tp := newTopic()
	tp.refuse = map[string]bool{"1": true}
	p := newProducer(tp)
	records := inserts(4)
	require.Equal(t, []string{"seq-1"}, handle(t, p, records...))
	tp.refuse = nil
	require.Empty(t, handle(t, p, records[1:]...), "the stream retries from the lowest failure")

	require.Equal(t, []string{"0", "2", "3", "1", "2", "3"}, tp.ids())
	bodies := map[string]string{}
	for _, m := range tp.published {
		if first, again := bodies[m.message.ID]; again {
			require.Equal(t, first, m.body)
		}
		bodies[m.message.ID] = m.body
	}
}

func TestI6EveryRecordIsPublishedOrTriedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tp := newTopic()
		tp.refuse, tp.forget, tp.poison = map[string]bool{}, map[string]bool{}, map[string]bool{}
		if rapid.Bool().Draw(t, "goes down") {
			tp.downAfter = rapid.IntRange(0, 8).Draw(t, "after calls")
		}
		payload := rapid.IntRange(0, 120_000)
		healthy := []string{}
		var records []events.DynamoDBEventRecord
		for i := range rapid.IntRange(0, 60).Draw(t, "records") {
			id := fmt.Sprintf("%03d", i)
			record := insert(id, `"`+strings.Repeat("y", payload.Draw(t, "payload"))+`"`)
			switch rapid.SampledFrom([]string{"", "", "", "", "", "modify", "clone", "broken", "refuse", "forget", "poison"}).Draw(t, "kind") {
			case "modify":
				record.EventName = "MODIFY"
			case "clone":
				record = clone(id)
			case "broken":
				record = broken(id)
			case "refuse":
				tp.refuse[id] = true
			case "forget":
				tp.forget[id] = true
			case "poison":
				tp.poison[id] = true
			default:
				healthy = append(healthy, id)
			}
			records = append(records, record)
		}
		p := producer.New(producer.Options{Topic: tp, InlinePayloadBytes: 100_000, Logger: slog.New(slog.DiscardHandler)})
		reported := handle(t, p, records...)

		isPublished := map[string]bool{}
		for _, id := range tp.ids() {
			require.False(t, isPublished[id], "%s is published once in a pass", id)
			isPublished[id] = true
		}
		want := []string{}
		for i, record := range records {
			_, clone := record.Change.NewImage[event.AttrClonedFrom]
			require.False(t, clone && isPublished[fmt.Sprintf("%03d", i)], "a clone is not published")
			if record.EventName == "INSERT" && !clone && !isPublished[fmt.Sprintf("%03d", i)] {
				want = append(want, record.Change.SequenceNumber)
				break
			}
		}
		require.Equal(t, want, reported, "the lowest record that is not published, and nothing else")
		if tp.downAfter < 0 {
			require.Equal(t, healthy, tp.ids(), "no healthy record waits for a bad one")
		}
	})
}
