package resend_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

// The events of a tenant that was removed must not be stamped with the epoch of the next one of its name.
func TestHome_SendsNothingOfARemovedTenant(t *testing.T) {
	w := New()
	w.Map("acme", Alpha, 5)
	carried := w.Accept(Alpha, "acme", "carried", 4, time.Hour)
	w.Tables.Delete(Alpha.DataTable, carried.Key())
	stored := w.Accept(Alpha, "acme", "stored", 4, time.Hour)
	mine := w.Accept(Alpha, "acme", "mine", 5, time.Hour)
	var queue outbox
	home := w.Home(&queue)
	home.RemovedEpoch = func(context.Context, string) (int64, error) { return 4, nil }
	got, err := home.Send(t.Context(), Alpha, "acme", append(want(stored, mine), resend.Wanted{Key: carried.Key(), Carried: &carried}))
	require.NoError(t, err)
	require.Equal(t, resend.Removed, got[carried.Key()].Verdict)
	require.Equal(t, resend.Removed, got[stored.Key()].Verdict)
	require.Equal(t, resend.Sent, got[mine.Key()].Verdict)
	require.Len(t, queue.messages(t, Alpha.QueueURL), 1)
	require.True(t, resend.Removed.NeedsOperator())
}

// A cellctl of the version before may place a tenant below what was removed.
func TestHome_SendsWhatATenantBelowItsTombstoneHasAccepted(t *testing.T) {
	w := New()
	w.Map("acme", Alpha, 1)
	stored, carried := w.Accept(Alpha, "acme", "stored", 1, time.Hour), w.Accept(Alpha, "acme", "carried", 1, time.Hour)
	home := w.Home(&outbox{})
	home.RemovedEpoch = func(context.Context, string) (int64, error) { return 4, nil }
	got, err := home.Send(t.Context(), Alpha, "acme", append(want(stored), resend.Wanted{Key: carried.Key(), Carried: &carried}))
	require.NoError(t, err)
	require.Equal(t, resend.Sent, got[stored.Key()].Verdict)
	require.Equal(t, resend.Sent, got[carried.Key()].Verdict)
}

func TestHome_DropsNothingOfATenantThatIsBeingRemoved(t *testing.T) {
	w := New()
	w.Map("acme", Alpha, 1)
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	place, err := w.Home(&outbox{}).Mappings.Get(t.Context(), "acme")
	require.NoError(t, err)
	place.State, place.Removing = mapping.Suspended, 2
	home := w.Home(&outbox{})
	home.Mappings = one(place)
	got, err := home.Drop(t.Context(), Alpha, "acme", want(e))
	require.NoError(t, err)
	require.Equal(t, map[string]resend.Verdict{e.Key(): resend.Moving}, got)
	require.Nil(t, w.Tables.Item(Alpha.ResultsTable, e.Key()))
}

// one is the mapping of every tenant.
type one mapping.Mapping

func (m one) Get(context.Context, string) (mapping.Mapping, error) { return mapping.Mapping(m), nil }
