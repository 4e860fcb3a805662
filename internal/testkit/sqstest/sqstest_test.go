package sqstest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/testkit/sqstest"
)

const (
	work = "https://sqs.test/000000000000/work"
	dead = "https://sqs.test/000000000000/work-dlq"
)

// world is a queue with a dead letter queue and a clock that the test moves.
type world struct {
	*testing.T
	*sqstest.SQS
	now time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), SQS: sqstest.New(map[string]sqstest.Queue{
		work: {VisibilityTimeout: time.Minute, DeadLetterURL: dead, MaxReceiveCount: 3}, dead: {},
	})}
	w.Now = func() time.Time { return w.now }
	return w
}

func (w *world) send(bodies ...string) {
	w.Helper()
	for _, body := range bodies {
		_, err := w.SendMessage(w.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(work), MessageBody: &body})
		require.NoError(w, err)
	}
}

func (w *world) receive(url string) []types.Message {
	w.Helper()
	out, err := w.ReceiveMessage(w.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	require.NoError(w, err)
	return out.Messages
}

func bodies(messages []types.Message) []string {
	all := []string{}
	for _, m := range messages {
		all = append(all, *m.Body)
	}
	return all
}

// depth is how many messages of a queue are visible and how many are hidden.
func (w *world) depth(url string) [2]int {
	w.Helper()
	visible, hidden := types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := w.GetQueueAttributes(w.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{visible, hidden},
	})
	require.NoError(w, err)
	var d [2]int
	for i, name := range []types.QueueAttributeName{visible, hidden} {
		d[i], err = strconv.Atoi(out.Attributes[string(name)])
		require.NoError(w, err)
	}
	return d
}

func code(t testing.TB, err error) string {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	return api.ErrorCode()
}

func TestAMessageIsHiddenUntilItsTimeoutOrItsDeletion(t *testing.T) {
	w := newWorld(t)
	w.send("a", "b")
	first := w.receive(work)
	require.Equal(t, []string{"a", "b"}, bodies(first))
	require.Empty(t, w.receive(work))
	require.Equal(t, [2]int{0, 2}, w.depth(work))

	_, err := w.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: aws.String(work), ReceiptHandle: first[0].ReceiptHandle})
	require.NoError(t, err)
	w.now = w.now.Add(time.Minute)
	require.Equal(t, [2]int{1, 0}, w.depth(work))
	require.Equal(t, []string{"b"}, bodies(w.receive(work)))

	w.ReleaseAll(work)
	again := w.receive(work)
	require.Equal(t, []string{"b"}, bodies(again))
	require.Equal(t, "3", again[0].Attributes["ApproximateReceiveCount"])
	require.Equal(t, first[1].Attributes["SentTimestamp"], again[0].Attributes["SentTimestamp"])
	require.Equal(t, first[1].MessageId, again[0].MessageId)
}

func TestAnOldReceiptDeletesNothing(t *testing.T) {
	w := newWorld(t)
	w.send("a")
	old := w.receive(work)[0].ReceiptHandle
	w.ReleaseAll(work)
	latest := w.receive(work)[0].ReceiptHandle
	remove := func(receipt *string) {
		_, err := w.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: aws.String(work), ReceiptHandle: receipt})
		require.NoError(t, err)
	}
	remove(old)
	require.Len(t, w.Messages(work), 1)
	w.ReleaseAll(work) // visible again, and not yet received again
	remove(latest)
	require.Empty(t, w.Messages(work))
	remove(latest)
	_, err := w.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: aws.String(work), ReceiptHandle: aws.String("made up")})
	require.ErrorAs(t, err, new(*types.ReceiptHandleIsInvalid))
}

func TestAMessageThatWasReceivedTooOftenIsMovedWhenItIsDue(t *testing.T) {
	w := newWorld(t)
	w.send("a")
	id := w.receive(work)[0].MessageId
	for range 2 {
		w.ReleaseAll(work)
		require.Len(t, w.receive(work), 1)
	}
	require.Empty(t, w.Messages(dead))
	w.ReleaseAll(work)
	require.Empty(t, w.receive(work))
	require.Empty(t, w.Messages(work))
	letter := w.receive(dead)[0]
	require.Equal(t, id, letter.MessageId)
	require.Equal(t, "arn:aws:sqs:us-east-1:000000000000:work", letter.Attributes["DeadLetterQueueSourceArn"])
}

func TestVisibilityChangesOnlyWhileTheMessageIsInFlight(t *testing.T) {
	w := newWorld(t)
	w.send("a", "b")
	messages := w.receive(work)
	change := func(receipt *string, seconds int32) error {
		_, err := w.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: aws.String(work), ReceiptHandle: receipt, VisibilityTimeout: seconds,
		})
		return err
	}
	require.NoError(t, change(messages[0].ReceiptHandle, 0))
	require.NoError(t, change(messages[1].ReceiptHandle, 300))
	require.ErrorAs(t, change(messages[0].ReceiptHandle, 5), new(*types.MessageNotInflight))
	require.Equal(t, "InvalidParameterValue", code(t, change(messages[1].ReceiptHandle, 43201)))
	w.now = w.now.Add(2 * time.Minute)
	require.Equal(t, []string{"a"}, bodies(w.receive(work)))
	require.Equal(t, "InvalidParameterValue", code(t, change(messages[0].ReceiptHandle, 5)), "the handle of an earlier receive")
	w.now = w.now.Add(3 * time.Minute)
	require.Equal(t, []string{"a", "b"}, bodies(w.receive(work)))
}

func TestNoMessageIsHiddenForMoreThanTwelveHoursSinceItsReceive(t *testing.T) {
	w := newWorld(t)
	w.send("a")
	receipt := w.receive(work)[0].ReceiptHandle
	change := func(d time.Duration) error {
		_, err := w.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
			QueueUrl: aws.String(work), ReceiptHandle: receipt, VisibilityTimeout: int32(d.Seconds()),
		})
		return err
	}
	require.NoError(t, change(12*time.Hour))
	w.now = w.now.Add(time.Second)
	err := change(12 * time.Hour)
	require.Equal(t, "InvalidParameterValue", code(t, err))
	require.ErrorContains(t, err, "Total VisibilityTimeout")
	require.NoError(t, change(12*time.Hour-time.Second))
}

func entry(id, body string) types.SendMessageBatchRequestEntry {
	return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
}

func TestBatchesThatTheServiceRefuses(t *testing.T) {
	w := newWorld(t)
	send := func(entries ...types.SendMessageBatchRequestEntry) error {
		_, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: aws.String(work), Entries: entries})
		return err
	}
	var eleven []types.SendMessageBatchRequestEntry
	for i := range 11 {
		eleven = append(eleven, entry(strconv.Itoa(i), "x"))
	}
	half := strings.Repeat("x", 128<<10)
	require.ErrorAs(t, send(), new(*types.EmptyBatchRequest))
	require.ErrorAs(t, send(eleven...), new(*types.TooManyEntriesInBatchRequest))
	require.ErrorAs(t, send(entry("a", "x"), entry("a", "y")), new(*types.BatchEntryIdsNotDistinct))
	require.ErrorAs(t, send(entry("a b", "x")), new(*types.InvalidBatchEntryId))
	require.ErrorAs(t, send(entry("a", half), entry("b", half+"x")), new(*types.BatchRequestTooLong))
	attributed := entry("a", half)
	attributed.MessageAttributes = map[string]types.MessageAttributeValue{"n": {DataType: aws.String("String"), StringValue: aws.String("v")}}
	require.ErrorAs(t, send(attributed, entry("b", half)), new(*types.BatchRequestTooLong), "attributes count")
	require.Empty(t, w.Messages(work))
	require.NoError(t, send(eleven[:10]...))
	require.NoError(t, send(entry("a", half), entry("b", half)))
	require.Len(t, w.Messages(work), 12)
}

func TestRequestsThatTheServiceRefuses(t *testing.T) {
	w := newWorld(t)
	send := func(url, body string) error {
		_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		return err
	}
	require.ErrorAs(t, send("https://sqs.test/000000000000/none", "a"), new(*types.QueueDoesNotExist))
	require.Equal(t, "MissingParameter", code(t, send(work, "")))
	require.ErrorAs(t, send(work, "a\x00"), new(*types.InvalidMessageContents))
	require.Equal(t, "InvalidParameterValue", code(t, send(work, strings.Repeat("x", 256<<10+1))))
	require.NoError(t, send(work, strings.Repeat("x", 256<<10)))
	for _, in := range []sqs.ReceiveMessageInput{
		{MaxNumberOfMessages: 11}, {WaitTimeSeconds: 21}, {VisibilityTimeout: -1}, {VisibilityTimeout: 43201},
	} {
		in.QueueUrl = aws.String(work)
		_, err := w.ReceiveMessage(t.Context(), &in)
		require.Equal(t, "InvalidParameterValue", code(t, err))
	}
	_, err := w.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: aws.String(work)})
	require.NoError(t, err)
	require.Empty(t, w.Messages(work))
	_, err = w.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: aws.String(work)})
	require.ErrorAs(t, err, new(*types.PurgeQueueInProgress))
}

func TestWhatIsNotKnownDoesNotPass(t *testing.T) {
	w := newWorld(t)
	_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(work), MessageBody: aws.String("a"), DelaySeconds: 1})
	require.ErrorContains(t, err, "sqstest does not know the field DelaySeconds of SendMessageInput")
	_, err = w.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(work), ReceiveRequestAttemptId: aws.String("a"),
	})
	require.ErrorContains(t, err, "does not know the field ReceiveRequestAttemptId")
	_, err = w.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(work), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNamePolicy},
	})
	require.ErrorContains(t, err, "does not know the queue attribute Policy")
	binary := map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Binary"), BinaryValue: []byte("x")}}
	_, err = w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: aws.String(work), Entries: []types.SendMessageBatchRequestEntry{
		entry("a", "x"), {Id: aws.String("b"), MessageBody: aws.String("y"), MessageAttributes: binary},
	}})
	require.ErrorContains(t, err, "sqstest does not know")
	require.Empty(t, w.Messages(work))
}

func TestAttributesComeOnlyWhereTheyAreAskedFor(t *testing.T) {
	w := newWorld(t)
	text := func(v string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(work), MessageBody: aws.String("a"),
		MessageAttributes: map[string]types.MessageAttributeValue{"tenant_id": text("acme"), "event_id": text("1")},
	})
	require.NoError(t, err)
	for _, c := range []struct{ ask, want []string }{
		{nil, nil}, {[]string{"tenant_id"}, []string{"tenant_id"}}, {[]string{"event.*", "other"}, []string{"event_id"}},
	} {
		w.ReleaseAll(work)
		out, err := w.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(work), MessageAttributeNames: c.ask})
		require.NoError(t, err)
		require.Len(t, out.Messages[0].MessageAttributes, len(c.want))
		for _, name := range c.want {
			require.Contains(t, out.Messages[0].MessageAttributes, name)
		}
		require.Empty(t, out.Messages[0].Attributes)
	}
}

func TestATestCanFailACallBeforeItTakesEffectOrLoseItsAnswer(t *testing.T) {
	w := newWorld(t)
	boom := errors.New("boom")
	send := func() error {
		_, err := w.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(work), MessageBody: aws.String("a")})
		return err
	}
	w.Intercept = func(_ context.Context, c sqstest.Call) error {
		require.Equal(t, sqstest.Call{Operation: "SendMessage", QueueURL: work}, c)
		return boom
	}
	require.ErrorIs(t, send(), boom)
	require.Empty(t, w.Messages(work))
	w.Intercept, w.After = nil, func(context.Context, sqstest.Call) error { return boom }
	require.ErrorIs(t, send(), boom)
	require.Len(t, w.Messages(work), 1)
	require.Len(t, w.Calls(), 2)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.PurgeQueue(ended, &sqs.PurgeQueueInput{QueueUrl: aws.String(work)})
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, w.Messages(work), 1)
}

func TestATestCanRefuseSomeEntriesOfABatch(t *testing.T) {
	w := newWorld(t)
	w.Refuse = func(_ sqstest.Call, id string) bool { return id == "1" }
	out, err := w.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{
		QueueUrl: aws.String(work), Entries: []types.SendMessageBatchRequestEntry{entry("0", "a"), entry("1", "b"), entry("2", "c")},
	})
	require.NoError(t, err)
	require.Len(t, out.Successful, 2)
	require.Equal(t, "1", *out.Failed[0].Id)
	require.False(t, out.Failed[0].SenderFault)
	require.Equal(t, []string{"a", "c"}, bodies(w.Messages(work)))
}

// Whatever the order of delivery, each message is delivered once per timeout, and goes when it is deleted.
func TestNoMessageIsLostOrDeliveredTwiceAtATime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.Pick = func(_ string, n int) int { return rapid.IntRange(0, n-1).Draw(rt, "pick") }
		left, inFlight := map[string]bool{}, map[string]*string{}
		sent := 0
		rt.Repeat(map[string]func(*rapid.T){
			"send": func(*rapid.T) {
				body := fmt.Sprint(sent)
				w.send(body)
				left[body] = true
				sent++
			},
			"receive": func(rt *rapid.T) {
				n := rapid.Int32Range(1, 10).Draw(rt, "n")
				out, err := w.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(work), MaxNumberOfMessages: n})
				require.NoError(rt, err)
				for _, m := range out.Messages {
					require.True(rt, left[*m.Body])
					require.NotContains(rt, inFlight, *m.Body)
					inFlight[*m.Body] = m.ReceiptHandle
				}
			},
			"delete": func(rt *rapid.T) {
				in := &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(work)}
				for _, body := range slices.Sorted(maps.Keys(inFlight))[:min(10, len(inFlight))] {
					in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: &body, ReceiptHandle: inFlight[body]})
					delete(left, body)
					delete(inFlight, body)
				}
				if len(in.Entries) == 0 {
					rt.Skip("nothing in flight")
				}
				out, err := w.DeleteMessageBatch(t.Context(), in)
				require.NoError(rt, err)
				require.Len(rt, out.Successful, len(in.Entries))
			},
			"time out": func(*rapid.T) {
				w.now = w.now.Add(time.Hour)
				clear(inFlight)
			},
			"": func(rt *rapid.T) {
				require.Equal(rt, len(left), len(w.Messages(work))+len(w.Messages(dead)))
				for _, m := range w.Messages(dead) {
					delete(inFlight, *m.Body)
				}
			},
		})
	})
}
