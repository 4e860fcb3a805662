package queue_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/local/lambda/queue"
	"cellular/local/lambda/source"
)

const (
	queueARN   = "arn:aws:sqs:us-east-1:123456789012:work"
	visibility = 30 * time.Second
)

// fakeQueue is a queue in memory that hands a message out again after its visibility timeout.
type fakeQueue struct {
	mu         sync.Mutex
	arrived    chan struct{} // closed and replaced when a message arrives
	messages   []*stored
	receives   int
	longest    int32          // the longest poll that was asked for
	failDelete map[string]int // by message id: deletions that are yet to fail
	deletes    int            // calls
}

type stored struct {
	id, body string
	visible  time.Time
	receives int
}

func newFakeQueue() *fakeQueue {
	return &fakeQueue{arrived: make(chan struct{}), failDelete: map[string]int{}}
}

func (q *fakeQueue) send(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, body := range bodies {
		q.messages = append(q.messages, &stored{id: "id-" + body[:min(len(body), 20)], body: body, visible: time.Now()})
	}
	close(q.arrived)
	q.arrived = make(chan struct{})
}

// left returns the bodies of the messages that were not deleted.
func (q *fakeQueue) left() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := []string{}
	for _, m := range q.messages {
		left = append(left, m.body)
	}
	return left
}

// untouched counts the messages that were never received.
func (q *fakeQueue) untouched() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for _, m := range q.messages {
		if m.receives == 0 {
			n++
		}
	}
	return n
}

func (q *fakeQueue) hideUntil(body string, at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if m.body == body {
			m.visible = at
		}
	}
}

func (q *fakeQueue) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, _ ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	end := time.NewTimer(time.Duration(in.WaitTimeSeconds) * time.Second)
	defer end.Stop()
	look := time.NewTicker(100 * time.Millisecond) // for messages that become visible again
	defer look.Stop()
	q.mu.Lock()
	q.receives++
	q.longest = max(q.longest, in.WaitTimeSeconds)
	q.mu.Unlock()
	for {
		q.mu.Lock()
		arrived := q.arrived
		out := &sqs.ReceiveMessageOutput{}
		for _, m := range q.messages {
			if len(out.Messages) < int(in.MaxNumberOfMessages) && !m.visible.After(time.Now()) {
				m.visible = time.Now().Add(visibility)
				m.receives++
				sum := md5.Sum([]byte(m.body))
				out.Messages = append(out.Messages, types.Message{
					MessageId:     aws.String(m.id),
					ReceiptHandle: aws.String(m.id),
					Body:          aws.String(m.body),
					MD5OfBody:     aws.String(hex.EncodeToString(sum[:])),
					Attributes:    map[string]string{"ApproximateReceiveCount": strconv.Itoa(m.receives), "SentTimestamp": "1700000000000"},
					MessageAttributes: map[string]types.MessageAttributeValue{
						"tenant_id": {DataType: aws.String("String"), StringValue: aws.String("acme")},
						"raw":       {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
					},
				})
			}
		}
		q.mu.Unlock()
		if len(out.Messages) > 0 {
			return out, nil
		}
		select {
		case <-arrived:
		case <-look.C:
		case <-end.C:
			return out, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *fakeQueue) DeleteMessageBatch(_ context.Context, in *sqs.DeleteMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deletes++
	if len(in.Entries) > 10 {
		return nil, fmt.Errorf("too many entries")
	}
	out := &sqs.DeleteMessageBatchOutput{}
	for _, e := range in.Entries {
		if id := *e.ReceiptHandle; q.failDelete[id] > 0 {
			q.failDelete[id]--
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
			continue
		}
		q.messages = slices.DeleteFunc(q.messages, func(m *stored) bool { return m.id == *e.ReceiptHandle })
	}
	return out, nil
}

// remove deletes a message as a function does that deletes it by itself.
func (q *fakeQueue) remove(t *testing.T, id string) {
	out, err := q.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
		Entries: []types.DeleteMessageBatchRequestEntry{{Id: aws.String("0"), ReceiptHandle: &id}},
	})
	require.NoError(t, err)
	require.Empty(t, out.Failed)
}

type call struct {
	at     time.Duration
	event  events.SQSEvent
	bodies []string
}

// function is a function that the test scripts; it records its calls.
type function struct {
	t      *testing.T
	start  time.Time
	handle func(c call) (source.Invocation, error) // nil: success

	mu            sync.Mutex
	calls         []call
	running, most int
}

func (f *function) Invoke(_ context.Context, payload []byte) (source.Invocation, error) {
	c := call{at: time.Since(f.start)}
	require.NoError(f.t, json.Unmarshal(payload, &c.event))
	for _, m := range c.event.Records {
		c.bodies = append(c.bodies, m.Body)
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.running++
	f.most = max(f.most, f.running)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.running--
		f.mu.Unlock()
	}()
	if f.handle == nil {
		return source.Invocation{}, nil
	}
	return f.handle(c)
}

func (f *function) bodies() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var bodies [][]string
	for _, c := range f.calls {
		bodies = append(bodies, c.bodies)
	}
	return bodies
}

// bench is a mapping between a fake queue and a scripted function, in a bubble with a fake clock.
type bench struct {
	*fakeQueue
	*function
	config   queue.Config
	problems []error
	reportMu sync.Mutex
}

// inBubble runs the test with a fake clock. The mapping has the settings of a cell's consumer, unless the test changes them.
func inBubble(t *testing.T, test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{fakeQueue: newFakeQueue(), function: &function{t: t, start: time.Now()}}
		b.config = queue.Config{
			QueueURL:          "http://localhost/work",
			QueueARN:          queueARN,
			Region:            "us-east-1",
			BatchSize:         10,
			ReportFailures:    true,
			MaxConcurrency:    10,
			VisibilityTimeout: visibility,
			Report: func(err error) {
				b.reportMu.Lock()
				defer b.reportMu.Unlock()
				b.problems = append(b.problems, err)
			},
		}
		test(t, b)
	})
}

// run starts a poller; the returned function stops it and waits for its end. The end of the test does so too.
func (b *bench) run() (stop func()) {
	stopping, done := make(chan struct{}), make(chan struct{})
	p := queue.New(b.fakeQueue, b.function, b.config)
	go func() {
		defer close(done)
		p.Run(context.Background(), stopping)
	}()
	stop = sync.OnceFunc(func() {
		close(stopping)
		<-done
	})
	b.function.t.Cleanup(stop)
	return stop
}

func (b *bench) runFor(d time.Duration) {
	stop := b.run()
	time.Sleep(d)
	stop()
}
