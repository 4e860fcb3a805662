package placement_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/residence"
	"cellular/internal/testkit/dynamotest"
)

// accept gives a cell an event of a tenant.
func (w *world) accept(cellID, tenantID string) {
	e := event.Event{TenantID: tenantID, ID: "e", Type: "order.placed", Payload: []byte("{}"), Epoch: 1, AcceptedAt: time.Now().Truncate(time.Millisecond)}
	w.db.Put(stack.Cell(cellID).DataTable(), e.Item())
}

// write makes one write of a transaction.
func (w *world) write(t *testing.T, write types.TransactWriteItem) {
	t.Helper()
	_, err := w.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{write}})
	require.NoError(t, err)
}

// lost is a world in which a tenant has data in alpha, and a mapping no more. beta has more room.
func lost(t *testing.T) *world {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 100), cell("gamma", "standard", 100))
	w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha"})
	w.accept("alpha", "acme")
	w.db.Delete(stack.MappingTable(), "acme")
	return w
}

func (w *world) refuses(t *testing.T, r placement.Request, want string) {
	t.Helper()
	_, err := w.Assign(t.Context(), w.cells, r)
	require.ErrorIs(t, err, placement.ErrRefused)
	require.ErrorContains(t, err, want)
	_, err = w.Get(t.Context(), r.TenantID)
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
}

func TestAssign_KeepsATenantWithItsData(t *testing.T) {
	w := lost(t)
	const want = "cell alpha holds its data: 'cellctl tenants assign acme --cell alpha' gives it back to that cell"
	w.refuses(t, placement.Request{TenantID: "acme"}, want)
	w.refuses(t, placement.Request{TenantID: "acme", CellID: "beta"}, want)
	m := w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha"})
	require.EqualValues(t, 2, m.Epoch)
}

// A cell that drains serves the tenants that it has, and this is one.
func TestAssign_GivesATenantBackToADrainingCellUpToItsCap(t *testing.T) {
	w := lost(t)
	w.set("alpha", placement.Draining, 10)
	_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme", CellID: "alpha"})
	require.ErrorIs(t, err, placement.ErrNoRoom)
	w.set("alpha", placement.Draining, 9)
	require.Equal(t, "alpha", w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha"}).CellID)
	require.Equal(t, 10, w.state(t, "alpha").Tenants)
	_, err = w.Assign(t.Context(), w.cells, placement.Request{TenantID: "globex", CellID: "alpha"})
	require.ErrorContains(t, err, "cell alpha is draining")

	w = lost(t)
	w.set("alpha", placement.Retired, 0)
	_, err = w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme", CellID: "alpha"})
	require.ErrorContains(t, err, "cell alpha is retired")
}

// A version that knows no records moved the tenant from alpha to beta.
func TestAssign_FollowsTheFenceOfTheLastCell(t *testing.T) {
	w := lost(t)
	w.db.Delete(stack.Cell("alpha").DataTable(), event.Key("acme", "e"))
	w.db.Put(stack.Cell("alpha").ResultsTable(), ledger.Fence{TenantID: "acme", Floor: 2, State: ledger.Left, Peer: "beta"}.Item())
	w.accept("beta", "acme")
	w.refuses(t, placement.Request{TenantID: "acme"}, "cell beta holds its data")
	require.Equal(t, "beta", w.assign(t, placement.Request{TenantID: "acme", CellID: "beta"}).CellID)
}

func TestAssign_PlacesATenantAnywhereOfWhichNothingIsLeft(t *testing.T) {
	w := lost(t)
	w.db.Delete(stack.Cell("alpha").DataTable(), event.Key("acme", "e"))
	require.Equal(t, "beta", w.assign(t, placement.Request{TenantID: "acme"}).CellID)

	w = lost(t)
	w.cells = w.cells[1:] // alpha is not there any more
	require.Equal(t, "beta", w.assign(t, placement.Request{TenantID: "acme"}).CellID)
}

// What comes late for a tenant that was removed is nobody's.
func TestAssign_PlacesARemovedTenantAnywhereAboveItsTombstone(t *testing.T) {
	for _, search := range []bool{false, true} {
		w := lost(t)
		w.write(t, residence.Remove(stack.MoveTable(), "acme", "alpha", 4, time.Now()))
		m := w.assign(t, placement.Request{TenantID: "acme", Search: search})
		require.Equal(t, "beta", m.CellID)
		require.EqualValues(t, 5, m.Epoch)
		require.EqualValues(t, 4, w.record(t, "acme").RemovedEpoch, "the tombstone stays")

		w.accept("beta", "acme")
		w.db.Delete(stack.MappingTable(), "acme")
		w.refuses(t, placement.Request{TenantID: "acme", CellID: "alpha"}, "cell beta holds its data")
	}
}

// unrecorded is lost for a tenant that the version before placed.
func unrecorded(t *testing.T) *world {
	w := lost(t)
	w.db.Delete(stack.MoveTable(), "#tenant#acme", "0")
	return w
}

func TestAssign_SearchesAllCellsForATenantWithoutARecord(t *testing.T) {
	w := unrecorded(t)
	w.refuses(t, placement.Request{TenantID: "acme", Search: true}, "'cellctl tenants assign acme --cell alpha' gives it back")
	require.Equal(t, "alpha", w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha", Search: true}).CellID)

	w = unrecorded(t)
	w.fence(w.cells[2], "acme", 9) // which the tenant has left
	w.accept("gamma", "acme")
	w.refuses(t, placement.Request{TenantID: "acme", Search: true}, "cell alpha holds its data")
	m := w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha", Search: true})
	require.EqualValues(t, 10, m.Epoch, "above every fence")

	w = unrecorded(t)
	w.accept("gamma", "acme")
	w.refuses(t, placement.Request{TenantID: "acme", Search: true}, "each of the cells alpha, gamma holds data of it")
	w.refuses(t, placement.Request{TenantID: "acme", CellID: "beta", Search: true}, "each of the cells alpha, gamma holds data of it")
	require.Equal(t, "gamma", w.assign(t, placement.Request{TenantID: "acme", CellID: "gamma", Search: true}).CellID)
}

func TestAssign_PlacesNobodyWhileACellCannotBeSearched(t *testing.T) {
	w := unrecorded(t)
	w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "Query" && c.Table == stack.Cell("gamma").DataTable() {
			return errDown
		}
		return nil
	}
	_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme", Search: true})
	require.ErrorIs(t, err, errDown)
	require.ErrorContains(t, err, "look for the tenant in 3 cells")
	w.db.Intercept = nil
	_, err = w.Get(t.Context(), "acme")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
}

func TestStranded_NamesTheTenantsWhoseMappingIsGone(t *testing.T) {
	w := lost(t)
	for n := range 30 {
		id := fmt.Sprintf("t%02d", n)
		w.set("alpha", placement.Active, 0)
		w.assign(t, placement.Request{TenantID: id, CellID: "alpha"})
		w.accept("alpha", id)
	}
	stranded := func(cell, limit int) []string {
		tenants, more, err := w.Stranded(t.Context(), w.cells[cell], limit)
		require.NoError(t, err)
		require.Equal(t, len(tenants) == limit, more)
		return tenants
	}
	require.Equal(t, []string{"acme"}, stranded(0, 20))
	require.Empty(t, stranded(1, 20))

	for n := range 25 {
		w.db.Delete(stack.MappingTable(), fmt.Sprintf("t%02d", n))
	}
	w.db.Delete(stack.Cell("alpha").DataTable(), event.Key("t00", "e")) // nothing is lost of it
	w.write(t, residence.Remove(stack.MoveTable(), "t01", "alpha", 1, time.Now()))
	w.db.Put(stack.MappingTable(), mapping.Mapping{TenantID: "t02", CellID: "beta", Epoch: 2, State: mapping.Active, Tier: "standard"}.Item())
	require.Equal(t, []string{"acme", "t03", "t04", "t05"}, stranded(0, 4))
	require.Len(t, stranded(0, 50), 23)
}

// The control tables were lost while a move had raised copies of a fence, and not yet the fence.
func TestAssign_GivesAnEpochAboveEveryCopyOfAFence(t *testing.T) {
	w := unrecorded(t)
	w.write(t, ledger.SetFenceCopy(stack.Cell("beta").ResultsTable(), ledger.Fence{TenantID: "acme", Floor: 7, State: ledger.Outgoing}, 63))
	m := w.assign(t, placement.Request{TenantID: "acme", CellID: "alpha", Search: true})
	require.EqualValues(t, 8, m.Epoch)
}
