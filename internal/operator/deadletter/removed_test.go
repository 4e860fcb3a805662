package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/residence"
	. "cellular/internal/testkit/resendtest"
)

// removedUpTo has the tenant acme removed up to an epoch, and placed again under the last one, 0 for not.
func (w *world) removedUpTo(epoch, last int64) (met *[]string) {
	met = new([]string)
	w.letters.Residences = func(context.Context, []string) (map[string]residence.Record, error) {
		return map[string]residence.Record{
			"acme": {TenantID: "acme", LastCell: "alpha", LastEpoch: max(last, epoch), RemovedEpoch: epoch},
		}, nil
	}
	w.letters.Places = func(ctx context.Context, tenantIDs []string) (map[string]mapping.Mapping, error) {
		return mapping.GetAll(ctx, w.Tables, Control.MappingTable, tenantIDs)
	}
	w.letters.OnRemoved = func(_ manifest.Cell, l deadletter.Letter) { *met = append(*met, l.MessageID) }
	return met
}

func TestLetters_DeleteThoseOfARemovedTenantWhereverTheyAreMet(t *testing.T) {
	for name, meet := range map[string]func(*world) error{
		"list": func(w *world) error {
			letters, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
			require.Len(t, letters, 2)
			return err
		},
		"list of others": func(w *world) error {
			_, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{Tenant: "globex"}, 0)
			return err
		},
		"replay": func(w *world) error {
			keys, err := w.letters.Events(t.Context(), Alpha)
			require.ElementsMatch(t, []string{"acme#e", "globex#e"}, slices.Collect(maps.Keys(keys)))
			return err
		},
		"drop": func(w *world) error {
			sum, err := w.letters.Drop(t.Context(), Alpha, deadletter.Kinds(), deadletter.Dropping{Filter: deadletter.Filter{Tenant: "nobody"}})
			require.Empty(t, sum.Notes)
			return err
		},
		"redrive": func(w *world) error {
			sum, err := w.letters.Redrive(t.Context(), Alpha, deadletter.Kinds(), deadletter.Options{Rate: 1000})
			require.Equal(t, 2, sum.Sent, "those of the tenants that there are")
			require.Equal(t, 2, sum.Received)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Map("acme", Alpha, 4)
			w.Map("globex", Alpha, 1)
			met := w.removedUpTo(3, 4)
			mine := w.Accept(Alpha, "acme", "e", 4, time.Hour)
			w.deadMessage(Alpha.ConsumerDLQURL, mine)
			w.deadMessage(Alpha.ConsumerDLQURL, w.Accept(Alpha, "globex", "e", 1, time.Hour))
			theirs := mine
			theirs.Epoch, theirs.Payload = 3, []byte(`{"secret":1}`)
			gone := []string{
				w.deadMessage(Alpha.ConsumerDLQURL, theirs), w.deadMessage(Alpha.SubscriptionDLQURL, theirs),
				w.eject(t, theirs, "malformed"),
			}
			require.NoError(t, meet(w))
			require.ElementsMatch(t, gone, *met)
			for _, id := range w.left(Alpha) {
				require.NotContains(t, gone, id)
			}
		})
	}
}

// Of an unreadable letter nobody knows the epoch: as long as the name is nobody's, it was the removed tenant's.
func TestLetters_KeepTheUnreadableOnesOfTheNextTenant(t *testing.T) {
	w := newWorld(t)
	met := w.removedUpTo(3, 4)
	id := w.letterOf(Alpha.ConsumerDLQURL, "{", "acme", "e")
	list := func() {
		_, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
		require.NoError(t, err)
	}
	list()
	require.Empty(t, *met)
	met = w.removedUpTo(4, 0)
	w.Map("acme", Alpha, 5)
	list()
	require.Empty(t, *met, "placed by a version that writes no record")
	w.Tables.Delete(Control.MappingTable, "acme")
	list()
	require.Equal(t, []string{id}, *met)
}

// A cellctl of the version before writes no record, and gives epoch 1 where the cell has no fence.
func TestLetters_OfATenantStayThatAnOlderVersionHasPlaced(t *testing.T) {
	for epoch := range int64(6) {
		w := newWorld(t)
		w.Map("acme", Alpha, epoch+1)
		met := w.removedUpTo(3, 0)
		mine := w.deadMessage(Alpha.ConsumerDLQURL, w.Accept(Alpha, "acme", "e", epoch+1, time.Hour))
		_, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
		require.NoError(t, err)
		require.Empty(t, *met)
		require.Equal(t, []string{mine}, w.left(Alpha))
	}
}

func TestLetters_StayWhereNobodyKnowsWhichTenantsWereRemoved(t *testing.T) {
	w := newWorld(t)
	w.letters.Residences = func(context.Context, []string) (map[string]residence.Record, error) { return nil, errors.New("down") }
	id := w.deadMessage(Alpha.ConsumerDLQURL, w.Accept(Alpha, "acme", "e", 1, time.Hour))
	_, err := w.letters.List(t.Context(), Alpha, deadletter.Kinds(), deadletter.Filter{}, 0)
	require.ErrorContains(t, err, "find out which tenants were removed: down")
	require.Equal(t, []string{id}, w.left(Alpha))
}

func TestSweep_DeletesOneTenantsLettersOnceThatIsConfirmed(t *testing.T) {
	w := newWorld(t)
	var mine []string
	for i, url := range []string{Alpha.ConsumerDLQURL, Alpha.ConsumerDLQURL, Alpha.SubscriptionDLQURL} {
		mine = append(mine, w.deadMessage(url, w.Accept(Alpha, "acme", fmt.Sprintf("e-%d", i), 1, time.Hour)))
	}
	mine = append(mine, w.letterOf(Alpha.ConsumerDLQURL, "{", "acme", "broken"))
	other := w.deadMessage(Alpha.ConsumerDLQURL, w.Accept(Alpha, "globex", "e", 1, time.Hour))

	lost := errors.New("taken over")
	_, err := w.letters.Sweep(t.Context(), Alpha, deadletter.Kinds(), "acme", func(context.Context) error { return lost })
	require.ErrorIs(t, err, lost)
	require.ElementsMatch(t, append(mine, other), w.left(Alpha))

	swept, err := w.letters.Sweep(t.Context(), Alpha, deadletter.Kinds(), "acme", func(context.Context) error { return nil })
	require.NoError(t, err)
	require.Equal(t, map[deadletter.Kind]int{deadletter.Subscription: 1, deadletter.Consumer: 3}, swept)
	require.Equal(t, []string{other}, w.left(Alpha))
}

// It has no payload, and a redrive finds what the removed tenant had gone.
func TestSweep_LeavesALetterAboutSeveralTenants(t *testing.T) {
	w := newWorld(t)
	for i, tenant := range []string{"acme", "globex", "acme"} {
		w.stream.add(types.OperationTypeInsert, w.Accept(Alpha, tenant, fmt.Sprint("e-", i), 1, time.Hour).Key())
	}
	shared := w.letter(Alpha.StreamDLQURL, ejected(0, 1, w.Clock.Now()))
	w.letter(Alpha.StreamDLQURL, ejected(2, 2, w.Clock.Now()))
	swept, err := w.letters.Sweep(t.Context(), Alpha, deadletter.Kinds(), "acme", func(context.Context) error { return nil })
	require.NoError(t, err)
	require.Equal(t, map[deadletter.Kind]int{deadletter.Stream: 1}, swept)
	require.Equal(t, []string{shared}, w.left(Alpha))
}
