package producer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/runtime/producer"
)

const (
	inlineBytes = 1000
	streamARN   = "arn:aws:dynamodb:us-east-1:123456789012:table/data/stream/2026-01-01T00:00:00.000"
	functionARN = "arn:aws:lambda:us-east-1:123456789012:function:producer"
)

var arrived = time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)

const timeout = 30 * time.Second // of the function

// atATime is how many calls of the topic the producers of these tests make at a time.
const atATime = 3

func newProducer(tp *topic, dlq *dlq) *producer.Producer {
	return producer.New(producer.Options{
		Topic: tp, TopicARN: "arn:aws:sns:us-east-1:123456789012:t", DLQ: dlq, DLQURL: dlqURL,
		InlinePayloadBytes: inlineBytes, ConcurrentPublishes: atATime, Logger: slog.New(slog.DiscardHandler),
	})
}

// handle returns the sequence numbers that the producer reports. The invocation has timeout until its end.
func handle(t require.TestingT, p *producer.Producer, records ...events.DynamoDBEventRecord) []string {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer, err := p.Handle(lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID: "request-1", InvokedFunctionArn: functionARN,
	}), events.DynamoDBEvent{Records: records})
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "time is left for the answer")
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
		EventName:      "INSERT",
		EventSourceArn: streamARN,
		Change: events.DynamoDBStreamRecord{
			SequenceNumber:              "seq-" + id,
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: arrived},
			Keys:                        map[string]events.DynamoDBAttributeValue{event.AttrKey: key},
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
	tp, dead := newTopic(), newDLQ()
	p := newProducer(tp, dead)
	p.Logger = slog.New(slog.NewTextHandler(&log, nil))
	require.Empty(t, handle(t, p, batch.Records...))

	require.Len(t, tp.published, 1, "what is not an INSERT is not published")
	require.Equal(t, map[string]string{"tenant_id": "acme", "event_id": "0195600a-4f0b-7cc3-98c4-dc0c0c07398f"},
		tp.published[0].attributes)
	m := tp.published[0].message
	require.Equal(t, int64(3), m.Epoch)
	require.Equal(t, time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC), m.AcceptedAt)
	require.JSONEq(t, batch.Records[0].Change.NewImage["payload"].String(), string(m.Payload))

	require.Equal(t, []string{"globex#e-9"}, dead.keys(t), "the payload of the last record is a map: that record is ejected")
	require.Contains(t, log.String(), "tenant=globex event=e-9 sequence_number=4421584500000000017450439094")
	require.Contains(t, log.String(), "attribute payload")
	require.NotContains(t, log.String(), "order_id", "the payload stays out of the log")
}

func TestI8AClonedEventIsNotPublished(t *testing.T) {
	tp := newTopic()
	p := newProducer(tp, newDLQ())
	lines := linesOf(p, slog.LevelInfo)
	require.Empty(t, handle(t, p, clone("0"), insert("1", `1`), clone("2"), insert("3", `1`)))
	require.Equal(t, []string{"1", "3"}, tp.ids())
	require.Equal(t, []any{4.0, 2.0, 2.0, 0.0, 0.0}, fields((*lines)[0], "records", "published", "clones", "ejected", "left"))

	synctest.Test(t, func(t *testing.T) {
		tp.blames = map[string]types.BatchResultErrorEntry{"3": serviceFault("InternalError")}
		require.Equal(t, []string{"seq-3"}, handle(t, p, clone("2"), insert("3", `1`), clone("4")), "a clone is never the failure")
	})
}

func TestAnEmptyBatchSucceeds(t *testing.T) {
	tp := newTopic()
	require.Empty(t, handle(t, newProducer(tp, newDLQ())))
	require.Zero(t, tp.calls)
}

func TestPayloadsTravelInlineUpToTheLimit(t *testing.T) {
	payload := func(bytes int) string { return `"` + strings.Repeat("x", bytes-2) + `"` }
	tp := newTopic()
	require.Empty(t, handle(t, newProducer(tp, newDLQ()), insert("at", payload(inlineBytes)), insert("above", payload(inlineBytes+1))))
	require.Equal(t, payload(inlineBytes), string(tp.published[0].message.Payload))
	require.False(t, tp.published[0].message.PayloadRef)
	require.Empty(t, tp.published[1].message.Payload)
	require.True(t, tp.published[1].message.PayloadRef)
}

func TestAPayloadThatFitsNoBatchTravelsAsAReference(t *testing.T) {
	tp := newTopic()
	p := newProducer(tp, newDLQ())
	p.InlinePayloadBytes = 1 << 20
	require.Empty(t, handle(t, p, insert("large", `"`+strings.Repeat("x", 262144)+`"`)))
	require.True(t, tp.published[0].message.PayloadRef)
}

// The consumer's ledger knows an event by tenant and id: what is published again has to be the same to it.
func TestI6WhatIsPublishedAgainAfterAFailureIsTheSameMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := newTopic()
		tp.blames = map[string]types.BatchResultErrorEntry{"1": serviceFault("InternalError")}
		p := newProducer(tp, newDLQ())
		records := inserts(4)
		require.Equal(t, []string{"seq-1"}, handle(t, p, records...))
		tp.blames = nil
		require.Empty(t, handle(t, p, records[1:]...), "the stream retries from the lowest failure")

		require.Equal(t, []string{"0", "2", "3", "1", "2", "3"}, tp.ids())
		bodies := map[string]string{}
		for _, m := range tp.published {
			if first, again := bodies[m.message.ID]; again {
				require.Equal(t, first, m.body)
			}
			bodies[m.message.ID] = m.body
		}
	})
}

// An event that has expired on its way was accepted: it is published, with the date by which it is known from a later one of its id.
func TestProducer_PublishesAnEventThatHasExpired(t *testing.T) {
	tp := &topic{}
	r := insert("e-1", `1`)
	r.Change.NewImage[event.AttrExpiresAt] = events.NewNumberAttribute("1")
	require.Empty(t, handle(t, newProducer(tp, &dlq{}), r))
	require.Len(t, tp.published, 1)
	require.Equal(t, time.Unix(1, 0).UTC(), tp.published[0].message.ExpiresAt)
}
