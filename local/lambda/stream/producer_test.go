package stream_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/config"
	"cellular/internal/model/event"
	"cellular/internal/runtime/producer"
	"cellular/local/lambda/source"
)

// The settings that a cell is deployed with unless its stack says otherwise.
var (
	defaults        = config.Default()
	recordAge       = defaults.Pipeline.Stream.MaxRecordAge
	functionTimeout = defaults.Functions.Timeout
	retries         = config.StreamRetries(defaults.Functions, defaults.Pipeline.Stream)
)

// cellTopic and cellDLQ are a cell's topic and stream DLQ as the producer sees them.
type cellTopic struct {
	downUntil time.Time
	published map[string]int
}

func (c *cellTopic) PublishBatch(_ context.Context, in *sns.PublishBatchInput, _ ...func(*sns.Options)) (*sns.PublishBatchOutput, error) {
	if time.Now().Before(c.downUntil) {
		return nil, &snstypes.ThrottledException{Message: new("Rate exceeded")}
	}
	out := &sns.PublishBatchOutput{}
	for _, e := range in.PublishBatchRequestEntries {
		m, err := event.DecodeMessage([]byte(*e.Message))
		if err != nil {
			return nil, err
		}
		c.published[m.ID]++
		out.Successful = append(out.Successful, snstypes.PublishBatchResultEntry{Id: e.Id})
	}
	return out, nil
}

type cellDLQ struct{ letters []string }

func (d *cellDLQ) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	d.letters = append(d.letters, *in.MessageBody)
	return &sqs.SendMessageOutput{}, nil
}

// putEvents appends accepted events to the stream.
func (b *bench) putEvents(ids ...string) {
	for _, id := range ids {
		e := event.Event{TenantID: "acme", ID: id, Type: "order.placed", Payload: []byte(`1`), Epoch: 1, AcceptedAt: time.Now()}
		b.add(streamtypes.OperationTypeInsert, id, "")
		record := b.shards[len(b.shards)-1].records
		change := record[len(record)-1].Dynamodb
		change.NewImage = map[string]streamtypes.AttributeValue{}
		for name, v := range e.Item() {
			switch v := v.(type) {
			case *types.AttributeValueMemberS:
				change.NewImage[name] = &streamtypes.AttributeValueMemberS{Value: v.Value}
			case *types.AttributeValueMemberN:
				change.NewImage[name] = &streamtypes.AttributeValueMemberN{Value: v.Value}
			}
		}
		change.Keys = map[string]streamtypes.AttributeValue{event.AttrKey: &streamtypes.AttributeValueMemberS{Value: e.Key()}}
	}
}

// deploy has the mapping invoke a producer, with the settings of a cell.
func (b *bench) deploy(topic *cellTopic, dlq *cellDLQ) {
	b.config.MaxRecordAge, b.config.MaxRetries = recordAge, retries
	p := producer.New(producer.Options{
		Topic: topic, TopicARN: "arn:topic", DLQ: dlq, DLQURL: "https://sqs/dlq", InlinePayloadBytes: 1000, Logger: slog.New(slog.DiscardHandler),
	})
	b.handle = func(c call) (source.Invocation, error) {
		ctx, cancel := context.WithTimeout(context.Background(), functionTimeout)
		defer cancel()
		answer, err := p.Handle(ctx, c.event)
		require.NoError(b.function.t, err)
		require.NoError(b.function.t, ctx.Err(), "Lambda would have ended the invocation")
		payload, err := json.Marshal(answer)
		return source.Invocation{RequestID: "request", Payload: payload}, err
	}
}

func TestI6ATopicThatFailsForHoursLosesNothingToTheDLQ(t *testing.T) {
	for name, down := range map[string]time.Duration{"a minute": time.Minute, "five hours": 5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				topic, dlq := &cellTopic{downUntil: time.Now().Add(down), published: map[string]int{}}, &cellDLQ{}
				b.deploy(topic, dlq)
				b.putEvents(numbered(0, 249)...)
				b.runFor(down + time.Minute)
				require.Len(t, topic.published, 250)
				require.Empty(t, b.batches(), "Lambda gives nothing up")
				require.Empty(t, dlq.letters, "and neither does the producer")
				require.LessOrEqual(t, len(b.calls), int(down/(functionTimeout-producer.AnswerMargin))+20, "an invocation waits")
			})
		})
	}
}

// The age is what ends it: the retries are not used up by then.
func TestATopicThatFailsForeverGivesItsRecordsUpByTheirAge(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		topic := &cellTopic{downUntil: time.Now().Add(24 * time.Hour), published: map[string]int{}}
		b.deploy(topic, &cellDLQ{})
		b.putEvents(numbered(0, 9)...)
		b.runFor(recordAge + time.Hour)
		require.NotEmpty(t, b.batches())
		for _, batch := range b.batches() {
			require.True(t, strings.HasPrefix(batch, "RecordAgeExceeded "), batch)
		}
	})
}

// killer is a producer whose process dies of one record.
func (b *bench) killer(item string, takes time.Duration) {
	healthy := b.handle
	b.handle = func(c call) (source.Invocation, error) {
		for _, r := range c.event.Records {
			if r.Change.Keys[event.AttrKey].String() == event.Key("acme", item) {
				time.Sleep(takes)
				return crash()
			}
		}
		return healthy(c)
	}
}

// What docs/architecture.md says of how long such a record holds its shard comes from here.
func TestI7ARecordThatKillsTheProducerIsGivenUpAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		topic, dlq := &cellTopic{published: map[string]int{}}, &cellDLQ{}
		b.deploy(topic, dlq)
		const dies = 300 * time.Millisecond // a process that starts, reads the record and dies
		b.killer("item-42", dies)
		b.putEvents(numbered(0, 99)...)
		b.runFor(recordAge)
		require.Equal(t, []string{"RetryAttemptsExhausted 142-142"}, b.batches())
		require.Len(t, topic.published, 99)
		for item, times := range topic.published {
			require.Equal(t, 1, times, item)
		}
		require.Empty(t, dlq.letters)

		alone, with := 0, 0
		var last time.Duration
		for _, c := range b.calls {
			if !slices.Contains(c.items, event.Key("acme", "item-42")) {
				continue
			}
			with++
			last = c.at
			if len(c.items) == 1 {
				alone++
			}
		}
		require.Equal(t, 1+retries, alone, "alone it is tried once, and then as often as the mapping retries")
		require.LessOrEqual(t, with-alone, 7, "bisecting 100 records to one")
		t.Logf("%d tries, the last after %s, of which %s are crashes and the rest the mapping's delays", with, last, time.Duration(with)*dies)
		require.Less(t, last, recordAge)

		b.putEvents("next")
		b.runFor(time.Minute)
		require.Equal(t, 1, topic.published["next"], "its shard moves on")
	})
}
