package producer_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/ejection"
	"cellular/internal/model/event"
	"cellular/internal/runtime/producer"
	"cellular/internal/testkit/sqstest"
)

func imageless(id string) events.DynamoDBEventRecord {
	record := insert(id, `1`)
	record.Change.NewImage = nil
	return record
}

func TestI7ARecordThatCanNeverBePublishedIsEjectedAtOnceAndAlone(t *testing.T) {
	for name, c := range map[string]struct {
		bad    events.DynamoDBEventRecord
		with   func(*topic, *producer.Producer)
		epoch  int64
		reason string
	}{
		"undecodable":           {broken("2"), nil, 1, `decode record: event item "acme#2": attribute type is missing, want a string`},
		"without an image":      {imageless("2"), nil, 0, "attribute event_id is missing, want a string; attribute tenant_shard is missing"},
		"panics in the decoder": {insert("2", `1`), func(_ *topic, p *producer.Producer) { p.PanicOn("seq-2") }, 1, "decode record: panic: a value of type string"},
		"blamed by the topic": {insert("2", `1`), func(tp *topic, _ *producer.Producer) {
			tp.blames = map[string]types.BatchResultErrorEntry{"2": senderFault("InvalidParameter")}
		}, 1, "publish to topic: InvalidParameter: no"},
		"spoils the call it is in": {insert("2", `1`), func(tp *topic, _ *producer.Producer) { tp.poison = map[string]bool{"2": true} }, 1, "Invalid parameter: Message"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tp, dead := newTopic(), newDLQ()
				p := newProducer(tp, dead)
				if c.with != nil {
					c.with(tp, p)
				}
				records := inserts(5)
				records[2] = c.bad
				began := time.Now()
				require.Empty(t, handle(t, p, records...), "the record is done")
				require.ElementsMatch(t, []string{"0", "1", "3", "4"}, tp.ids())
				require.Zero(t, time.Since(began), "nothing is waited for")

				letters := dead.letters(t)
				require.Len(t, letters, 1)
				require.Contains(t, letters[0].Reason, c.reason)
				letters[0].Reason = ""
				require.Equal(t, ejection.Letter{
					RequestID: "request-1", FunctionARN: functionARN, EjectedAt: began.UTC(),
					StreamARN: streamARN, SequenceNumber: "seq-2", ArrivedAt: arrived, Key: "acme#2", Epoch: c.epoch,
				}, letters[0])
			})
		})
	}
}

func TestALetterHasNoPayload(t *testing.T) {
	dead := newDLQ()
	p := newProducer(newTopic(), dead)
	var log bytes.Buffer
	p.Logger = slog.New(slog.NewTextHandler(&log, nil))
	secret := insert("1", `{"card":"4111`) // cut short: it is no JSON
	panics := insert("2", `{"card":"4111"}`)
	p.PanicOn("seq-2")
	unclear := insert("3", `1`)
	unclear.Change.NewImage[event.AttrPayload] = events.NewMapAttribute(map[string]events.DynamoDBAttributeValue{"card": events.NewStringAttribute("4111")})
	require.Empty(t, handle(t, p, secret, panics, unclear))
	require.Equal(t, []string{"acme#1", "acme#2", "acme#3"}, dead.keys(t))
	for _, m := range dead.Messages(dlqURL) {
		require.NotContains(t, *m.Body, "4111")
	}
	require.NotContains(t, log.String(), "4111")
}

func TestARecordWithoutAKeyIsEjectedWithoutOne(t *testing.T) {
	dead := newDLQ()
	record := imageless("1")
	record.Change.Keys = nil
	require.Empty(t, handle(t, newProducer(newTopic(), dead), record))
	require.Equal(t, []string{""}, dead.keys(t))
	require.Equal(t, "seq-1", dead.letters(t)[0].SequenceNumber)
}

func TestADLQThatFailsForAWhileIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp, dead := newTopic(), newDLQ()
		began := time.Now()
		dead.Intercept = func(ctx context.Context, _ sqstest.Call) error {
			switch {
			case time.Since(began) < 10*time.Second:
				return errors.New("connection refused")
			case time.Since(began) < 11*time.Second:
				<-ctx.Done() // a call that hangs is given up before the invocation's end
				return ctx.Err()
			}
			return nil
		}
		require.Empty(t, handle(t, newProducer(tp, dead), broken("0"), insert("1", `1`), broken("2")))
		require.Equal(t, []string{"1"}, tp.ids(), "a sibling is published once, and does not wait")
		require.Equal(t, []string{"acme#0", "acme#2"}, dead.keys(t))
	})
}

func TestARecordThatCannotBeEjectedIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp, dead := newTopic(), newDLQ()
		dead.Intercept = func(context.Context, sqstest.Call) error { return errors.New("access denied") }
		began := time.Now()
		require.Equal(t, []string{"seq-1"}, handle(t, newProducer(tp, dead), insert("0", `1`), broken("1"), insert("2", `1`)))
		require.Equal(t, timeout-producer.AnswerMargin, time.Since(began))
		require.Equal(t, []string{"0", "2"}, tp.ids())
		require.Empty(t, dead.keys(t))
	})
}

// A batch comes again with every invocation while its topic fails: it must not leave a letter each time.
func TestARecordIsEjectedOnceHoweverOftenItsBatchIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp, dead := newTopic(), newDLQ()
		p := newProducer(tp, dead)
		records := []events.DynamoDBEventRecord{broken("0"), insert("1", `1`), broken("2"), insert("3", `1`)}
		tp.fails = throttled
		require.Equal(t, []string{"seq-1"}, handle(t, p, records...))
		require.Equal(t, []string{"acme#0"}, dead.keys(t), "what is before the topic's failure is done")
		for range 20 {
			require.Equal(t, []string{"seq-1"}, handle(t, p, records[1:]...))
		}
		tp.fails = nil
		require.Empty(t, handle(t, p, records[1:]...))
		require.Equal(t, []string{"acme#0", "acme#2"}, dead.keys(t))
		require.Equal(t, []string{"1", "3"}, tp.ids())
	})
}

func TestWhatTheTopicIsNotToBlameForIsNotEjected(t *testing.T) {
	for name, fail := range map[string]error{
		"no such topic":       &types.NotFoundException{Message: aws.String("Topic does not exist")},
		"no permission":       &types.AuthorizationErrorException{Message: aws.String("not authorized to perform SNS:Publish")},
		"a name that is none": &types.InvalidParameterException{Message: aws.String("Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1")},
		"its key is disabled": &types.KMSDisabledException{Message: aws.String("key is disabled")},
		"throttled":           throttled(),
		"an error of its own": &types.InternalErrorException{},
		"unreachable":         errors.New("dial tcp: connection refused"),
		"hangs":               errHangs,
	} {
		t.Run("as a whole: "+name, func(t *testing.T) {
			requireWaited(t, func(tp *topic) { tp.fails = func() error { return fail } }, func(tp *topic) { tp.fails = nil })
		})
	}
	for _, code := range []string{"Throttled", "ThrottlingException", "InternalError", "AuthorizationError", "KMSAccessDenied", "NotFound", "AccessDeniedException"} {
		for _, entry := range []types.BatchResultErrorEntry{senderFault(code), serviceFault(code), serviceFault("InvalidParameter")} {
			t.Run("one entry: "+code, func(t *testing.T) {
				requireWaited(t, func(tp *topic) { tp.blames = map[string]types.BatchResultErrorEntry{"1": entry} }, func(tp *topic) { tp.blames = nil })
			})
		}
	}
}

// requireWaited requires that a failure is waited for to the end of the invocation, reported, and ejects nothing.
func requireWaited(t *testing.T, fail, heal func(*topic)) {
	synctest.Test(t, func(t *testing.T) {
		tp, dead := newTopic(), newDLQ()
		p := newProducer(tp, dead)
		fail(tp)
		began := time.Now()
		require.Len(t, handle(t, p, inserts(3)...), 1)
		require.Equal(t, timeout-producer.AnswerMargin, time.Since(began))
		require.Less(t, tp.calls, 25, "the tries become rarer")
		heal(tp)
		require.Empty(t, handle(t, p, inserts(3)...))
		require.Subset(t, tp.ids(), []string{"0", "1", "2"})
		require.Empty(t, dead.keys(t))
	})
}
