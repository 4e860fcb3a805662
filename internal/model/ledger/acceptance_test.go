package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/dynamotest"
)

func outcomeOf(stamps event.Event) ledger.Outcome {
	stamps.TenantID, stamps.ID, stamps.Epoch = "acme", "e-1", 1
	return ledger.Of(stamps, ledger.Processed, stamps.AcceptedAt, 90*24*time.Hour)
}

func TestOutcome_IsOfOneAcceptance(t *testing.T) {
	first, inBothCells, second, third := acceptances[0], acceptances[1], acceptances[2], acceptances[3]
	for _, same := range [][2]event.Event{{first, first}, {first, inBothCells}, {inBothCells, first}, {second, second}} {
		o := outcomeOf(same[0])
		require.False(t, o.Before(same[1]) || o.After(same[1]), "one acceptance")
	}
	for _, pair := range [][2]event.Event{{first, second}, {inBothCells, second}, {first, third}, {second, third}} {
		o := outcomeOf(pair[0])
		require.True(t, o.Before(pair[1]))
		require.False(t, o.After(pair[1]))
		o = outcomeOf(pair[1])
		require.True(t, o.After(pair[0]))
		require.False(t, o.Before(pair[0]))
	}
	unstamped := outcomeOf(event.Event{AcceptedAt: noon})
	require.False(t, unstamped.Before(third), "without a recorded expiry")
	require.False(t, outcomeOf(third).After(event.Event{AcceptedAt: noon}), "an event that never expires has no later acceptance")
	require.False(t, ledger.Outcome{}.Before(third) || ledger.Outcome{}.After(first), "nothing is of no acceptance")
}

func TestOutcome_SaysWhenItsAcceptanceMayHaveEnded(t *testing.T) {
	o := outcomeOf(acceptances[0])
	end := acceptances[0].ExpiresAt
	require.False(t, o.Ended(end.Add(-event.ClockMargin-time.Millisecond)))
	require.True(t, o.Ended(end.Add(-event.ClockMargin)), "the clock of another router may be ahead")
	require.False(t, outcomeOf(event.Event{AcceptedAt: noon}).Ended(end.AddDate(9, 0, 0)))
}

// A reader whose event has not expired always finds the outcome that says that it was applied.
func TestOutcome_OutlivesItsEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := event.Event{TenantID: "acme", ID: "e-1", Epoch: 1, AcceptedAt: noon}
		e.ExpiresAt = event.Expiry(noon, time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "data ttl")))
		applied := noon.Add(time.Duration(rapid.IntRange(-10, 1000).Draw(t, "applied")) * time.Second)
		ttl := time.Duration(rapid.IntRange(1, 100).Draw(t, "result ttl")) * time.Hour
		o := ledger.Of(e, ledger.Processed, applied, ttl)
		require.False(t, o.ExpiresAt.Before(e.ExpiresAt))
		require.False(t, o.ExpiresAt.Before(applied.Add(ttl)))
	})
}

func TestMarkDropped_LeavesAnotherAcceptanceAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db, table := dynamotest.NewTables(dynamotest.Cell(cell)), cell.ResultsTable()
		read, there := outcomeOf(drawAcceptance(t)), outcomeOf(drawAcceptance(t))
		read.Status, there.Status = ledger.Failed, ledger.Failed
		db.Put(table, there.Item())
		same := read.AcceptedAt.IsZero() || read.AcceptedAt.Equal(there.AcceptedAt)
		require.Equal(t, same, holds(t, db, ledger.MarkDropped(table, read.Item())))
	})
}

func TestMarkSent_LeavesAnotherAcceptanceWaiting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db, table := dynamotest.NewTables(dynamotest.Cell(cell)), cell.ResultsTable()
		read, there := outcomeOf(drawAcceptance(t)), outcomeOf(drawAcceptance(t))
		read.Status, there.Status, read.Waiting, there.Waiting = ledger.Diverted, ledger.Diverted, true, true
		db.Put(table, there.Item())
		same := read.AcceptedAt.IsZero() || read.AcceptedAt.Equal(there.AcceptedAt)
		require.Equal(t, same, holds(t, db, ledger.MarkSent(table, read.Item(), there.Epoch+1)))
	})
}
