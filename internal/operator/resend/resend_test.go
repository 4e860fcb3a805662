package resend_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/operator/resend"
)

// outbox records what is sent. refuse, if not nil, makes an entry fail.
type outbox struct {
	calls  []*sqs.SendMessageBatchInput
	err    error
	refuse func(types.SendMessageBatchRequestEntry) bool
	forget bool // confirm nothing
}

func (o *outbox) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	if o.err != nil {
		return nil, o.err
	}
	o.calls = append(o.calls, in)
	out := &sqs.SendMessageBatchOutput{}
	for _, e := range in.Entries {
		switch {
		case o.refuse != nil && o.refuse(e):
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("Throttled"), Message: aws.String("slow down")})
		case !o.forget:
			out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
		}
	}
	return out, nil
}

// messages returns what was sent to a queue.
func (o *outbox) messages(t require.TestingT, queueURL string) []event.Message {
	var list []event.Message
	for _, call := range o.calls {
		for _, e := range call.Entries {
			m, err := event.DecodeMessage([]byte(*e.MessageBody))
			require.NoError(t, err)
			require.Equal(t, m.TenantID, *e.MessageAttributes[event.MessageAttrTenantID].StringValue)
			require.Equal(t, m.ID, *e.MessageAttributes[event.MessageAttrID].StringValue)
			require.Equal(t, event.SentAgain, *e.MessageAttributes[event.MessageAttrSentAgain].StringValue, "it is no measure of the cell's latency")
			require.Equal(t, m.TenantID, aws.ToString(e.MessageGroupId), "the message group")
			if *call.QueueUrl == queueURL {
				list = append(list, m)
			}
		}
	}
	return list
}

func newEvent(id int, payload string) event.Event {
	return event.Event{
		TenantID: "acme", ID: "e" + strconv.Itoa(id), Type: "order", Payload: json.RawMessage(payload), Epoch: 3,
		AcceptedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func TestEventsFitWhatACallTakesAndAllAreSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const inline = 100 << 10
		var events []event.Event
		for i, n := range rapid.SliceOfN(rapid.SampledFrom([]int{1, 1, 30 << 10, inline - 2, inline + 1}), 0, 12).Draw(t, "sizes") {
			events = append(events, newEvent(i, `"`+strings.Repeat("x", n)+`"`))
		}
		var queue outbox
		require.NoError(t, resend.Events(t.Context(), &queue, "q", inline, events))
		for _, call := range queue.calls {
			require.LessOrEqual(t, len(call.Entries), 10)
			size, ids := 0, map[string]bool{}
			for _, e := range call.Entries {
				ids[*e.Id] = true
				size += len(*e.MessageBody)
			}
			require.Len(t, ids, len(call.Entries), "ids within a batch are distinct")
			require.LessOrEqual(t, size, 256<<10)
		}
		got := queue.messages(t, "q")
		require.Len(t, got, len(events))
		for i, m := range got {
			require.Equal(t, len(events[i].Payload) > inline, m.PayloadRef)
			if m.PayloadRef {
				events[i].Payload = nil
			}
			require.Equal(t, events[i], m.Event)
		}
	})
}

func TestAPayloadThatGrowsTooLargeInItsMessageStaysInTheTable(t *testing.T) {
	// Each of these characters is 3 bytes, and 6 once escaped for SQS.
	e := newEvent(1, `"`+strings.Repeat("\uffff", 60<<10)+`"`)
	var queue outbox
	require.NoError(t, resend.Events(t.Context(), &queue, "q", 250<<10, []event.Event{e}))
	require.True(t, queue.messages(t, "q")[0].PayloadRef)
}

func TestSentAgain_LeavesAMessageAloneThatHasAllAttributes(t *testing.T) {
	attributes := map[string]types.MessageAttributeValue{}
	for i := range 10 {
		require.Len(t, resend.SentAgain(attributes), i+1)
		require.NotContains(t, attributes, event.MessageAttrSentAgain, "it is another map")
		attributes[strconv.Itoa(i)] = types.MessageAttributeValue{}
	}
	require.Equal(t, attributes, resend.SentAgain(attributes))
}

func TestEventsReportsWhateverIsNotKnownToBeSent(t *testing.T) {
	events := []event.Event{newEvent(1, "1"), newEvent(2, "2")}
	for name, c := range map[string]struct {
		queue outbox
		want  string
	}{
		"the call fails": {outbox{err: errors.New("no route")}, "no route"},
		"an entry fails": {outbox{refuse: func(e types.SendMessageBatchRequestEntry) bool { return *e.Id == "1" }}, "Throttled: slow down"},
		"no answer":      {outbox{forget: true}, "0 of 2 messages are confirmed"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, resend.Events(t.Context(), &c.queue, "q", 1000, events), c.want)
		})
	}
	broken := newEvent(3, "3")
	broken.Epoch = 0
	require.ErrorContains(t, resend.Events(t.Context(), &outbox{}, "q", 1000, []event.Event{broken}), `"acme#e3"`)
}
