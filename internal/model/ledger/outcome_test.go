package ledger_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// drawOutcome draws an outcome of the event e-1 of acme.
func drawOutcome(t *rapid.T) ledger.Outcome {
	e := event.Event{TenantID: "acme", ID: "e-1", Type: rapid.SampledFrom([]string{"", "order"}).Draw(t, "type"), Epoch: rapid.Int64Range(0, 5).Draw(t, "epoch")}
	stamp := drawAcceptance(t)
	e.AcceptedAt, e.ExpiresAt = stamp.AcceptedAt, stamp.ExpiresAt
	e.CorrelationID = rapid.SampledFrom([]string{"", "req-1"}).Draw(t, "correlation id")
	status := rapid.SampledFrom([]ledger.Status{ledger.Processed, ledger.Failed, ledger.Diverted}).Draw(t, "status")
	o := ledger.Of(e, status, noon.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "ms"))*time.Millisecond), time.Hour)
	o.ExpiresAt = o.ExpiresAt.Truncate(time.Second)
	switch status {
	case ledger.Processed:
		o.Result = rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage(`{"n":1}`)}).Draw(t, "result")
	case ledger.Failed:
		o.Reason = rapid.SampledFrom([]string{"panic", ledger.ReasonDropped}).Draw(t, "reason")
		o.FailedBy = rapid.SampledFrom([]time.Time{{}, noon}).Draw(t, "failed by")
		o.ReasonText = rapid.SampledFrom([]string{"", "no such account"}).Draw(t, "reason text")
	case ledger.Diverted:
		o.Waiting = rapid.Bool().Draw(t, "waits")
	}
	return o
}

// acceptances are of one id, in their order: the first in two cells, and the second by a router whose clock is behind.
var acceptances = []event.Event{
	{AcceptedAt: noon, ExpiresAt: noon.Add(48 * time.Hour)},
	{AcceptedAt: noon.Add(time.Hour), ExpiresAt: noon.Add(49 * time.Hour)},
	{AcceptedAt: noon.Add(49*time.Hour - event.ClockMargin), ExpiresAt: noon.Add(97 * time.Hour)},
	{AcceptedAt: noon.Add(98 * time.Hour), ExpiresAt: noon.Add(146 * time.Hour)},
}

// drawAcceptance draws the stamps of an acceptance, or those that the version before makes.
func drawAcceptance(t *rapid.T) event.Event {
	none := []event.Event{{}, {AcceptedAt: noon}}
	return rapid.SampledFrom(append(none, acceptances...)).Draw(t, "acceptance")
}

func TestOutcome_IsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOutcome(t)
		stored := o.Item()
		got := ledger.Peek(stored)
		if len(got.Result) == 0 {
			got.Result = nil
		}
		require.Equal(t, o, got)
		require.Equal(t, o.Waiting, ledger.WaitingTenant(stored) == "acme")

		seen := ledger.Item{} // what the router asks for
		for _, name := range ledger.Shown() {
			if v := stored[name]; v != nil {
				seen[name] = v
			}
		}
		shown, err := ledger.Decode(seen)
		require.NoError(t, err)
		require.Equal(t, ledger.Outcome{Type: o.Type, Status: o.Status, Result: o.Result, Reason: o.Reason, FailedBy: o.FailedBy, AppliedAt: o.AppliedAt,
			ExpiresAt: o.ExpiresAt, AcceptedAt: o.AcceptedAt, EventExpiresAt: o.EventExpiresAt}, shown)
	})
}

func TestPeek_TakesWhatIsWrongForNothing(t *testing.T) {
	none := ledger.Peek(nil)
	require.Empty(t, none.Status)
	require.False(t, none.Waits() || none.UnderWay(noon) || none.Settled(noon) || none.Unsent(9))
	odd := ledger.Peek(ledger.Item{
		ledger.AttrStatus: item.Number(1), event.AttrEpoch: item.Text("1"), ledger.AttrFailedBy: item.Text("soon"), ledger.AttrExpiresAt: item.Text("x"),
	})
	require.Empty(t, odd.Status)
	require.Zero(t, odd.Epoch)
	require.True(t, odd.FailedBy.IsZero() && odd.ExpiresAt.IsZero())
}

func TestDecode_NamesWhatIsWrong(t *testing.T) {
	good := ledger.Of(event.Event{TenantID: "acme", ID: "e-1"}, ledger.Processed, noon, time.Hour).Item()
	for _, c := range []struct{ name, value, message string }{
		{ledger.AttrStatus, "Done", `attribute status is "Done", want a word`},
		{ledger.AttrAppliedAt, "noon", `attribute applied_at is "noon", want a time`},
		{ledger.AttrResult, "{", "attribute result is not JSON text"},
	} {
		bad := maps.Clone(good)
		bad[c.name] = item.Text(c.value)
		_, err := ledger.Decode(bad)
		require.ErrorContains(t, err, `outcome "acme#e-1": `+c.message)
	}
	good[ledger.AttrStatus] = item.Text("archived")
	later, err := ledger.Decode(good)
	require.NoError(t, err)
	require.Equal(t, ledger.Diverted, later.Status, "all that is known is that the event was accepted")
}

func TestOutcome_SettlesItsEventOnceItsAttemptHasEnded(t *testing.T) {
	ahead := ledger.Outcome{Status: ledger.Failed, FailedBy: noon.Add(time.Second)}
	require.True(t, ahead.UnderWay(noon))
	require.False(t, ahead.Settled(noon))
	require.False(t, ahead.UnderWay(ahead.FailedBy))
	require.True(t, ahead.Settled(ahead.FailedBy))
	require.True(t, ledger.Outcome{Status: ledger.Processed}.Settled(noon))
	require.True(t, ledger.Outcome{Status: ledger.Processed, FailedBy: ahead.FailedBy}.Settled(noon), "whatever else it says")
	require.False(t, ledger.Outcome{Status: ledger.Diverted}.Settled(noon))
}

func TestExpired_IsWhatTheTTLWouldHaveDeleted(t *testing.T) {
	stored := ledger.Of(event.Event{TenantID: "acme", ID: "e-1"}, ledger.Processed, noon, time.Hour).Item()
	require.False(t, ledger.Expired(stored, noon.Add(time.Hour-time.Second)))
	require.True(t, ledger.Expired(stored, noon.Add(time.Hour)))
	require.False(t, ledger.Expired(ledger.Item{}, noon), "an item without a time is kept")

	cell := manifest.Cell{Settings: manifest.Settings{ResultTTL: manifest.Duration(time.Hour)}}
	require.Equal(t, time.Hour, ledger.Memory(cell))
	accepted := ledger.Item{event.AttrAcceptedAt: item.Text(event.FormatTime(noon))}
	require.False(t, ledger.Forgotten(accepted, cell, noon.Add(time.Hour-time.Millisecond)))
	require.True(t, ledger.Forgotten(accepted, cell, noon.Add(time.Hour)))
	require.True(t, ledger.Forgotten(ledger.Item{}, cell, noon), "nobody knows how old it is")
}

func TestTheAttributesOfTheTablesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{
		event.AttrKey, event.AttrTenantID, event.AttrID, event.AttrType, event.AttrPayload, event.AttrEpoch, event.AttrAcceptedAt,
		event.AttrClonedFrom, ledger.AttrStatus, ledger.AttrResult, ledger.AttrReason, ledger.AttrReasonText, event.AttrCorrelationID, ledger.AttrFailedBy, ledger.AttrAppliedAt,
		ledger.AttrExpiresAt, ledger.AttrEventExpiresAt, ledger.AttrWaiting, ledger.AttrEventKey, ledger.AttrFencedTenant, ledger.AttrFloor, ledger.AttrFenceState,
		ledger.AttrPeer, ledger.AttrFencedAt, ledger.AttrRemovedBelow,
	} {
		require.False(t, seen[name], "%s", name)
		seen[name] = true
	}
}

// What a cell says of itself is among its outcomes: no event must be able to take its place.
func TestTheKeyOfWhatWasLastAppliedIsNoEvents(t *testing.T) {
	_, _, err := event.ParseKey(ledger.AppliedKey)
	require.Error(t, err)
}
