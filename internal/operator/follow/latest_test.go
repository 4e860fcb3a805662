package follow_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/follow"
	"cellular/internal/testkit/dynamotest"
)

func ids(l follow.List) []string {
	var all []string
	for _, one := range l.Events {
		all = append(all, one.Event.ID)
	}
	return all
}

// latest is a filter of all that the tests accept.
func latest(status follow.Status, limit int) follow.Filter {
	return follow.Filter{Status: status, Limit: limit, Until: noon}
}

// filled is a world with n events of acme in alpha, of which the latest is e0000, and every tenth failed.
func filled(n int) *world {
	w := newWorld()
	for i := range n {
		e := order(fmt.Sprintf("e%04d", i), time.Duration(i)*time.Second)
		w.data("alpha", e.Item())
		status := ledger.Processed
		if i%10 == 9 {
			status = ledger.Failed
		}
		w.results("alpha", outcome(e, status, time.Second).Item())
	}
	return w
}

func TestLatest_AreTheNewestFirst(t *testing.T) {
	w := filled(300)
	l, err := w.finder().Latest(t.Context(), "acme", latest(follow.None, 3))
	require.NoError(t, err)
	require.Equal(t, []string{"e0000", "e0001", "e0002"}, ids(l))
	require.True(t, l.More)
	require.Equal(t, noon.Add(-2*time.Second), l.Oldest)
	require.Equal(t, noon.Add(-3*time.Second), l.Next)
	require.Equal(t, follow.Processed, l.Events[0].Status)

	l, err = w.finder().Latest(t.Context(), "acme", latest(follow.Failed, 2))
	require.NoError(t, err)
	require.Equal(t, []string{"e0009", "e0019"}, ids(l))
	require.True(t, l.More)

	within := latest(follow.None, 10)
	within.Since, within.Until = noon.Add(-250*time.Second), noon.Add(-248*time.Second)
	l, err = w.finder().Latest(t.Context(), "acme", within)
	require.NoError(t, err)
	require.Equal(t, []string{"e0248", "e0249", "e0250"}, ids(l))
	require.False(t, l.More)
}

// With any limit, the pages make up all events, each once.
func TestLatest_GoesOnWhereThePageBeforeEnded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := filled(rapid.IntRange(0, 60).Draw(t, "events"))
		w.DB.PageItems = rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "items a page")
		limit := rapid.IntRange(1, 30).Draw(t, "limit")
		f := latest(rapid.SampledFrom([]follow.Status{follow.None, follow.Failed}).Draw(t, "status"), limit)
		want := map[follow.Status][]string{}
		for i := range 60 {
			if id := fmt.Sprintf("e%04d", i); w.Item(cell("alpha").DataTable, "acme#"+id) != nil {
				want[follow.None] = append(want[follow.None], id)
				if i%10 == 9 {
					want[follow.Failed] = append(want[follow.Failed], id)
				}
			}
		}
		var got []string
		for more := true; more; {
			l, err := w.finder().Latest(t.Context(), "acme", f)
			require.NoError(t, err)
			require.LessOrEqual(t, len(l.Events), limit)
			got = append(got, ids(l)...)
			more, f.Until = l.More, l.Next
		}
		require.Equal(t, want[f.Status], got)
	})
}

func TestLatest_OfAMovedTenantAreOfBothCells(t *testing.T) {
	for name, place := range map[string]func(*world){
		"before the flip": func(w *world) { w.at.CellID, w.at.MovingTo, w.at.State = "alpha", "beta", mapping.Moving },
		"behind the flip": func(w *world) {
			w.at.CellID, w.at.MovingTo = "beta", "beta"
			w.results("beta", ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Owner, Peer: "alpha", UpdatedAt: noon}.Item())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			place(w)
			cloned, left, fresh := order("cloned", 3*time.Second), order("left", 2*time.Second), order("fresh", time.Second)
			w.data("alpha", cloned.Item())
			w.data("beta", clone(cloned, "alpha"))
			w.results("beta", outcome(cloned, ledger.Processed, time.Second).Item())
			w.data("alpha", left.Item())
			w.data("beta", fresh.Item())
			l, err := w.finder().Latest(t.Context(), "acme", latest(follow.None, 10))
			require.NoError(t, err)
			require.Equal(t, []string{"fresh", "left", "cloned"}, ids(l))
			require.Equal(t, follow.Processed, l.Events[2].Status)
			require.Equal(t, "beta", l.Events[2].Copy.CellID)
			require.False(t, l.More)

			w.gone[map[bool]string{true: "beta", false: "alpha"}[w.at.CellID == "alpha"]] = true
			_, err = w.finder().Latest(t.Context(), "acme", latest(follow.None, 10))
			require.NoError(t, err, "what the tenant's cell has is listed without the other")
		})
	}
}

// A listing reads as much of a tenant with a thousand events as of one with three thousand.
func TestLatest_CostsNoMoreForALargerTenant(t *testing.T) {
	cost := func(n int, f follow.Filter) (calls, items int) {
		w := filled(n)
		w.After = func(_ context.Context, call dynamotest.Call) error {
			calls++
			return nil
		}
		l, err := w.finder().Latest(t.Context(), "acme", f)
		require.NoError(t, err)
		return calls, l.Looked
	}
	for _, f := range []follow.Filter{latest(follow.None, 20), latest(follow.Unreadable, 20)} {
		calls, looked := cost(1000, f)
		more, lookedAtMore := cost(3000, f)
		require.Equal(t, looked, lookedAtMore)
		require.LessOrEqual(t, looked, 20*follow.LooksPerEvent)
		require.Equal(t, calls, more)
	}
}

func TestLatest_LeavesOutWhatAnIndexStillShows(t *testing.T) {
	w := filled(3)
	w.After = func(_ context.Context, call dynamotest.Call) error {
		if call.Operation == "Query" {
			w.Delete(cell("alpha").DataTable, "acme#e0001")
			w.Delete(cell("alpha").ResultsTable, "acme#e0001")
		}
		return nil
	}
	l, err := w.finder().Latest(t.Context(), "acme", latest(follow.None, 10))
	require.NoError(t, err)
	require.Equal(t, []string{"e0000", "e0002"}, ids(l))
}
