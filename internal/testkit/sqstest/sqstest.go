// Package sqstest is SQS in memory for tests: standard queues with visibility timeouts, receive counts and dead letter
// queues, alone and in batches. It answers as the service does where it knows how, down to the requests that the service
// refuses; what it does not know is an error, so that a test cannot pass on a request that the real service would read
// differently.
//
// Nothing waits: a receive that finds nothing answers at once, however long it was to wait.
package sqstest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// Queue is what a queue is made with.
type Queue struct {
	VisibilityTimeout time.Duration // 0 means the service's default of 30 s

	// DeadLetterURL is where a message goes that was received MaxReceiveCount times and is due again. "" is nowhere.
	DeadLetterURL   string
	MaxReceiveCount int
}

// Call is one request that arrived.
type Call struct {
	Operation string // SendMessageBatch, ReceiveMessage, ...
	QueueURL  string
}

// SQS is a set of queues. It is safe for concurrent use, and each operation is atomic. The hooks that are fields are to
// be changed only while no operation is under way.
type SQS struct {
	// Intercept is called with every request before it takes effect, and its error is the answer; nil means no
	// interception. It may block until the context ends.
	Intercept func(context.Context, Call) error

	// After is called with every request that was carried out, before it is answered. Its error is the answer instead.
	After func(context.Context, Call) error

	// Refuse reports whether the entry of a batch with an id fails, for no fault of the sender's; nil refuses none.
	Refuse func(call Call, id string) bool

	// Pick chooses which of n messages, oldest first, is delivered next: 0 to n-1. A standard queue promises no order.
	// nil means the oldest, those of noisy message groups last.
	Pick func(queueURL string, n int) int

	// Now is the clock; nil is the system's.
	Now func() time.Time

	mu     sync.Mutex
	queues map[string]*queue
	calls  []Call
	last   int // the number of the last message or receipt
}

// queue is a queue and its messages, oldest first.
type queue struct {
	Queue
	messages []*message
	receipts map[string]*message // every receipt handle that was given out
	purgedAt time.Time
	noisy    map[string]bool      // message groups
	sentAt   map[string]time.Time // the latest message of each group
}

// New returns SQS with the given queues, by their URLs. It panics on a dead letter queue that is not among them.
func New(queues map[string]Queue) *SQS {
	s := &SQS{queues: map[string]*queue{}}
	for url, q := range queues {
		if _, ok := queues[q.DeadLetterURL]; q.DeadLetterURL != "" && (!ok || q.MaxReceiveCount < 1) {
			panic("sqstest: queue " + url + ": no such dead letter queue, or no receive count")
		}
		if q.VisibilityTimeout == 0 {
			q.VisibilityTimeout = 30 * time.Second
		}
		s.queues[url] = &queue{Queue: q, receipts: map[string]*message{}, noisy: map[string]bool{}, sentAt: map[string]time.Time{}}
	}
	return s
}

// Calls returns the requests that arrived so far, in order.
func (s *SQS) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ReleaseAll makes every message of a queue visible, as if its visibility timeout were over.
func (s *SQS) ReleaseAll(queueURL string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.mustQueue(queueURL).messages {
		m.hiddenUntil = time.Time{}
	}
}

// Messages returns all messages of a queue, oldest first, hidden ones too, as a receive with all attributes would,
// except for the receipt handles. It receives none of them.
func (s *SQS) Messages(queueURL string) []types.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []types.Message
	for _, m := range s.mustQueue(queueURL).messages {
		all = append(all, m.received("", []string{"All"}, []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}))
	}
	return all
}

func (s *SQS) mustQueue(url string) *queue {
	q, ok := s.queues[url]
	if !ok {
		panic("sqstest: no queue " + url)
	}
	return q
}

func (s *SQS) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// run carries an operation on a queue out, with the lock held.
func run[T any](ctx context.Context, s *SQS, operation string, url *string, act func(*queue, Call) (*T, error)) (*T, error) {
	fail := func(err error) error {
		return &smithy.OperationError{ServiceID: "SQS", OperationName: operation, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, fail(err)
	}
	call := Call{Operation: operation}
	if url != nil {
		call.QueueURL = *url
	}
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	if s.Intercept != nil {
		if err := s.Intercept(ctx, call); err != nil {
			return nil, fail(err)
		}
	}
	out, err := s.locked(call, func(q *queue) (any, error) { return act(q, call) })
	if err != nil {
		return nil, fail(err)
	}
	if s.After != nil {
		if err := s.After(ctx, call); err != nil {
			return nil, fail(err)
		}
	}
	return out.(*T), nil
}

func (s *SQS) locked(call Call, act func(*queue) (any, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.queues[call.QueueURL]
	if !ok {
		return nil, &types.QueueDoesNotExist{Message: new("The specified queue does not exist: " + call.QueueURL)}
	}
	return act(q)
}
