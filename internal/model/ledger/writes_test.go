package ledger_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/dynamotest"
)

// Each write, on any outcome that may be there or on none, of any acceptance.
func TestWrites_LeaveAloneWhatIsAsFinal(t *testing.T) {
	table, key := cell.ResultsTable(), event.Key("acme", "e-1")
	rapid.Check(t, func(t *rapid.T) {
		db := dynamotest.NewTables(dynamotest.Cell(cell))
		var there ledger.Outcome // its status is "" where there is none
		if rapid.IntRange(0, 9).Draw(t, "there") > 0 {
			there = drawOutcome(t)
			db.Put(table, there.Item())
		}
		before := db.Item(table, key)
		o := drawOutcome(t)
		epoch := rapid.Int64Range(1, 6).Draw(t, "under")
		none, failed, diverted := there.Status == "", there.Status == ledger.Failed, there.Status == ledger.Diverted
		hasEpoch := there.Epoch > 0
		earlier, later := there.EventExpiresAt.Add(-event.ClockMargin), o.EventExpiresAt.Add(-event.ClockMargin)
		replaced := !there.EventExpiresAt.IsZero() && !o.AcceptedAt.IsZero() && !o.AcceptedAt.Before(earlier)
		late := !o.EventExpiresAt.IsZero() && !there.AcceptedAt.IsZero() && !there.AcceptedAt.Before(later)

		want, after := false, o
		write := ledger.Record(table, o)
		switch rapid.SampledFrom([]string{
			"record", "record", "record", "record", "put unless there", "put unless diverted", "copy", "drop", "mark sent", "delete diverted", "delete",
		}).Draw(t, "write") {
		case "record":
			if o.Status == ledger.Failed && o.Epoch == 0 { // of a message that nobody could read
				want = none || replaced || !late && failed && !hasEpoch
				break
			}
			among := failed && (o.Status != ledger.Diverted || there.Epoch <= o.Epoch) || diverted && hasEpoch && there.Epoch < o.Epoch
			want = none || replaced || !late && among
		case "put unless there":
			write, want = ledger.PutUnlessThere(table, o), none || replaced
		case "put unless diverted":
			write, want = ledger.PutUnlessThere(table, o, ledger.Diverted, ledger.Failed), none || replaced || !late && (diverted || failed)
		case "copy":
			write, want = ledger.Copy(table, o.Item()), none || replaced || !late && there.Status != ledger.Processed
		case "drop":
			if none {
				return
			}
			write, want, after = ledger.MarkDropped(table, before), failed, there
			after.Reason = ledger.ReasonDropped
		case "mark sent":
			if none {
				return
			}
			write, want, after = ledger.MarkSent(table, before, epoch), diverted && hasEpoch && there.Epoch <= epoch-1, there
			after.Epoch, after.Waiting = epoch-1, false
		case "delete diverted":
			write, want, after = ledger.DeleteDiverted(table, key, epoch), diverted && hasEpoch && there.Epoch <= epoch, ledger.Outcome{}
		case "delete":
			write, want, after = ledger.DeleteOutcome(table, key, o.Status), there.Status == o.Status && !there.Waiting, ledger.Outcome{}
		}
		require.Equal(t, want, holds(t, db, write))
		switch now := db.Item(table, key); {
		case !want:
			require.Equal(t, before, now)
		case after.Status == "":
			require.Empty(t, now)
		default:
			require.Equal(t, after.Item(), now)
		}
	})
}

func TestEndWait_LeavesAloneWhatWasDivertedOnceMore(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(cell))
	o := ledger.Of(event.Event{TenantID: "acme", ID: "e-1", Epoch: 3}, ledger.Diverted, noon, time.Hour)
	db.Put(cell.ResultsTable(), o.Item())
	key := event.Key("acme", "e-1")
	_, err := db.UpdateItem(t.Context(), ledger.EndWait(cell.ResultsTable(), key, 2))
	require.Error(t, err)
	require.True(t, ledger.Peek(db.Item(cell.ResultsTable(), key)).Waits())
	_, err = db.UpdateItem(t.Context(), ledger.EndWait(cell.ResultsTable(), key, 3))
	require.NoError(t, err)
	require.Equal(t, ledger.Diverted, ledger.Peek(db.Item(cell.ResultsTable(), key)).Status)
	require.False(t, ledger.Peek(db.Item(cell.ResultsTable(), key)).Waits())
}

func TestNotes_AreReadAsTheyWereWritten(t *testing.T) {
	db := dynamotest.NewTables(dynamotest.Cell(cell))
	get := func(in *dynamodb.GetItemInput) ledger.Item {
		out, err := db.GetItem(t.Context(), in)
		require.NoError(t, err)
		return out.Item
	}
	at, err := ledger.AppliedFromItem(get(ledger.GetApplied(cell.ResultsTable())))
	require.NoError(t, err)
	require.True(t, at.IsZero())
	trial, err := ledger.TrialFromItem(get(ledger.GetTrial(cell.ResultsTable(), "m-1")))
	require.NoError(t, err)
	require.Zero(t, trial)

	_, err = db.UpdateItem(t.Context(), ledger.SetApplied(cell.ResultsTable(), noon, "acme#e-1"))
	require.NoError(t, err)
	_, err = db.UpdateItem(t.Context(), ledger.SetTrial(cell.ResultsTable(), "m-1", ledger.Trial{Trials: 2, Resends: 1}, noon))
	require.NoError(t, err)
	at, err = ledger.AppliedFromItem(get(ledger.GetApplied(cell.ResultsTable())))
	require.NoError(t, err)
	require.Equal(t, noon, at)
	stored := get(ledger.GetTrial(cell.ResultsTable(), "m-1"))
	trial, err = ledger.TrialFromItem(stored)
	require.NoError(t, err)
	require.Equal(t, ledger.Trial{Trials: 2, Resends: 1}, trial)
	require.True(t, ledger.Expired(stored, noon))
}
