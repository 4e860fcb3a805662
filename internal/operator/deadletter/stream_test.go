package deadletter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/ejection"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

const (
	streamARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/alpha-data/stream/2026-01-01T00:00:00.000"
	shardID   = "shardId-00000001"
)

// shard is a stream with one shard. A page has one record, and every other page is empty.
type shard struct {
	records []types.Record
	trimmed int // of the first records
	gone    bool
	fail    error
}

// sequenceOf is the number of a record: longer than 64 bits, as the service's are.
func sequenceOf(i int) string { return fmt.Sprintf("1000000000000000000%05d", i) }

func (s *shard) add(operation types.OperationType, key string, attributes ...string) {
	image := map[string]types.AttributeValue{}
	for _, name := range attributes {
		image[name] = &types.AttributeValueMemberS{Value: "alpha"}
	}
	s.records = append(s.records, types.Record{EventName: operation, Dynamodb: &types.StreamRecord{
		SequenceNumber: new(sequenceOf(len(s.records))), NewImage: image,
		Keys: map[string]types.AttributeValue{event.AttrKey: &types.AttributeValueMemberS{Value: key}},
	}})
}

func (s *shard) GetShardIterator(_ context.Context, in *dynamodbstreams.GetShardIteratorInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetShardIteratorOutput, error) {
	switch {
	case s.fail != nil:
		return nil, s.fail
	case s.gone || *in.StreamArn != streamARN || *in.ShardId != shardID:
		return nil, &types.ResourceNotFoundException{}
	case in.ShardIteratorType != types.ShardIteratorTypeAtSequenceNumber:
		return nil, fmt.Errorf("iterator type %s", in.ShardIteratorType)
	}
	for i := range s.records {
		if sequenceOf(i) == *in.SequenceNumber {
			if i < s.trimmed {
				return nil, &types.TrimmedDataAccessException{}
			}
			return &dynamodbstreams.GetShardIteratorOutput{ShardIterator: new(strconv.Itoa(2 * i))}, nil
		}
	}
	return nil, fmt.Errorf("no record %s", *in.SequenceNumber)
}

func (s *shard) GetRecords(_ context.Context, in *dynamodbstreams.GetRecordsInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetRecordsOutput, error) {
	at, err := strconv.Atoi(*in.ShardIterator)
	if err != nil {
		return nil, err
	}
	if s.fail != nil {
		return nil, s.fail
	}
	out := &dynamodbstreams.GetRecordsOutput{NextShardIterator: new(strconv.Itoa(at + 1))}
	if i := at / 2; at%2 == 1 {
		out.Records = s.records[i : i+1]
		if i == len(s.records)-1 {
			out.NextShardIterator = nil // the shard is closed
		}
	}
	return out, nil
}

// ejected is the document that Lambda writes of the records from first to last.
func ejected(first, last int, arrived time.Time) string {
	text, err := json.Marshal(map[string]any{
		"requestContext": map[string]any{
			"requestId": "316aa6d0", "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:producer",
			"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 6,
		},
		"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
		"version":         "1.0",
		"timestamp":       arrived.Add(time.Minute),
		"DDBStreamBatchInfo": map[string]any{
			"shardId": shardID, "startSequenceNumber": sequenceOf(first), "endSequenceNumber": sequenceOf(last),
			"approximateArrivalOfFirstRecord": arrived, "approximateArrivalOfLastRecord": arrived,
			"batchSize": last - first + 1, "streamArn": streamARN,
		},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestAStreamLetterIsRedrivenFromTheTable(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	w.Map("globex", Beta, 2)
	before := w.Accept(Alpha, "acme", "before", 1, time.Hour)
	e1 := w.Accept(Alpha, "acme", "e1", 1, time.Hour)
	e2 := w.Accept(Alpha, "globex", "e2", 1, time.Hour)
	done := w.Accept(Alpha, "acme", "done", 1, time.Hour)
	w.Outcome(Alpha, done, ledger.Processed, 0)
	after := w.Accept(Alpha, "acme", "after", 1, time.Hour)
	w.stream.add(types.OperationTypeInsert, before.Key())
	w.stream.add(types.OperationTypeInsert, e1.Key())
	w.stream.add(types.OperationTypeModify, before.Key())
	w.stream.add(types.OperationTypeInsert, "acme#cloned", event.AttrClonedFrom)
	w.stream.add(types.OperationTypeInsert, "acme#deleted")
	w.stream.add(types.OperationTypeInsert, done.Key())
	w.stream.add(types.OperationTypeInsert, e2.Key())
	w.stream.add(types.OperationTypeInsert, after.Key())
	w.letter(Alpha.StreamDLQURL, ejected(1, 6, w.Clock.Now()))

	letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "RetryAttemptsExhausted", letters[0].Reason)
	require.Equal(t, []string{e1.Key(), "acme#deleted", done.Key(), e2.Key()}, letters[0].Events)
	require.Empty(t, letters[0].TenantID, "it is about events of two tenants")

	got := w.redrive(t, deadletter.Filter{Tenant: "acme"})
	require.Zero(t, got.Received, "what another tenant has a part in is not one tenant's")

	got = w.redrive(t, deadletter.Filter{})
	require.Equal(t, deadletter.Summary{Received: 1, Redriven: 1, Sent: 2, AlreadyApplied: 1, Gone: 1}, got)
	require.Equal(t, []string{e1.Key()}, w.sent(Alpha))
	require.Equal(t, []string{e2.Key()}, w.sent(Beta))
	require.Empty(t, w.left(Alpha))
}

func TestAStreamLetterOfWhichAPartCannotBeSentIsKept(t *testing.T) {
	w := newWorld(t)
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	broken := w.Accept(Alpha, "acme", "broken", 1, time.Hour)
	w.Tables.Put(Alpha.DataTable, map[string]dynamotypes.AttributeValue{event.AttrKey: &dynamotypes.AttributeValueMemberS{Value: broken.Key()}})
	w.stream.add(types.OperationTypeInsert, e.Key())
	w.stream.add(types.OperationTypeInsert, broken.Key())
	w.stream.add(types.OperationTypeInsert, "no event")
	whole := w.letter(Alpha.StreamDLQURL, ejected(0, 1, w.Clock.Now()))
	keyless := w.letter(Alpha.StreamDLQURL, ejected(2, 2, w.Clock.Now()))

	got := w.redrive(t, deadletter.Filter{})
	require.Equal(t, 2, got.Kept)
	require.Len(t, got.Notes, 2)
	slices.SortFunc(got.Notes, func(a, b deadletter.Note) int { return strings.Compare(a.Event, b.Event) })
	require.Contains(t, got.Notes[0].Reason, resend.Malformed.Explain()+": ")
	require.Contains(t, got.Notes[0].Reason, "attribute type is missing", "the reason says what is wrong with the item")
	got.Notes[0].Reason = ""
	require.Equal(t, []deadletter.Note{
		{Kind: deadletter.Stream, MessageID: whole, Event: broken.Key()},
		{Kind: deadletter.Stream, MessageID: keyless, Event: "no event", Reason: "the key of its item is not TENANT#EVENT"},
	}, got.Notes)
	require.Equal(t, []string{e.Key()}, w.sent(Alpha))
	require.ElementsMatch(t, []string{whole, keyless}, w.left(Alpha))
}

func TestAStreamLetterWhoseRecordsAreGoneSaysHowToFindItsEvents(t *testing.T) {
	arrived := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, set := range map[string]func(*shard){
		"trimmed":       func(s *shard) { s.trimmed = 2 },
		"the shard too": func(s *shard) { s.gone = true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.stream.add(types.OperationTypeInsert, "acme#e1")
			w.stream.add(types.OperationTypeInsert, "acme#e2")
			set(w.stream)
			id := w.letter(Alpha.StreamDLQURL, ejected(1, 1, arrived))

			got := w.redrive(t, deadletter.Filter{})
			require.Equal(t, 1, got.Kept)
			require.Contains(t, got.Notes[0].Reason, "'cellctl replay --cell alpha --since 2026-01-02T03:03:05Z'")
			require.Equal(t, []string{id}, w.left(Alpha))
		})
	}
}

func TestAStreamThatCannotBeReadIsAnErrorAndLosesNothing(t *testing.T) {
	w := newWorld(t)
	w.stream.add(types.OperationTypeInsert, "acme#e1")
	w.stream.fail = fmt.Errorf("no route")
	id := w.letter(Alpha.StreamDLQURL, ejected(0, 0, w.Clock.Now()))
	_, err := w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 1000})
	require.ErrorContains(t, err, "no route")
	require.Equal(t, []string{id}, w.left(Alpha))
}

func TestAStreamLetterThatIsNoneIsKept(t *testing.T) {
	unnamed := ejection.Letter{SequenceNumber: "7", Reason: "no key"}
	encoded, err := unnamed.Encode()
	require.NoError(t, err)
	for _, body := range []string{"", "hello", "{}", string(encoded), strings.Replace(ejected(0, 0, time.Unix(0, 0)), "1000", "x", 1)} {
		w := newWorld(t)
		id := w.letter(Alpha.StreamDLQURL, body+" ")
		require.Equal(t, 1, w.redrive(t, deadletter.Filter{}).Kept)
		require.Equal(t, []string{id}, w.left(Alpha))
	}
}
