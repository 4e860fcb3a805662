package move_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// Of the mover's writes to a table two in three are throttled, while clients send through a router that knows the move and
// one that does not. The move takes longer, and every count is exact.
func TestI8AMoveBesideAThrottledTableLosesNothing(t *testing.T) {
	alpha, beta := manifestOf("alpha"), manifestOf("beta")
	for _, table := range []string{alpha.DataTable, alpha.ResultsTable, beta.DataTable, beta.ResultsTable} {
		t.Run(table, func(t *testing.T) {
			w := newWorld(t)
			fresh, stale := &router{}, &router{}
			for i := range 20 {
				w.send(fresh, fmt.Sprintf("before-%d", i), "visit")
			}
			w.quiesce()
			w.refresh(stale)
			h := &hooks{}
			calling, sent, writes, throttled := false, 0, 0, 0
			h.before = func() error {
				if h.calls%5 == 0 && sent < 40 {
					from := []*router{fresh, stale}[sent%2]
					w.send(from, fmt.Sprintf("during-%d", sent), "visit")
					sent++
					w.quiesce()
				}
				calling = true
				return nil
			}
			h.after = func() error { calling = false; return nil }
			w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
				if !calling || c.Operation != "TransactWriteItems" || !strings.Contains(c.Table, table) {
					return nil
				}
				if writes++; writes%3 == 0 {
					return nil
				}
				throttled++
				return &types.ProvisionedThroughputExceededException{Message: new("throttled")}
			}
			m := w.mover(h)
			w.toRedirect(t, m)
			_, err := m.Run(t.Context(), tenant, "")
			require.NoError(t, err)
			require.Greater(t, throttled, 5)
			require.Greater(t, sent, 10)
			h.before, h.after = nil, nil
			w.quiesce()
			w.settled()
			require.Len(t, w.counters(w.cells["beta"]), 20+sent)
		})
	}
}

// Ten tenants are to leave a cell, and the others have seven places: as many as fit go, by two evacuations at a time, the
// rest stays where it is and is served, and no cell has more tenants than it takes.
func TestI8AnEvacuationIntoCellsThatAreNearlyFullPlacesAsManyAsFit(t *testing.T) {
	const leaving = 10
	s := newSite(t, leaving)
	fill := func(cell manifest.Cell, n int) {
		for i := range n {
			_, err := s.store.Assign(t.Context(), []manifest.Cell{cell}, placement.Request{TenantID: fmt.Sprintf("%s-%d", cell.ID, i), CellID: cell.ID})
			require.NoError(t, err)
		}
	}
	fill(s.cells[1], 7)
	fill(s.cells[2], 6)
	_, err := s.store.SetStatus(t.Context(), "alpha", placement.Draining)
	require.NoError(t, err)

	var both errgroup.Group
	for range 2 {
		both.Go(func() error {
			_, err := s.mover().Evacuate(context.Background(), s.evacuation())
			if err == nil {
				return errors.New("an evacuation says that all came out")
			}
			return nil
		})
	}
	require.NoError(t, both.Wait())
	require.Equal(t, []int{3, 10, 10}, []int{s.tenants("alpha"), s.tenants("beta"), s.tenants("gamma")})
	open, err := s.mover().Open(t.Context())
	require.NoError(t, err)
	require.Empty(t, open, "who did not fit has no move that waits")

	for i := range s.cells {
		s.cells[i].MaxTenants += 5 // somebody raises maxTenants
	}
	e := s.evacuation()
	done, err := s.roomier().Evacuate(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, 3, done.Ended)
	require.Zero(t, s.tenants("alpha"))
	require.Equal(t, 7+6+leaving, s.tenants("beta")+s.tenants("gamma"))
	for _, cell := range s.cells[1:] {
		require.LessOrEqual(t, s.tenants(cell.ID), cell.MaxTenants)
	}
}

// roomier is a mover that knows the cells' caps of now.
func (s *site) roomier() *move.Mover {
	m := s.mover()
	m.Cell = func(_ context.Context, id string) (manifest.Cell, error) {
		for _, c := range s.cells {
			if c.ID == id {
				return c, nil
			}
		}
		return manifest.Cell{}, errors.New("no such cell")
	}
	return m
}
