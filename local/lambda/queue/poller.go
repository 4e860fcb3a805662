// Package queue polls an SQS queue for one event source mapping, as Lambda does: batches by count, bytes and window, a
// bound on what is worked on at the same time, and partial batch responses. What the function failed is left alone, so
// that the queue's visibility timeout, or the one that the function set, brings it back or ejects it.
package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/local/lambda/source"
)

const (
	// receiveWait is the long poll. AWS allows 20 s; a poll under way is not cut off when the mapping stops, because the
	// queue would hand its messages to nobody, so this is also how long a stop can take.
	receiveWait = time.Second

	receiveLimit = 10 // messages a call, the API's maximum; for deletion too
	deleteTries  = 4
)

// Delays after failures.
var (
	throttleBackoff = source.Backoff{Base: 50 * time.Millisecond, Max: 2 * time.Second}
	callBackoff     = source.Backoff{Base: 100 * time.Millisecond, Max: 5 * time.Second} // AWS answered with an error
)

// Client is the part of the SQS API that the poller needs.
type Client interface {
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// Config is what a mapping says about its queue. All fields are used as they are: the caller validates.
type Config struct {
	QueueURL          string
	QueueARN          string
	Region            string
	BatchSize         int
	BatchWindow       time.Duration  // how long the first message of a batch waits for others
	ReportFailures    bool           // the function answers with batchItemFailures
	MaxConcurrency    int            // invocations at the same time
	VisibilityTimeout time.Duration  // of the queue: a throttled batch is given up after this time, as the queue hands it out again
	Report            func(error)    // told the result of each batch and call that was not as it should be; nil after a good batch
	Count             source.Counter // told what became of messages; nil: nobody is
}

// Poller polls one queue.
type Poller struct {
	client  Client
	invoker source.Invoker
	config  Config
}

// New makes a poller.
func New(client Client, invoker source.Invoker, config Config) *Poller {
	return &Poller{client: client, invoker: invoker, config: config}
}

// Run polls until stop is closed, then works off the messages that it has received, or until ctx is done.
func (p *Poller) Run(ctx context.Context, stop <-chan struct{}) {
	var working sync.WaitGroup
	defer working.Wait()
	free := make(chan struct{}, p.config.MaxConcurrency)
	var held []message
	for {
		// A free place comes first: a message that nobody can work on stays in the queue.
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		held = p.gather(ctx, stop, held)
		if len(held) == 0 || ctx.Err() != nil {
			return
		}
		n, _ := source.Fit(held, p.config.BatchSize, message.size)
		batch := held[:n:n]
		held = held[n:]
		working.Go(func() {
			defer func() { <-free }()
			p.work(ctx, stop, batch)
		})
	}
}

// gather adds to the messages that are held until they fill a batch, the first of them has waited for the batch window,
// or the poller is to end. It returns none only when the poller is to end.
func (p *Poller) gather(ctx context.Context, stop <-chan struct{}, held []message) []message {
	first := time.Now()
	for failures := 0; ; {
		if _, full := source.Fit(held, p.config.BatchSize, message.size); full {
			return held
		}
		wait := receiveWait
		if len(held) > 0 {
			left := p.config.BatchWindow - time.Since(first)
			if left <= 0 {
				return held
			}
			wait = min(wait, left)
		}
		if source.Ending(ctx, stop) {
			return held
		}
		received, err := p.receive(ctx, p.config.BatchSize-len(held), wait)
		if err != nil {
			failures++
			p.config.Report(err)
			if !source.Sleep(ctx, stop, callBackoff.Delay(failures)) {
				return held
			}
			continue
		}
		failures = 0
		if len(held) == 0 {
			first = time.Now()
		}
		p.config.Count.Add(source.Polled, len(received))
		held = append(held, received...)
	}
}

// receive waits for messages in whole seconds, rounded up, as the API wants it.
func (p *Poller) receive(ctx context.Context, limit int, wait time.Duration) ([]message, error) {
	out, err := p.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &p.config.QueueURL,
		MaxNumberOfMessages:         int32(min(limit, receiveLimit)),
		WaitTimeSeconds:             int32((wait + time.Second - 1) / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", p.config.QueueARN, err)
	}
	received := make([]message, len(out.Messages))
	for i, m := range out.Messages {
		if received[i], err = newMessage(m, p.config.QueueARN, p.config.Region); err != nil {
			return nil, fmt.Errorf("receive from %s: %w", p.config.QueueARN, err)
		}
	}
	return received, nil
}

// work invokes the function with a batch and deletes what it did not fail.
func (p *Poller) work(ctx context.Context, stop <-chan struct{}, batch []message) {
	received := time.Now()
	event := source.Event(batch, message.json)
	var invocation source.Invocation
	for throttled := 1; ; throttled++ {
		var err error
		invocation, err = p.invoker.Invoke(ctx, event)
		if err == nil {
			break
		}
		p.config.Report(fmt.Errorf("invoke the function with messages of %s: %w", p.config.QueueARN, err))
		p.config.Count.Add(source.Failed, len(batch))
		delay := throttleBackoff.Delay(throttled)
		if !errors.Is(err, source.ErrThrottled) || time.Since(received)+delay >= p.config.VisibilityTimeout {
			return
		}
		if !source.Sleep(ctx, stop, delay) {
			return
		}
	}
	succeeded, err := p.succeeded(batch, invocation)
	p.config.Count.Add(source.Invoked, len(batch))
	p.config.Count.Add(source.Failed, len(batch)-len(succeeded))
	p.config.Report(err)
	if err := p.delete(ctx, succeeded); err != nil {
		p.config.Report(err)
	}
}

// succeeded returns the messages that are done, and what was wrong with the others.
func (p *Poller) succeeded(batch []message, invocation source.Invocation) ([]message, error) {
	if invocation.FunctionError != "" {
		return nil, fmt.Errorf("function call failed: %s", invocation.Payload)
	}
	if !p.config.ReportFailures {
		return batch, nil
	}
	ids := make([]string, len(batch))
	for i, m := range batch {
		ids[i] = m.id
	}
	failed, err := source.Failures(invocation.Payload, ids)
	if err != nil {
		return nil, err
	}
	if len(failed) == 0 {
		return batch, nil
	}
	var done []message
	for i, m := range batch {
		if len(failed) > 0 && failed[0] == i {
			failed = failed[1:]
			continue
		}
		done = append(done, m)
	}
	return done, fmt.Errorf("the function reported %d of %d messages of %s as failed", len(batch)-len(done), len(batch), p.config.QueueARN)
}
