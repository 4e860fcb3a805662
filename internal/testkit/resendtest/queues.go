package resendtest

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// Clock is a world's time. It runs only when told.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance lets time pass.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newQueues(now func() time.Time) *sqstest.SQS {
	queues := map[string]sqstest.Queue{}
	for _, c := range []manifest.Cell{Alpha, Beta} {
		for _, url := range []string{c.QueueURL, c.ConsumerDLQURL, c.SubscriptionDLQURL, c.StreamDLQURL} {
			queues[url] = sqstest.Queue{}
		}
	}
	s := sqstest.New(queues)
	s.Now = now
	return s
}

// Put puts a message into a queue, with text attributes given as names and values, and returns its id.
func (w *World) Put(t require.TestingT, queueURL, body string, attributes ...string) string {
	in := &sqs.SendMessageInput{QueueUrl: &queueURL, MessageBody: &body, MessageAttributes: map[string]types.MessageAttributeValue{}}
	for i := 0; i < len(attributes); i += 2 {
		in.MessageAttributes[attributes[i]] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &attributes[i+1]}
	}
	out, err := w.Queues.SendMessage(context.Background(), in)
	require.NoError(t, err)
	return *out.MessageId
}

// Body is an event as a message has it.
func Body(t require.TestingT, e event.Event) string {
	body, err := event.Message{Event: e}.Encode()
	require.NoError(t, err)
	return string(body)
}

// PutEvent puts an event into a queue, as the producer has it delivered, and returns the message's id.
func (w *World) PutEvent(t require.TestingT, queueURL string, e event.Event) string {
	return w.Put(t, queueURL, Body(t, e), event.MessageAttrTenantID, e.TenantID, event.MessageAttrID, e.ID)
}

// Bodies returns the bodies of a queue's messages, hidden ones too.
func (w *World) Bodies(queueURL string) []string {
	var bodies []string
	for _, m := range w.Queues.Messages(queueURL) {
		bodies = append(bodies, *m.Body)
	}
	return bodies
}

// Keys returns the keys of the events in a queue whose messages can be read, hidden ones too.
func (w *World) Keys(queueURL string) []string {
	var keys []string
	for _, body := range w.Bodies(queueURL) {
		if m, err := event.DecodeMessage([]byte(body)); err == nil {
			keys = append(keys, m.Key())
		}
	}
	return keys
}

// Groups returns the message groups of the events in a queue, by the events' keys, hidden ones too; "" is none.
func (w *World) Groups(queueURL string) map[string]string {
	groups := map[string]string{}
	for _, m := range w.Queues.Messages(queueURL) {
		if decoded, err := event.DecodeMessage([]byte(*m.Body)); err == nil {
			groups[decoded.Key()] = m.Attributes[string(types.MessageSystemAttributeNameMessageGroupId)]
		}
	}
	return groups
}

// Purge deletes a queue's messages.
func (w *World) Purge(t require.TestingT, queueURL string) {
	w.Clock.Advance(time.Minute) // SQS refuses to do it more often
	_, err := w.Queues.PurgeQueue(context.Background(), &sqs.PurgeQueueInput{QueueUrl: &queueURL})
	require.NoError(t, err)
}

// BreakAt makes the nth call from now, of whatever service, and all that follow fail until Mend: before it takes effect,
// or with its answer lost, as if the process died there. It returns the number of calls so far.
func (w *World) BreakAt(n int, lost bool, err error) *int {
	calls := new(int)
	before := func() error {
		*calls++
		if *calls > n || *calls == n && !lost {
			return err
		}
		return nil
	}
	after := func() error {
		if *calls >= n {
			return err
		}
		return nil
	}
	w.Tables.Intercept = func(context.Context, dynamotest.Call) error { return before() }
	w.Tables.After = func(context.Context, dynamotest.Call) error { return after() }
	w.Queues.Intercept = func(context.Context, sqstest.Call) error { return before() }
	w.Queues.After = func(context.Context, sqstest.Call) error { return after() }
	return calls
}

// Mend ends BreakAt.
func (w *World) Mend() {
	w.Tables.Intercept, w.Tables.After, w.Queues.Intercept, w.Queues.After = nil, nil, nil, nil
}
