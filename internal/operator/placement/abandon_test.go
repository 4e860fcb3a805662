package placement_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// bereft is a model of tenants of whom some are mapped to a cell that is lost, alpha, and are placed again, while others do
// other things to them.
type bereft struct {
	*world
	there   []manifest.Cell // without the lost one
	uncount bool            // what the lost cell counted is lost, too

	holds map[string]string           // by tenant: a cell that is there and has data of it
	given map[string]map[int64]string // by tenant and epoch: the cell
	last  map[string]mapping.Mapping  // as it was seen last
	fence map[string]map[string]int64 // by tenant and cell: the floor
}

var bereftTenants = []string{"t1", "t2", "t3", "t4"}

func newBereft(t *rapid.T) *bereft {
	b := &bereft{
		world: newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 2), cell("gamma", "standard", 2)),
		holds: map[string]string{}, given: map[string]map[int64]string{}, last: map[string]mapping.Mapping{}, fence: map[string]map[string]int64{},
	}
	b.there = b.cells[1:]
	for _, tenant := range bereftTenants {
		b.given[tenant], b.fence[tenant] = map[int64]string{}, map[string]int64{}
		if cellID := rapid.SampledFrom([]string{"alpha", "alpha", "beta", ""}).Draw(t, "cell of "+tenant); cellID != "" {
			_, err := b.Assign(t.Context(), b.cells, placement.Request{TenantID: tenant, CellID: cellID})
			require.True(t, err == nil || errors.Is(err, placement.ErrNoRoom), "%v", err)
		}
		if floor := rapid.Int64Range(0, 9).Draw(t, "floor"); floor > 0 {
			c := rapid.SampledFrom(b.there).Draw(t, "fenced cell")
			b.world.fence(c, tenant, floor)
			b.fence[tenant][c.ID] = floor
		}
	}
	if b.uncount = rapid.Bool().Draw(t, "the lost cell's count is lost"); b.uncount {
		b.db.Delete(stack.CellTable(), "alpha")
	}
	b.look(t)
	return b
}

// look checks what must hold at any moment.
func (b *bereft) look(t *rapid.T) {
	mapped := map[string]int{}
	for _, tenant := range bereftTenants {
		m, err := b.Get(t.Context(), tenant)
		if err != nil {
			require.ErrorIs(t, err, mapping.ErrUnknownTenant)
			continue
		}
		mapped[m.CellID]++
		owner, known := b.given[tenant][m.Epoch]
		require.True(t, !known || owner == m.CellID, "epoch %d of %s was given to cells %s and %s", m.Epoch, tenant, owner, m.CellID)
		if before, seen := b.last[tenant]; seen {
			require.GreaterOrEqual(t, m.Epoch, before.Epoch, tenant)
			require.False(t, known && m.Epoch != before.Epoch, "epoch %d of %s was given twice", m.Epoch, tenant)
		}
		b.given[tenant][m.Epoch], b.last[tenant] = m.CellID, m
		record := b.record(t, tenant)
		require.Equal(t, [2]any{m.CellID, m.Epoch}, [2]any{record.LastCell, record.LastEpoch}, tenant)
	}
	for _, c := range b.cells {
		if c.ID != "alpha" || !b.uncount {
			require.Equal(t, mapped[c.ID], b.state(t, c.ID).Tenants, "tenants of cell %s", c.ID)
		}
		require.LessOrEqual(t, mapped[c.ID], c.MaxTenants, "cell %s", c.ID)
	}
}

// grants says whether a tenant may be placed again as asked.
func (b *bereft) grants(t *rapid.T, r placement.Request) bool {
	m, err := b.Get(t.Context(), r.TenantID)
	if err != nil || m.CellID != "alpha" || m.MovingTo != "" || m.Removing != 0 {
		return false
	}
	if holder := b.holds[r.TenantID]; holder != "" && holder != r.CellID {
		return false
	}
	for _, c := range b.there {
		if state := b.state(t, c.ID); (r.CellID == "" || r.CellID == c.ID) && state.Status == placement.Active && state.Tenants < c.MaxTenants {
			return true
		}
	}
	return false
}

// abandon has a tenant placed again, while somebody does one other thing just before it is written.
func (b *bereft) abandon(t *rapid.T, meanwhile string) {
	r := placement.Request{
		TenantID: rapid.SampledFrom(bereftTenants).Draw(t, "tenant"), CellID: rapid.SampledFrom([]string{"", "", "beta", "gamma"}).Draw(t, "to"),
	}
	before, err := b.Get(t.Context(), r.TenantID)
	known := err == nil
	granted := b.grants(t, r)
	b.onWrites(func(int) error {
		b.db.Intercept = nil
		switch meanwhile {
		case "suspended":
			_, _ = b.Suspend(t.Context(), r.TenantID)
		case "resumed":
			_, _ = b.Resume(t.Context(), r.TenantID)
		case "placed by another":
			_, _ = b.Abandon(t.Context(), b.there, placement.Request{TenantID: r.TenantID}, "alpha")
		case "drained":
			_, _ = b.SetStatus(t.Context(), "beta", placement.Draining)
		}
		b.look(t)
		return nil
	})
	m, err := b.Abandon(t.Context(), b.there, r, "alpha")
	b.db.Intercept = nil
	now, getErr := b.Get(t.Context(), r.TenantID)
	if meanwhile == "" {
		require.Equal(t, granted, err == nil, "%+v: %v", r, err)
	}
	if err != nil {
		if meanwhile == "" && known {
			require.NoError(t, getErr)
			require.Equal(t, before, now, "what is refused changes nothing")
		}
		return
	}
	require.True(t, granted)
	require.NoError(t, getErr)
	require.Equal(t, m, now)
	require.NotEqual(t, "alpha", m.CellID)
	require.True(t, r.CellID == "" || r.CellID == m.CellID)
	require.GreaterOrEqual(t, m.Epoch, b.fence[r.TenantID][m.CellID], "the cell would apply nothing of the tenant")
	if meanwhile == "" {
		require.Equal(t, before.State, m.State)
	}
	if holder := b.holds[r.TenantID]; holder != "" {
		require.Equal(t, holder, m.CellID)
	}
}

func (b *bereft) mark(tenant string, mark func(*mapping.Mapping)) {
	m, err := b.Get(context.Background(), tenant)
	if err == nil {
		mark(&m)
		b.db.Put(stack.MappingTable(), m.Item())
	}
}

// Tenants of a lost cell are placed again once each, in a cell that takes them, under an epoch that nobody had and that no
// fence keeps out; what is counted, mapped and on record stays the same thing, whatever else is done at the same time.
func TestAbandon_KeepsCountsRecordsAndEpochsWhateverElseIsDone(t *testing.T) {
	placed := 0
	rapid.Check(t, func(t *rapid.T) {
		b := newBereft(t)
		tenant := rapid.SampledFrom(bereftTenants)
		t.Repeat(map[string]func(*rapid.T){
			"abandon": func(t *rapid.T) { b.abandon(t, "") },
			"abandon, and meanwhile": func(t *rapid.T) {
				b.abandon(t, rapid.SampledFrom([]string{"suspended", "resumed", "placed by another", "drained"}).Draw(t, "meanwhile"))
			},
			"suspend": func(t *rapid.T) { _, _ = b.Suspend(t.Context(), tenant.Draw(t, "tenant")) },
			"resume":  func(t *rapid.T) { _, _ = b.Resume(t.Context(), tenant.Draw(t, "tenant")) },
			"status": func(t *rapid.T) {
				_, _ = b.SetStatus(t.Context(), rapid.SampledFrom([]string{"beta", "gamma"}).Draw(t, "cell"), rapid.SampledFrom([]placement.Status{placement.Active, placement.Draining}).Draw(t, "status"))
			},
			"data": func(t *rapid.T) {
				id, c := tenant.Draw(t, "tenant"), rapid.SampledFrom(b.there).Draw(t, "cell")
				if b.holds[id] == "" && b.fence[id][c.ID] == 0 { // a fence that says "left" says that what is there is nobody's
					b.accept(c.ID, id)
					b.holds[id] = c.ID
				}
			},
			"mark": func(t *rapid.T) {
				set := rapid.SampledFrom([]func(*mapping.Mapping){
					func(m *mapping.Mapping) { m.MovingTo = "gamma" }, func(m *mapping.Mapping) { m.Removing = m.Epoch + 1 },
					func(m *mapping.Mapping) { // as the end of a move does
						if m.MovingTo, m.Removing = "", 0; m.State == mapping.Moving {
							m.State = mapping.Active
						}
					},
				}).Draw(t, "mark")
				b.mark(tenant.Draw(t, "tenant"), set)
			},
			"": func(t *rapid.T) { b.look(t) },
		})
		for _, m := range b.last {
			if m.CellID != "alpha" && m.Epoch > 1 {
				placed++
			}
		}
	})
	require.NotZero(t, placed, "no tenant was placed again")
}

// The command may not hear that it has placed the tenant: another try finds the tenant in its new cell, and changes nothing.
func TestAbandon_PlacesOnceWhereItsAnswerIsLost(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 10))
	w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha"})
	db := &losesAnswer{DB: w.db}
	store := placement.NewStore(db, dynamotest.ControlPlaneOf(stack))
	_, err := store.Abandon(t.Context(), w.cells[1:], placement.Request{TenantID: "acme"}, "alpha")
	require.ErrorIs(t, err, errDown)
	_, err = w.Abandon(t.Context(), w.cells[1:], placement.Request{TenantID: "acme"}, "alpha")
	require.ErrorIs(t, err, placement.ErrRefused)
	require.ErrorContains(t, err, "it is in cell beta")
	require.Equal(t, [2]int{0, 1}, [2]int{w.state(t, "alpha").Tenants, w.state(t, "beta").Tenants})
	require.EqualValues(t, 2, w.record(t, "acme").LastEpoch)
}

// A cell that is there is not lost.
func TestAbandon_RefusesACellThatIsThere(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 10))
	before := w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha"})
	_, err := w.Abandon(t.Context(), w.cells, placement.Request{TenantID: "acme"}, "alpha")
	require.ErrorIs(t, err, placement.ErrRefused)
	now, err := w.Get(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, before, now)
}

// losesAnswer is a database whose first transaction is written, and not answered.
type losesAnswer struct {
	*dynamotest.DB
	lost bool
}

func (l *losesAnswer) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	out, err := l.DB.TransactWriteItems(ctx, in)
	if err == nil && !l.lost {
		l.lost = true
		return nil, errDown
	}
	return out, err
}
