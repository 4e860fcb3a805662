package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/sqstest"
)

// What an event does to the process that handles it.
const (
	good      = "good"
	fail      = "fail"
	reject    = "reject"
	hang      = "hang"       // until its context ends
	stuck     = "stuck"      // for as long as the process lives
	kill      = "kill"       // the process dies before the event is applied
	killAfter = "kill-after" // the process dies when it is applied
	garbled   = "garbled"    // no event, and known by the attributes of its message
)

// reasons are those of the events that nothing can save.
var reasons = map[string]string{
	fail: "error", reject: "rejected", hang: "deadline", stuck: "deadline", kill: "crashed", garbled: "malformed",
}

const (
	workURL    = "https://queue/work"
	deadURL    = "https://queue/dead"
	visibility = 180 * time.Second
	timeout    = 30 * time.Second // of the function
)

// lambda is a cell's queue and its consumer as Lambda runs it: what the function does not answer for, because it died,
// comes back when the queue's visibility timeout is over.
type lambda struct {
	mu    sync.Mutex // of fault
	*cell            // the tables, and the process that lives now
	sqs   *sqstest.SQS
	dead  atomic.Bool // that process is gone: nothing that it does reaches anybody
	kinds map[string]string
	mixed bool          // the events are of several tenants, whose records are handled at the same time
	quit  chan struct{} // closed in the end, for what is stuck
	size  func() int    // the messages that a receive asks for
	fault func() bool   // whether a call of the process fails

	received map[string]time.Time // the latest receive of each event
	waits    map[string]int       // how often an event waited for the visibility timeout
}

func newLambda() *lambda {
	l := &lambda{
		kinds: map[string]string{}, quit: make(chan struct{}), size: func() int { return 10 }, fault: func() bool { return false },
		received: map[string]time.Time{}, waits: map[string]int{},
		sqs: sqstest.New(map[string]sqstest.Queue{
			workURL: {VisibilityTimeout: visibility, DeadLetterURL: deadURL, MaxReceiveCount: maxReceives}, deadURL: {},
		}),
	}
	l.startProcess(newTables())
	return l
}

var errGone = errors.New("the process is gone")

// mortal is the tables and the queue as a process reaches them while it lives.
type mortal struct {
	*tables
	*sqstest.SQS
	of *lambda
}

func (m mortal) fails() error {
	m.of.mu.Lock() // messages are sent concurrently
	defer m.of.mu.Unlock()
	switch {
	case m.of.dead.Load():
		return errGone
	case m.of.fault():
		return errors.New("service unavailable")
	}
	return nil
}

func (m mortal) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.tables.UpdateItem(ctx, in, o...)
}

func (m mortal) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.tables.TransactWriteItems(ctx, in, o...)
}

func (m mortal) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, o ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.SQS.ChangeMessageVisibilityBatch(ctx, in, o...)
}

func (m mortal) DeleteMessageBatch(
	ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options),
) (*sqs.DeleteMessageBatchOutput, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.SQS.DeleteMessageBatch(ctx, in, o...)
}

func (m mortal) SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	if err := m.fails(); err != nil {
		return nil, err
	}
	return m.SQS.SendMessage(ctx, in, o...)
}

func (l *lambda) startProcess(s *tables) {
	l.cell = newCell()
	l.dead.Store(false)
	l.tables = s
	m := mortal{tables: s, SQS: l.sqs, of: l}
	l.Tables, l.Queue, l.QueueURL = m, m, workURL
	l.Apply = l.apply
	l.ConcurrentTenants = 3
	l.AfterApply = func(e event.Event) {
		if e.Type == killAfter {
			l.dead.Store(true)
		}
	}
}

func (l *lambda) apply(ctx context.Context, e event.Event) (app.Effect, error) {
	if l.dead.Load() {
		return app.Effect{}, errGone
	}
	switch e.Type {
	case fail:
		return app.Effect{}, errors.New("a dependency is down")
	case reject:
		return app.Effect{}, app.Permanent(errors.New("no lines"))
	case hang:
		<-ctx.Done()
		return app.Effect{}, ctx.Err()
	case stuck:
		<-l.quit
	case kill:
		l.dead.Store(true)
		return app.Effect{}, errGone
	}
	return count(ctx, e)
}

// tenant is whose an event is.
func (l *lambda) tenant(id string) string {
	if !l.mixed {
		return "acme"
	}
	return []string{"acme", "globex", "initech", "umbrella"}[event.Shard(id, 4)]
}

func (l *lambda) entry(id string) attributes {
	return l.tables.items[resultsTable+"/"+event.Key(l.tenant(id), id)]
}

func (l *lambda) status(id string) ledger.Status {
	return ledger.Status(str(l.entry(id)[ledger.AttrStatus]))
}

// send puts an event into the queue.
func (l *lambda) send(t require.TestingT, id, kind string) {
	l.kinds[id] = kind
	body := deliverMessage(event.Message{Event: event.Event{
		TenantID: l.tenant(id), ID: id, Type: kind, Epoch: 1, Payload: json.RawMessage(`{}`), AcceptedAt: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
	}}, 1).Body
	if kind == garbled {
		body = "not a message"
	}
	attribute := func(v string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	_, err := l.sqs.SendMessage(context.Background(), &sqs.SendMessageInput{
		QueueUrl: aws.String(workURL), MessageBody: &body,
		MessageAttributes: map[string]types.MessageAttributeValue{event.MessageAttrTenantID: attribute(l.tenant(id)), event.MessageAttrID: attribute(id)},
	})
	require.NoError(t, err)
}

// invoke has the function work on what the queue has, and reports whether that was anything.
func (l *lambda) invoke(t require.TestingT) bool {
	got, err := l.sqs.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(workURL), MaxNumberOfMessages: int32(l.size()), MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	require.NoError(t, err)
	if len(got.Messages) == 0 {
		return false
	}
	var batch events.SQSEvent
	receipts := map[string]*string{}
	for _, m := range got.Messages {
		d := events.SQSMessage{
			MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes,
			MessageAttributes: map[string]events.SQSMessageAttribute{},
		}
		for name, a := range m.MessageAttributes {
			d.MessageAttributes[name] = events.SQSMessageAttribute{DataType: *a.DataType, StringValue: a.StringValue}
		}
		batch.Records = append(batch.Records, d)
		receipts[*m.MessageId] = m.ReceiptHandle
		id := eventOf(m)
		if last := l.received[id]; !last.IsZero() && time.Since(last) >= visibility {
			l.waits[id]++
		}
		l.received[id] = time.Now()
	}
	answer, died := l.call(batch)
	if died {
		l.startProcess(l.tables)
		return true
	}
	for _, f := range answer.BatchItemFailures {
		delete(receipts, f.ItemIdentifier)
	}
	for _, receipt := range receipts {
		_, err := l.sqs.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: aws.String(workURL), ReceiptHandle: receipt})
		require.NoError(t, err)
	}
	return true
}

func (l *lambda) call(batch events.SQSEvent) (answer events.SQSEventResponse, died bool) {
	defer func() {
		if recover() != nil {
			died = true
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer, err := l.Handle(ctx, batch)
	return answer, l.dead.Load() || err != nil
}

// drain invokes the function until the queue is empty, or has had the time to become it.
func (l *lambda) drain(t require.TestingT) {
	for started := time.Now(); len(l.sqs.Messages(workURL)) > 0 && time.Since(started) < 10*time.Hour; {
		if !l.invoke(t) {
			time.Sleep(time.Second)
		}
	}
}

// eventOf is the event that a message is of, by its attributes.
func eventOf(m types.Message) string { return *m.MessageAttributes[event.MessageAttrID].StringValue }

// check requires that everything ended as it had to.
func (l *lambda) check(t require.TestingT) {
	require.Empty(t, l.sqs.Messages(workURL), "the queue")
	var letters, culprits []string
	for _, m := range l.sqs.Messages(deadURL) {
		letters = append(letters, eventOf(m))
	}
	for id, kind := range l.kinds {
		entry := l.entry(id)
		if reason, culprit := reasons[kind]; culprit {
			culprits = append(culprits, id)
			require.Zero(t, l.effects(id), "%s has no effect", id)
			require.Equal(t, ledger.Failed, l.status(id), "%s has failed", id)
			allowed := []string{reason, "crashed"} // of another event, on its last receive
			if kind == garbled {
				allowed = []string{reason}
			}
			require.Contains(t, allowed, str(entry[ledger.AttrReason]), "the reason of %s", id)
			continue
		}
		require.Equal(t, 1, l.effects(id), "%s has one effect", id)
		require.Equal(t, ledger.Processed, l.status(id), "%s is processed", id)
		require.LessOrEqual(t, l.waits[id], 1, "how often %s waited for the visibility timeout", id)
	}
	slices.Sort(letters)
	slices.Sort(culprits)
	require.Equal(t, culprits, letters, "the dead letter queue has what cannot be applied, once, and nothing else")
}

// arrival is an event that arrives before so many invocations.
type arrival struct {
	kind        string
	invocations int
}

// Any mix of events, in any order and any batches: those that cannot be applied end in the dead letter queue, and the
// others are applied once and wait for one visibility timeout at most.
func TestI7TheDeadLetterQueueHasTheCulpritsAndNothingElse(t *testing.T) {
	kinds := rapid.SampledFrom([]string{good, good, good, killAfter, kill, kill, kill, fail, reject, hang, stuck, garbled})
	arrivals := rapid.Custom(func(t *rapid.T) arrival {
		return arrival{kinds.Draw(t, "kind"), max(0, rapid.IntRange(0, 12).Draw(t, "invocations")-8)} // most arrive together
	})
	rapid.Check(t, func(rt *rapid.T) {
		picks := &cycle[int]{script: rapid.SliceOfN(rapid.IntRange(0, 99), 1, 20).Draw(rt, "picks")}
		batches := &cycle[int]{script: rapid.SliceOfN(rapid.IntRange(1, 10), 1, 10).Draw(rt, "batches")}
		all := rapid.SliceOfN(arrivals, 1, 25).Draw(rt, "events")
		mixed := rapid.Bool().Draw(rt, "of several tenants")
		var l *lambda
		synctest.Test(t, func(t *testing.T) {
			l = newLambda()
			l.mixed = mixed
			defer l.end()
			l.sqs.Pick = func(_ string, n int) int { return picks.take() % n }
			l.size = batches.take
			for i, a := range all {
				l.send(t, fmt.Sprintf("e-%02d", i), a.kind)
				for range a.invocations {
					l.invoke(t)
				}
			}
			l.drain(t)
		})
		l.check(rt)
	})
}

// inLambda runs a test with a fake clock. The oldest messages come first, ten at a time.
func inLambda(t *testing.T, test func(t *testing.T, l *lambda)) {
	synctest.Test(t, func(t *testing.T) {
		l := newLambda()
		defer l.end()
		test(t, l)
	})
}

// left are the events whose messages are in the queue.
func (l *lambda) left() []string {
	ids := []string{}
	for _, m := range l.sqs.Messages(workURL) {
		ids = append(ids, eventOf(m))
	}
	slices.Sort(ids)
	return ids
}

// The first crash cannot be foreseen, and takes the whole batch back. Then the siblings are done with, before the culprit
// runs again.
func TestI7ACulpritIsAloneFromItsSecondReceiveOn(t *testing.T) {
	for culprit := range 10 {
		inLambda(t, func(t *testing.T, l *lambda) {
			for i := range 10 {
				kind := good
				if i == culprit {
					kind = kill
				}
				l.send(t, fmt.Sprint(i), kind)
			}
			l.invoke(t)
			require.Len(t, l.left(), 10)
			time.Sleep(visibility)
			l.invoke(t) // who it is turns out now, at the latest
			time.Sleep(15 * time.Second)
			l.invoke(t)
			require.Equal(t, []string{fmt.Sprint(culprit)}, l.left())
			l.drain(t)
			l.check(t)
		})
	}
}

// A batch with a message on trial is hidden for less than the visibility timeout, and may still take its time.
func TestI7NothingOfABatchComesBackWhileItIsHandled(t *testing.T) {
	inLambda(t, func(t *testing.T, l *lambda) {
		l.send(t, "on-trial", fail)
		l.invoke(t)
		time.Sleep(10 * time.Second)
		for i := range 8 {
			l.send(t, fmt.Sprint(i), good)
		}
		l.RecordTimeout = 3 * time.Second
		apply := l.Apply
		l.Apply = func(ctx context.Context, e event.Event) (app.Effect, error) {
			time.Sleep(l.RecordTimeout - time.Millisecond)
			return apply(ctx, e)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.invoke(t)
		}()
		for second := time.NewTicker(time.Second); ; {
			select {
			case <-done:
				require.Equal(t, []string{"on-trial"}, l.left())
				return
			case <-second.C:
			}
			got, err := l.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(workURL), MaxNumberOfMessages: 10,
				MessageAttributeNames: []string{"All"}})
			require.NoError(t, err)
			for _, m := range got.Messages {
				require.Equal(t, "on-trial", eventOf(m), "it failed, and is due again")
			}
		}
	})
}

// Nine of ten kill the process, and the queue delivers them together each time.
func TestI7OneGoodRecordAmongCulpritsIsApplied(t *testing.T) {
	inLambda(t, func(t *testing.T, l *lambda) {
		for i := range 9 {
			l.send(t, fmt.Sprint(i), kill)
		}
		l.send(t, "z", good)
		l.drain(t)
		l.check(t)
	})
}

// What dies behind its own transaction is done, whatever its batch was told.
func TestI7ARecordThatKillsTheProcessOnceAppliedIsDeleted(t *testing.T) {
	inLambda(t, func(t *testing.T, l *lambda) {
		l.send(t, "a", killAfter)
		l.send(t, "b", kill)
		l.send(t, "c", killAfter)
		l.drain(t)
		l.check(t)
	})
}

func TestI7WhatHasKilledBeforeRunsBehindAllOthers(t *testing.T) {
	c := newCell()
	var order []string
	c.Apply = func(_ context.Context, e event.Event) (app.Effect, error) {
		order = append(order, e.ID)
		return app.Effect{}, nil
	}
	note := func(id string, trials, resends int) {
		c.tables.items[resultsTable+"/"+ledger.TrialPrefix+id] = trialNote(trials, resends)
	}
	note("killed-twice", 2, 0)
	note("killed-once", 1, 0)
	note("young", 0, 0)
	note("old", 0, 1)
	note("copy", 0, 2)
	again := deliver("copied", "t", 1)
	again.MessageAttributes[event.MessageAttrCopyOf] = events.SQSMessageAttribute{DataType: "String", StringValue: aws.String("copy")}
	c.met = map[string]int{"killed-twice": 2, "killed-once": 2, "young": 2, "old": 1}
	require.Empty(t, c.handle(t.Context(), t,
		deliver("killed-twice", "t", 3), deliver("new-1", "t", 1), deliver("young", "t", 3), deliver("killed-once", "t", 3),
		deliver("new-2", "t", 1), deliver("old", "t", 2), again))
	require.Equal(t, []string{"copied", "old", "young", "new-1", "new-2", "killed-once", "killed-twice"}, order)
}

func TestABatchOnItsFirstReceiveCostsNoCallBesideItsTransactions(t *testing.T) {
	inLambda(t, func(t *testing.T, l *lambda) {
		l.send(t, "first", good)
		l.invoke(t)
		l.tables.calls, l.tables.reads, l.tables.updates = 0, 0, 0
		time.Sleep(time.Minute) // until a heartbeat is due
		for i := range 10 {
			l.send(t, fmt.Sprint(i), good)
		}
		before := len(l.sqs.Calls())
		l.invoke(t)
		for _, call := range l.sqs.Calls()[before:] {
			require.Contains(t, []string{"ReceiveMessage", "DeleteMessage"}, call.Operation, "Lambda's own calls")
		}
		require.Equal(t, 10, l.tables.calls)
		require.Zero(t, l.tables.reads)
		require.Equal(t, 1, l.tables.updates, "the heartbeat")
	})
}

// The queue is down for all but Lambda, or answers each call with an error of each entry, or does not answer.
func TestI7AFaultOfTheQueueFailsNothing(t *testing.T) {
	for name, q := range map[string]*queue{
		"it fails": {err: errors.New("AccessDenied")}, "it refuses": {refuse: true}, "it hangs": {hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCell()
				c.Queue = q
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				var batch []events.SQSMessage
				for i := range 10 {
					batch = append(batch, deliver(fmt.Sprint(i), "t", 2))
				}
				start := time.Now()
				require.Empty(t, c.handle(ctx, t, batch...))
				require.LessOrEqual(t, time.Since(start), 2*time.Second, "it is given up on soon")
				for i := range 10 {
					require.Equal(t, 1, c.effects(fmt.Sprint(i)))
				}
			})
		})
	}
}

// Queue and tables fail at random beside the records. Nothing is lost or applied twice; what is good may end in the dead
// letter queue, and if it was applied, its status says so.
func TestI6CrashesAndFaultsTogetherLoseNothing(t *testing.T) {
	kinds := rapid.SampledFrom([]string{good, good, good, killAfter, kill, fail, hang, garbled})
	rapid.Check(t, func(rt *rapid.T) {
		faults := &cycle[bool]{script: rapid.SliceOfN(rapid.Bool(), 1, 40).Draw(rt, "faults")}
		all := rapid.SliceOfN(kinds, 1, 20).Draw(rt, "events")
		mixed := rapid.Bool().Draw(rt, "of several tenants")
		var l *lambda
		synctest.Test(t, func(t *testing.T) {
			l = newLambda()
			l.mixed = mixed
			defer l.end()
			for i, kind := range all {
				l.send(t, fmt.Sprintf("e-%02d", i), kind)
			}
			l.fault = faults.take
			l.drain(t)
		})
		inDLQ := map[string]bool{}
		for _, m := range l.sqs.Messages(deadURL) {
			inDLQ[eventOf(m)] = true
		}
		require.Empty(rt, l.sqs.Messages(workURL))
		for id, kind := range l.kinds {
			n := l.effects(id)
			require.True(rt, n == 1 || n == 0 && inDLQ[id], "%s, %s: %d effects, in the DLQ: %t", id, kind, n, inDLQ[id])
			require.Equal(rt, n == 1, l.status(id) == ledger.Processed, "effect and status of %s agree", id)
		}
	})
}

// end lets go of what is stuck.
func (l *lambda) end() {
	close(l.quit)
	synctest.Wait()
}
