package placement_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// moving lets a move of a tenant begin, as far as the mapping shows it; to "" ends it.
func (w *world) moving(t *testing.T, tenantID, to string) {
	t.Helper()
	m, err := w.Get(t.Context(), tenantID)
	require.NoError(t, err)
	m.MovingTo = to
	if m.State != mapping.Suspended {
		m.State = map[bool]mapping.State{true: mapping.Moving, false: mapping.Active}[to != ""]
	}
	w.db.Put(stack.MappingTable(), m.Item())
}

func TestSuspendAndResume(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 9))
	placed := w.assign(t, placement.Request{TenantID: "acme"})
	is := func(want mapping.State) func(m mapping.Mapping, err error) mapping.Mapping {
		return func(m mapping.Mapping, err error) mapping.Mapping {
			t.Helper()
			require.NoError(t, err)
			require.Equal(t, want, m.State)
			read, err := w.Get(t.Context(), "acme")
			require.NoError(t, err)
			require.Equal(t, read, m)
			require.Equal(t, placed.Epoch, m.Epoch, "the owner is the same")
			return m
		}
	}
	require.Equal(t, placed, is(mapping.Active)(w.Resume(t.Context(), "acme")), "it was not suspended")
	first := is(mapping.Suspended)(w.Suspend(t.Context(), "acme"))
	require.Equal(t, first, is(mapping.Suspended)(w.Suspend(t.Context(), "acme")), "it is suspended since the first time")
	is(mapping.Active)(w.Resume(t.Context(), "acme"))

	w.moving(t, "acme", "beta")
	is(mapping.Moving)(w.Resume(t.Context(), "acme"))
	require.Equal(t, "beta", is(mapping.Suspended)(w.Suspend(t.Context(), "acme")).MovingTo, "the move goes on")
	is(mapping.Moving)(w.Resume(t.Context(), "acme"))
	is(mapping.Suspended)(w.Suspend(t.Context(), "acme"))
	w.moving(t, "acme", "")
	is(mapping.Active)(w.Resume(t.Context(), "acme"))

	_, err := w.Suspend(t.Context(), "nobody")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
	require.ErrorContains(t, err, `suspend tenant "nobody"`)
	_, err = w.Resume(t.Context(), "nobody")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
}

func TestResumeFollowsAMoveThatBeginsOrEndsMeanwhile(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 9))
	w.assign(t, placement.Request{TenantID: "acme"})
	_, err := w.Suspend(t.Context(), "acme")
	require.NoError(t, err)
	flips, to := 3, ""
	w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "UpdateItem" && flips > 0 {
			flips--
			to = map[string]string{"": "beta", "beta": ""}[to]
			w.moving(t, "acme", to)
		}
		return nil
	}
	m, err := w.Resume(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, mapping.Moving, m.State)
	require.Equal(t, "beta", m.MovingTo)

	_, err = w.Suspend(t.Context(), "acme")
	require.NoError(t, err)
	to, flips = "", 1_000
	_, err = w.Resume(t.Context(), "acme")
	require.ErrorIs(t, err, placement.ErrRefused)
	require.ErrorContains(t, err, "try again")
}

func TestACellsStatus(t *testing.T) {
	const untouched = placement.Status("")
	for _, c := range []struct {
		from    placement.Status // untouched: there is no item
		tenants int
		to      placement.Status
		want    string // of the error; "" for none
	}{
		{untouched, 0, placement.Active, ""},
		{untouched, 0, placement.Draining, ""},
		{untouched, 0, placement.Retired, "it is active: drain it first"},
		{placement.Active, 3, placement.Active, ""},
		{placement.Active, 3, placement.Draining, ""},
		{placement.Active, 0, placement.Retired, "it is active: drain it first"},
		{placement.Draining, 3, placement.Active, ""},
		{placement.Draining, 3, placement.Draining, ""},
		{placement.Draining, 3, placement.Retired, "it has 3 tenants, places reserved by open moves among them"},
		{placement.Draining, 0, placement.Retired, ""},
		{placement.Retired, 0, placement.Active, ""},
		{placement.Retired, 0, placement.Draining, "it is retired and has no tenants"},
		{placement.Retired, 0, placement.Retired, ""},
	} {
		t.Run(fmt.Sprintf("%s %d %s", c.from, c.tenants, c.to), func(t *testing.T) {
			w := newWorld(cell("alpha", "standard", 10))
			if c.from != untouched {
				w.set("alpha", c.from, c.tenants)
			}
			before := w.state(t, "alpha")
			got, err := w.SetStatus(t.Context(), "alpha", c.to)
			after := w.state(t, "alpha")
			require.Equal(t, c.tenants, after.Tenants)
			if c.want != "" {
				require.ErrorIs(t, err, placement.ErrRefused)
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, fmt.Sprintf("make cell alpha %s", c.to))
				require.Equal(t, before, after)
				return
			}
			require.NoError(t, err)
			require.Equal(t, after, got)
			require.Equal(t, c.to, after.Status)
			if before.Status == c.to {
				require.Equal(t, before, after, "nothing was to be done")
			}
		})
	}
	w := newWorld()
	_, err := w.SetStatus(t.Context(), "alpha", "asleep")
	require.ErrorIs(t, err, placement.ErrInvalid)
	_, err = w.SetStatus(t.Context(), "../alpha", placement.Active)
	require.ErrorIs(t, err, placement.ErrInvalid)
	require.Empty(t, w.db.Calls())
}

func TestADrainedCellCountsAgainOnceItIsActive(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 2))
	_, err := w.SetStatus(t.Context(), "alpha", placement.Draining)
	require.NoError(t, err)
	_, err = w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
	require.ErrorIs(t, err, placement.ErrNoRoom)
	_, err = w.SetStatus(t.Context(), "alpha", placement.Active)
	require.NoError(t, err)
	w.assign(t, placement.Request{TenantID: "acme"})
	require.Equal(t, 1, w.state(t, "alpha").Tenants)
}

func TestStatesOfManyCells(t *testing.T) {
	w := newWorld()
	var all []string
	for n := range 250 {
		id := fmt.Sprintf("cell-%d", n)
		all = append(all, id)
		if n%2 == 0 {
			w.set(id, placement.Draining, n)
		}
	}
	throttled := 0
	w.db.Leave = func(_ dynamotest.Call, n int) int {
		throttled++
		return map[bool]int{true: n / 2}[throttled <= 3]
	}
	states, err := w.States(t.Context(), append(all, all[0]))
	require.NoError(t, err)
	require.Len(t, states, 250)
	for n, id := range all {
		want := state(id, placement.Active, 0)
		if n%2 == 0 {
			want = state(id, placement.Draining, n)
		}
		got := states[id]
		got.UpdatedAt = time.Time{}
		require.Equal(t, want, got)
	}
}

func TestATableThatIsThrottledForLongIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.db.Leave = func(_ dynamotest.Call, n int) int { return n }
		var cells []string
		for n := range 50 {
			cells = append(cells, fmt.Sprintf("cell-%d", n))
		}
		_, err := w.States(t.Context(), cells)
		require.ErrorAs(t, err, new(*types.ProvisionedThroughputExceededException))
		require.ErrorContains(t, err, "read the states of 50 cells")
	})
}

func TestAStateThatIsNoneIsAnError(t *testing.T) {
	w := newWorld()
	w.db.Put(stack.CellTable(), dynamotest.Item{
		"cell_id": item.Text("alpha"), "status": item.Text("Asleep"),
	})
	_, err := w.States(t.Context(), []string{"alpha"})
	require.ErrorContains(t, err, `malformed state of cell "alpha": attribute updated_at is missing`)
	require.ErrorContains(t, err, `attribute status is "Asleep", want a word of lower-case letters and -`)
}

// Whatever is done to tenants and cells, in whatever order, each cell counts those that are mapped to it.
func TestMappingsAndCountsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(cell("alpha", "standard", 3), cell("beta", "standard", 2), cell("solo", "dedicated", 1))
		cellID := rapid.SampledFrom([]string{"alpha", "beta", "solo"})
		tenant := rapid.SampledFrom([]string{"t1", "t2", "t3", "t4", "t5", "t6", "t7"})
		anyCell := rapid.OneOf(cellID, rapid.Just(""))
		t.Repeat(map[string]func(*rapid.T){
			"assign": func(t *rapid.T) {
				_, _ = w.Assign(t.Context(), w.cells, placement.Request{
					TenantID: tenant.Draw(t, "tenant"), CellID: anyCell.Draw(t, "cell"), Tier: rapid.SampledFrom([]string{"", "standard", "dedicated"}).Draw(t, "tier"),
				})
			},
			"suspend": func(t *rapid.T) { _, _ = w.Suspend(t.Context(), tenant.Draw(t, "tenant")) },
			"resume":  func(t *rapid.T) { _, _ = w.Resume(t.Context(), tenant.Draw(t, "tenant")) },
			"remove": func(t *rapid.T) {
				if m, err := w.Get(t.Context(), tenant.Draw(t, "tenant")); err == nil {
					w.remove(t, m)
				}
			},
			"status": func(t *rapid.T) {
				_, _ = w.SetStatus(t.Context(), cellID.Draw(t, "cell"), rapid.SampledFrom([]placement.Status{placement.Active, placement.Draining, placement.Retired}).Draw(t, "status"))
			},
			"": func(t *rapid.T) {
				for _, c := range w.cells {
					s := w.state(t, c.ID)
					mapped := w.tenants(t, c.ID, 2)
					require.Len(t, mapped, s.Tenants, c.ID)
					require.LessOrEqual(t, s.Tenants, c.MaxTenants, c.ID)
					if s.Status == placement.Retired {
						require.Empty(t, mapped)
					}
					for _, id := range mapped {
						m, err := w.Get(t.Context(), id)
						require.NoError(t, err)
						require.Equal(t, c.Tier, m.Tier)
						record := w.record(t, id)
						require.Equal(t, [2]any{c.ID, m.Epoch}, [2]any{record.LastCell, record.LastEpoch}, id)
					}
				}
			},
		})
	})
}
