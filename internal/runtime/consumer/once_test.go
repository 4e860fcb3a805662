package consumer_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

func TestI6ThreeDeliveriesHaveOneEffect(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1), deliver("e-1", "t", 1)), "twice in one batch")
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2)))
	require.Equal(t, 1, c.effects("e-1"))
	require.Equal(t, ledger.Processed, c.status("e-1"))
}

func TestI6ACrashBetweenTheTransactionAndTheAnswerHasOneEffect(t *testing.T) {
	c := newCell()
	committed := 0
	c.AfterApply = func(event.Event) {
		if committed++; committed == 1 {
			panic("the process is gone")
		}
	}
	c.handle(t.Context(), t, deliver("e-1", "t", 1)) // whatever it answers, nobody hears it
	require.Equal(t, 1, c.effects("e-1"))

	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2)), "the next delivery finds the work done")
	require.Equal(t, 1, c.effects("e-1"))
	require.Equal(t, 1, committed, "an event is announced as applied when it is, not when it is delivered again")
}

func TestI6AnAnswerOfTheTableThatGetsLostHasOneEffect(t *testing.T) {
	c := newCell()
	c.tables.after = func(call int) error {
		if call == 1 {
			return context.DeadlineExceeded
		}
		return nil
	}
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2)))
	require.Equal(t, 1, c.effects("e-1"))
}

func TestI6AConnectionThatFailsBehindTheTransactionIsNoFailureOfTheEvent(t *testing.T) {
	for _, lost := range []error{errors.New("connection reset by peer"), &types.InternalServerError{}, &types.TransactionInProgressException{}} {
		c := newCell()
		c.tables.after = func(call int) error {
			if call == 1 {
				return lost
			}
			return nil
		}
		require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)), "%v", lost)
		require.Equal(t, 1, c.effects("e-1"))
		require.Contains(t, c.log.String(), "outcome=applied", "it was taken for a duplicate of itself")
	}
}

// The last delivery may fail although an earlier one did the work.
func TestI6AnAppliedEventIsNotGivenUpOn(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	c.Apply = func(context.Context, event.Event) (app.Effect, error) { panic("a bug") }
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", maxReceives)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.Contains(t, c.log.String(), "outcome=duplicate receive_count=5")
}

func TestI6AnEventThatWasGivenUpOnIsAppliedWhenItIsReplayed(t *testing.T) {
	c := newCell()
	apply := c.Apply
	c.Apply = func(context.Context, event.Event) (app.Effect, error) { panic("a bug") }
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", maxReceives)))
	require.Equal(t, ledger.Failed, c.status("e-1"))
	require.Equal(t, "panic", str(c.entry("e-1")[ledger.AttrReason]))
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", maxReceives)), "a replay may fail too")

	c.Apply = apply
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.NotContains(t, c.entry("e-1"), ledger.AttrReason)
	require.Equal(t, 1, c.effects("e-1"))
}

func TestAContendedTransactionIsTriedAgain(t *testing.T) {
	for name, err := range map[string]error{
		"conflict":    cancellation("None", "None", "TransactionConflict"),
		"at a fence":  cancellation("None", "TransactionConflict", "None"),
		"at an entry": cancellation("TransactionConflict", "None", "None"),
		"throttled":   cancellation("ThrottlingError", "None", "None"),
		"no capacity": cancellation("None", "None", "ProvisionedThroughputExceeded"),
		"whole call":  &types.ThrottlingException{},
		"in progress": &types.TransactionInProgressException{},
		"account":     &types.RequestLimitExceeded{},
		"throughput":  &types.ProvisionedThroughputExceededException{},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCell()
				c.tables.before = func(call int) error {
					if call <= 3 {
						return err
					}
					return nil
				}
				start := time.Now()
				require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
				require.Equal(t, 4, c.tables.calls)
				require.Equal(t, 1, c.effects("e-1"))
				require.Greater(t, time.Since(start), time.Duration(0), "there is a pause between tries")
				require.LessOrEqual(t, time.Since(start), 143*time.Millisecond, "of at most 20, 40 and 80 ms")
			})
		})
	}
}

func TestContentionIsWaitedForUntilTheRecordsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCell()
		c.tables.before = func(int) error { return cancellation("None", "None", "TransactionConflict") }
		start := time.Now()
		require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
		require.LessOrEqual(t, time.Since(start), 5*time.Second)
		require.Greater(t, time.Since(start), 5*time.Second-transact.DelayLimit)
		require.Contains(t, c.log.String(), "reason=deadline")
	})
}

func TestATransactionThatFailsForAnotherReasonIsLeftToTheNextDelivery(t *testing.T) {
	for name, err := range map[string]error{
		"a condition of the business logic":        cancellation("None", "None", "ConditionalCheckFailed"),
		"such a condition, and a conflict as well": cancellation("None", "TransactionConflict", "ConditionalCheckFailed"),
		"no reasons":    &types.TransactionCanceledException{Message: aws.String("?")},
		"access denied": errors.New("AccessDeniedException"),
	} {
		t.Run(name, func(t *testing.T) {
			c := newCell()
			c.tables.before = func(int) error { return err }
			require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
			require.Equal(t, 1, c.tables.calls)
			require.Contains(t, c.log.String(), "reason=error")
		})
	}
}
