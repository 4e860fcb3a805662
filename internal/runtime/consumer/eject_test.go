package consumer_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
)

// reject has the business logic reject events of badType.
func (c *cell) reject() {
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
		return app.Effect{}, app.Permanent(errors.New("no lines"))
	})
}

func TestI7WhatNoRetryMendsIsEjectedOnItsFirstReceiveAsItCame(t *testing.T) {
	c := newCell()
	c.reject()
	rejected, garbled := deliver("e-1", badType, 1), deliverBody("e-2", "not a message", 1)
	rejected.Attributes["MessageGroupId"] = "its own" // the other one has none, and gets its tenant's
	require.Equal(t, []string{"e-1", "e-2"}, sorted(c.handle(t.Context(), t, rejected, deliver("e-3", "t", 1), garbled)))
	require.Equal(t, []string{"e-1", "e-2"}, sorted(c.sent), "nothing is reported: the answer deletes them all")
	require.Empty(t, c.queue.hidden)
	require.Equal(t, 1, c.effects("e-3"))

	for i, reason := range map[string]consumer.Reason{"e-1": consumer.Rejected, "e-2": consumer.Malformed} {
		require.Equal(t, ledger.Failed, c.status(i))
		require.Equal(t, string(reason), str(c.entry(i)[ledger.AttrReason]))
	}
	letters := map[string]*sqs.SendMessageInput{}
	for _, letter := range c.queue.letters() {
		letters[*letter.MessageAttributes[event.MessageAttrID].StringValue] = letter
	}
	attribute := func(v string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &v}
	}
	for _, m := range []events.SQSMessage{rejected, garbled} {
		want := &sqs.SendMessageInput{
			QueueUrl: aws.String(deadURL), MessageBody: aws.String(m.Body), MessageAttributes: map[string]types.MessageAttributeValue{
				event.MessageAttrTenantID: attribute("acme"), event.MessageAttrID: attribute(m.MessageId),
			},
		}
		want.MessageGroupId = aws.String(cmp.Or(m.Attributes["MessageGroupId"], "acme"))
		require.Equal(t, want, letters[m.MessageId])
	}
}

func TestI7WhatTheDeadLetterQueueDoesNotTakeIsLeftToTheQueue(t *testing.T) {
	c := newCell()
	c.reject()
	c.queue.deadErr = errors.New("AccessDenied")
	for receive := 1; receive <= maxReceives; receive++ {
		require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, receive), deliver("e-2", "t", 1)))
		require.Empty(t, c.sent)
		require.Equal(t, int32(0), c.queue.hidden["e-1"], "it uses up its receives at once")
	}
	require.Equal(t, 1, c.effects("e-2"))
	require.Equal(t, ledger.Failed, c.status("e-1"))
	require.Contains(t, c.log.String(), "could not be sent to the dead letter queue")
}

// An event is not in the dead letter queue while its client is told that it is accepted, if a retry can avoid it.
func TestWhatCannotBeNotedAsFailedIsNotEjectedYet(t *testing.T) {
	c := newCell()
	c.reject()
	c.tables.before = func(int) error { return errors.New("AccessDenied") }
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, 1)))
	require.Empty(t, c.sent)
	require.Equal(t, int32(2), c.queue.hidden["e-1"])
	c.tables.before = nil
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, 2)))
	require.Equal(t, []string{"e-1"}, c.sent)
	require.Equal(t, ledger.Failed, c.status("e-1"))
}

// A process that dies of a record takes none of the letters of its batch back, and sends none twice.
func TestI7WhatIsEjectedBesideARecordThatKillsHasOneLetter(t *testing.T) {
	inLambda(t, func(t *testing.T, l *lambda) {
		l.send(t, "a", reject)
		l.send(t, "b", kill)
		l.send(t, "c", garbled)
		l.send(t, "d", good)
		l.drain(t)
		l.check(t)
	})
}

func TestADivertedEventIsNotEjected(t *testing.T) {
	c := newCell()
	c.reject()
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", badType, 1)))
	require.Equal(t, ledger.Diverted, c.status("e-1"))
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

// Business logic that calls the end of its own time permanent is tried again: that it ran late says nothing of the event.
func TestConsumer_TriesAgainWhatOnlyRanOutOfTime(t *testing.T) {
	for _, err := range []error{
		app.Permanent(fmt.Errorf("read the price: %w", context.DeadlineExceeded)),
		errors.Join(app.Permanent(errors.New("no price")), context.Canceled),
	} {
		c := newCell()
		c.applyBad(func(context.Context, event.Event) (app.Effect, error) { return app.Effect{}, err })
		require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, 1)))
		require.Empty(t, c.queue.letters(), "%v", err)
	}
}
