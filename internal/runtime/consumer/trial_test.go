package consumer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
)

// lost is a message on its last receive that has been started on trial so many times: the others it lost.
func (c *cell) lost(id string, trials, resends int) events.SQSMessage {
	c.met[id] = maxReceives - 1
	c.tables.items[resultsTable+"/"+ledger.TrialPrefix+id] = trialNote(trials, resends)
	return deliver(id, "t", maxReceives)
}

func TestAMessageThatLostItsReceivesToOthersIsReplacedByACopy(t *testing.T) {
	c := newCell()
	m := c.lost("e-1", 2, 0)
	m.Attributes["MessageGroupId"] = "acme"
	require.Empty(t, c.handle(t.Context(), t, m, deliver("e-2", "t", 1)))
	require.Len(t, c.queue.sent, 1)
	sent := c.queue.sent[0]
	require.Equal(t, m.Body, *sent.MessageBody)
	require.Equal(t, "acme", *sent.MessageGroupId)
	require.Equal(t, "acme", *sent.MessageAttributes[event.MessageAttrTenantID].StringValue)
	require.Equal(t, "e-1", *sent.MessageAttributes[event.MessageAttrID].StringValue)
	require.Equal(t, "e-1", *sent.MessageAttributes[event.MessageAttrCopyOf].StringValue)
	require.Equal(t, []string{"e-1"}, c.queue.deleted, "before anything runs")
	require.Zero(t, c.effects("e-1"))
	require.Empty(t, c.status("e-1"), "it is not given up on")
	require.Contains(t, c.log.String(), "event=e-1 outcome=resent receive_count=5")

	// The copy is a message of its own, and what is known of the first one is known of it.
	again := deliver("e-1", "t", 1)
	again.MessageId = "m-9"
	again.MessageAttributes[event.MessageAttrCopyOf] = events.SQSMessageAttribute{DataType: "String", StringValue: aws.String("e-1")}
	require.Empty(t, c.handle(t.Context(), t, again))
	require.Equal(t, 1, c.effects("e-1"))
	note := c.tables.items[resultsTable+"/"+ledger.TrialPrefix+"e-1"]
	require.Equal(t, []int{3, 1}, []int{num(note["trials"]), num(note["resends"])})
}

func TestAMessageIsReplacedOnlyWhereItLostReceivesAndCanBeCounted(t *testing.T) {
	for name, c := range map[string]struct {
		trials, resends int
		spoil           func(*cell)
	}{
		"it had its turns":                 {trials: 3},
		"it was replaced too often":        {resends: 20},
		"the note cannot be read":          {spoil: func(c *cell) { c.tables.unreadable = ledger.TrialPrefix }},
		"the note cannot be written":       {spoil: func(c *cell) { c.tables.updateErr = errors.New("down") }},
		"the queue does not take the copy": {spoil: func(c *cell) { c.queue.err = errors.New("down") }},
	} {
		t.Run(name, func(t *testing.T) {
			cell := newCell()
			m := cell.lost("e-1", c.trials, c.resends)
			if c.spoil != nil {
				c.spoil(cell)
			}
			require.Empty(t, cell.handle(t.Context(), t, m))
			require.Equal(t, 1, cell.effects("e-1"), "it is tried")
			require.Empty(t, cell.queue.sent)
		})
	}
}

func TestI6AnEventWhoseProcessDiesOnItsLastReceiveIsKnownToHaveFailed(t *testing.T) {
	c := newCell()
	var seen ledger.Status
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
		seen = c.status("e-1")
		require.Equal(t, "crashed", str(c.entry("e-1")[ledger.AttrReason]))
		by, err := time.Parse(event.TimeLayout, str(c.entry("e-1")[ledger.AttrFailedBy]))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(timeout), by, 5*time.Second, "the end of the invocation")
		return app.Effect{}, errors.New("down")
	})
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	require.Equal(t, []string{"e-1"}, c.handle(ctx, t, deliver("e-1", badType, maxReceives)))
	require.Equal(t, ledger.Failed, seen, "before it runs")
	require.NotContains(t, c.entry("e-1"), ledger.AttrFailedBy)
	require.Equal(t, "error", str(c.entry("e-1")[ledger.AttrReason]), "and if the process lives, its own reason")

	c.Apply = count
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", maxReceives)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.NotContains(t, c.entry("e-1"), ledger.AttrReason)
	require.NotContains(t, c.entry("e-1"), ledger.AttrFailedBy)
}

func TestAnEarlierReceiveNotesNoFailure(t *testing.T) {
	c := newCell()
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) {
		require.Empty(t, c.status("e-1"))
		return app.Effect{}, errors.New("down")
	})
	for receives := 1; receives < maxReceives; receives++ {
		require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, receives)))
	}
}

func TestAFailureThatCannotBeNotedAheadDoesNotKeepTheEvent(t *testing.T) {
	c := newCell()
	c.tables.before = func(call int) error {
		if call == 1 {
			return errors.New("down")
		}
		return nil
	}
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", maxReceives)))
	require.Equal(t, 1, c.effects("e-1"))
	require.Contains(t, c.log.String(), "should the process die now, the event's status stays accepted")
}

// A message on its last receive may be done already: its process died between the transaction and the answer.
func TestASettledEventIsDeletedOnItsLastReceiveBeforeAnythingRuns(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	c.Apply = func(_ context.Context, e event.Event) (app.Effect, error) {
		require.NotEqual(t, "e-1", e.ID)
		require.Equal(t, []string{"e-1"}, c.queue.deleted)
		return app.Effect{}, nil
	}
	require.Empty(t, c.handle(t.Context(), t, deliver("e-2", "t", 1), deliver("e-1", "t", maxReceives)))
	require.Contains(t, c.log.String(), "event=e-1 outcome=duplicate receive_count=5")
}
