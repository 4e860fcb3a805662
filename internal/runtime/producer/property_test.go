package producer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/runtime/producer"
	"cellular/internal/testkit/sqstest"
)

// script is a sequence of failures, nil for none; what comes after it succeeds.
type script []error

func (s *script) next() error {
	if len(*s) == 0 {
		return nil
	}
	err := (*s)[0]
	*s = (*s)[1:]
	return err
}

var transient = []error{
	nil, nil, throttled(), &types.InternalErrorException{}, &types.NotFoundException{}, &types.AuthorizationErrorException{},
	&types.KMSThrottlingException{}, &types.InvalidParameterException{Message: aws.String("Invalid parameter: TopicArn")},
	errors.New("connection reset by peer"), context.DeadlineExceeded, errHangs,
}

var transientCodes = []string{"", "", "", "Throttled", "ThrottlingException", "InternalError", "AuthorizationError", "KMSDisabled"}

// errLost is the failure of a call that has taken effect.
var errLost = errors.New("the answer is lost")

// A stream is simulated to its end: a batch comes again from where the producer reports it, whatever the topic and the DLQ
// do meanwhile.
func TestI6EveryRecordIsPublishedOrEjectedOrReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { rapid.Check(noDeadline{t}, simulate) })
}

// noDeadline hides the deadline of a test, which rapid asks for and a bubble does not have.
type noDeadline struct{ testing.TB }

func simulate(t *rapid.T) {
	tp, dead := newTopic(), newDLQ()
	tp.poison, tp.forget, tp.blames = map[string]bool{}, map[string]bool{}, map[string]types.BatchResultErrorEntry{}
	healthy, hopeless := map[string]bool{}, map[string]bool{}
	payload := rapid.IntRange(0, 120_000)
	var records []events.DynamoDBEventRecord
	for i := range rapid.IntRange(0, 60).Draw(t, "records") {
		id := fmt.Sprintf("%03d", i)
		record := insert(id, `"`+strings.Repeat("y", payload.Draw(t, "payload"))+`"`)
		switch rapid.SampledFrom([]string{"", "", "", "", "", "modify", "clone", "broken", "blamed", "forget", "poison"}).Draw(t, "kind") {
		case "modify":
			record.EventName = "MODIFY"
		case "clone":
			record = clone(id)
		case "broken":
			record, hopeless[id] = broken(id), true
		case "blamed":
			tp.blames[id], hopeless[id] = senderFault("InvalidParameter"), true
		case "poison":
			tp.poison[id], hopeless[id] = true, true
		case "forget":
			tp.forget[id], healthy[id] = true, true
		default:
			healthy[id] = true
		}
		records = append(records, record)
	}
	failures := func(name string, of []error) *script {
		return new(script(rapid.SliceOfN(rapid.SampledFrom(of), 0, 40).Draw(t, name)))
	}
	topicFailures, before, after := failures("topic", transient), failures("before", transient), failures("after", []error{nil, nil, errLost})
	tp.fails = topicFailures.next
	codes := rapid.SliceOfN(rapid.SampledFrom(transientCodes), 0, 100).Draw(t, "codes")
	tp.failEntry = func(string) *types.BatchResultErrorEntry {
		if len(codes) == 0 {
			return nil
		}
		code := codes[0]
		codes = codes[1:]
		if code == "" {
			return nil
		}
		return &types.BatchResultErrorEntry{Code: &code, Message: aws.String("not now"), SenderFault: len(codes)%2 == 0}
	}
	dead.Intercept = func(ctx context.Context, _ sqstest.Call) error {
		err := before.next()
		if errors.Is(err, errHangs) {
			<-ctx.Done()
			return ctx.Err()
		}
		return err
	}
	lost := 0
	dead.After = func(context.Context, sqstest.Call) error {
		err := after.next()
		if err != nil {
			lost++
		}
		return err
	}
	p := newProducer(tp, dead)
	p.InlinePayloadBytes = 100_000

	for invocations := 0; len(records) > 0; invocations++ {
		require.Less(t, invocations, 100, "the stream moves on")
		began := time.Now()
		reported := handle(t, p, records...)
		rest := []events.DynamoDBEventRecord{}
		if len(reported) > 0 {
			require.Equal(t, timeout-producer.AnswerMargin, time.Since(began), "a failure is reported no sooner than it has to be")
			for i, record := range records {
				if record.Change.SequenceNumber == reported[0] {
					rest = records[i:]
				}
			}
			require.NotEmpty(t, rest, "what is reported is in the batch")
			require.Equal(t, "INSERT", rest[0].EventName)
			require.NotContains(t, rest[0].Change.NewImage, event.AttrClonedFrom)
		}
		done := len(records) - len(rest)
		for _, record := range records[:done] {
			id := strings.TrimPrefix(record.Change.SequenceNumber, "seq-")
			require.Equal(t, healthy[id], slices.Contains(tp.ids(), id), "%s is published if it can be", id)
			require.Equal(t, hopeless[id], slices.Contains(dead.keys(t), "acme#"+id), "%s is ejected if it cannot", id)
		}
		records = rest
	}
	for _, id := range tp.ids() {
		require.True(t, healthy[id], "%s is to be published", id)
	}
	for _, l := range dead.letters(t) {
		require.True(t, hopeless[strings.TrimPrefix(l.Key, "acme#")], "%s is ejected for a transient reason: %s", l.Key, l.Reason)
		require.NotEmpty(t, l.Reason)
	}
	require.Len(t, dead.letters(t), len(hopeless)+lost, "one letter for each, and one more for each answer that was lost")
}
