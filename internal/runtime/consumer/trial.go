package consumer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// A message that was received before may be what ended the process that had it. It is on trial: it runs alone, as far as
// anything that could be hurt is concerned (guard), and the table knows about it (note), so that a process that finds the
// note knows which of the messages of a batch was running when an earlier process died, and which only came along.

// trial is what is known of a message that is on trial.
type trial struct {
	known bool
	ledger.Trial
}

// noteTTL is the longest that a message stays in a queue (MessageRetentionPeriod).
const noteTTL = 14 * 24 * time.Hour

// maxResends bounds the copies of a message. By each copy at least MaxReceiveCount processes have died of other messages
// before it had its turn; messages that have waited longest are first (inOrder), so more are needed only where a hundred
// messages that kill are in one batch.
const maxResends = 20

// readers is how many notes are read at a time.
const readers = 10

// again reports whether a message was received before, itself or as the message that it is a copy of.
func (d delivery) again() bool { return d.receives > 1 || d.copyOf != "" }

// onTrial reports whether a message may have ended a process. One that cannot be read never reaches the business logic.
func (d delivery) onTrial() bool { return d.again() && d.err == nil }

// firstID is the id of the message that an event came to the queue with.
func (d delivery) firstID() string {
	if d.copyOf != "" {
		return d.copyOf
	}
	return d.sqs.MessageId
}

// age is how often a message has been received, copies included.
func (c *Consumer) age(d delivery) int64 {
	return d.trial.Resends*int64(c.MaxReceiveCount) + int64(d.receives)
}

// readNotes fills in what is known of the messages that are on trial. A note that cannot be read leaves its message unknown:
// it is then handled as one that may kill, and is not replaced by a copy.
func (c *Consumer) readNotes(ctx context.Context, list []delivery) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(readers)
	for i := range list {
		d := &list[i]
		if !d.onTrial() {
			continue
		}
		group.Go(func() error {
			out, err := c.Tables.GetItem(ctx, ledger.GetTrial(c.ResultsTable, d.firstID()))
			if err == nil {
				d.trial.Trial, err = ledger.TrialFromItem(out.Item)
				d.trial.known = err == nil
			}
			if err != nil {
				c.warn(ctx, *d, "it is not known whether a message has ended a process", err)
			}
			return nil
		})
	}
	_ = group.Wait() // each has reported its own
}

// note writes what is known of a message that is on trial.
func (c *Consumer) note(ctx context.Context, d delivery) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	_, err := transact.Single(ctx, transact.Retrier{}, c.Tables.UpdateItem,
		ledger.SetTrial(c.ResultsTable, d.firstID(), d.trial.Trial, c.Now().Add(noteTTL)))
	return err
}

// due reports whether a message is on its last receive and has not had its turns: processes died of other messages. One
// that fails by itself has had its first turn unnoticed, and at its last receive all others but this one.
func (c *Consumer) due(d delivery) bool {
	return d.onTrial() && d.receives >= c.MaxReceiveCount && d.trial.known && d.trial.Resends < maxResends &&
		d.trial.Trials < max(1, int64(c.MaxReceiveCount)-2)
}

// warn reports what did not work and does not keep a record from being handled.
func (c *Consumer) warn(ctx context.Context, d delivery, message string, err error) {
	c.Logger.LogAttrs(ctx, slog.LevelWarn, message,
		append(d.followed(), slog.String("message_id", d.sqs.MessageId), slog.String("error", err.Error()))...)
}

// writeAhead notes an event on its last receive as given up on, before anything runs that might end the process: a
// process that died could not, and SQS moves the message without telling anyone. Until the invocation has ended, by, a
// reader may take the event for accepted. It reports whether the event is settled. A success overwrites the note, and so
// does a failure with a reason of its own.
func (c *Consumer) writeAhead(ctx context.Context, d delivery, by time.Time) (settled bool) {
	if d.eventID == "" {
		return false // nobody can ask for the outcome of an event that has no name
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	ahead := outcome{reason: Crashed}
	if d.err != nil {
		ahead, by = outcome{reason: Malformed, err: d.err}, time.Time{} // nothing can save it
	}
	settled, err := c.recordFailed(ctx, d, ahead, by)
	if err != nil && !errors.Is(err, errFenced) {
		c.warn(ctx, d, "should the process die now, the event's status stays accepted", err)
	}
	return settled && d.err == nil
}
