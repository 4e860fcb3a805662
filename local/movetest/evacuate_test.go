package movetest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
)

// drain sets a cell to draining until the test ends.
func (w *world) drain(t *testing.T, cellID string) {
	t.Helper()
	_, err := w.tenants.SetStatus(t.Context(), cellID, placement.Draining)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := w.tenants.SetStatus(context.WithoutCancel(t.Context()), cellID, placement.Active)
		require.NoError(t, err)
	})
}

// evacuation is how an operator evacuates a cell: to wherever there is most room.
func (w *world) evacuation(cellID string, observe func(move.EvacuationProgress)) move.Evacuation {
	return move.Evacuation{
		Cell: cellID, Parallel: 2, Observe: observe,
		Page: func(ctx context.Context, after string) ([]mapping.Mapping, string, error) {
			return w.tenants.Page(ctx, cellID, after, 2)
		},
		Choose: func(ctx context.Context, m mapping.Mapping) (string, error) {
			var ids []string
			var cells []manifest.Cell
			for id, c := range w.outputs.Cells {
				ids, cells = append(ids, id), append(cells, c)
			}
			states, err := w.tenants.States(ctx, ids)
			if err != nil {
				return "", err
			}
			fit, err := placement.Candidates(cells, states, m.Tier)
			if err != nil {
				return "", err
			}
			return fit[0].ID, nil
		},
	}
}

// requireEmptied checks that a cell has no tenants, by its count and by the list.
func (w *world) requireEmptied(t *testing.T, cellID string) {
	t.Helper()
	states, err := w.tenants.States(t.Context(), []string{cellID})
	require.NoError(t, err)
	require.Zero(t, states[cellID].Tenants)
	list, _, err := w.tenants.Page(t.Context(), cellID, "", placement.MaxPage)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestI8AnEvacuationThatIsInterruptedGoesOn(t *testing.T) {
	t.Parallel()
	w := start(t)
	south := w.takeSouth(t)
	late := map[string]*lateRouter{}
	var loads []*load
	for range 3 {
		tenant := w.tenant(t, south.ID)
		late[tenant] = w.lateRouter(t, tenant)
		loads = append(loads, w.load(t, tenant, 0.3, w.Client, late[tenant].Client))
	}
	for _, l := range loads {
		l.awaitAccepted(t, 4)
	}
	w.drain(t, south.ID)
	mover := w.mover(func(m move.Move) {
		if r := late[m.TenantID]; r != nil && m.Phase == move.Flip { // other tests leave tenants in south
			r.renew(t, m.TenantID)
		}
	})

	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	seen, err := mover.Evacuate(ctx, w.evacuation(south.ID, func(p move.EvacuationProgress) {
		if p.Served >= 2 {
			interrupt()
		}
	}))
	require.Error(t, err, "%+v", seen)
	require.Less(t, seen.Ended, len(loads))
	for _, l := range loads {
		l.awaitAccepted(t, 2)
	}

	// Two operators go on with it, and neither reports as a failure what the other has done.
	var both sync.WaitGroup
	for _, holder := range []string{"operator:1", "colleague:1"} {
		o := mover.Options
		o.Holder, o.Gone = holder, nil
		both.Go(func() {
			seen, err := move.New(o).Evacuate(t.Context(), w.evacuation(south.ID, nil))
			assert.NoError(t, err, "%s: %+v", holder, seen)
			assert.Equal(t, seen.Total, seen.Ended, holder)
		})
	}
	both.Wait()
	w.requireEmptied(t, south.ID)
	for _, l := range loads {
		home := w.place(t, l.tenant).CellID
		require.NotEqual(t, south.ID, home)
		l.requireAppliedOnce(t, home)
	}
}

func TestI8WhatIsStuckInASickCellIsAppliedInTheNewOne(t *testing.T) {
	t.Parallel()
	w := start(t)
	south := w.takeSouth(t)
	resume := south.pause(t) // its consumer does nothing from here on
	tenants := []string{w.tenant(t, south.ID), w.tenant(t, south.ID)}
	want := map[string]int{visit: 8}
	for _, tenant := range tenants {
		w.accept(t, tenant, visit, want[visit])
	}
	w.awaitWaiting(t, south.QueueURL, len(tenants)*want[visit])
	w.drain(t, south.ID)

	evacuation := w.evacuation(south.ID, nil)
	began := time.Now()
	evacuation.Until = move.Redirect
	seen, err := w.hastyMover().Evacuate(t.Context(), evacuation)
	require.NoError(t, err, "%+v", seen)
	require.GreaterOrEqual(t, seen.Served, len(tenants))
	for _, tenant := range tenants {
		w.cell(w.place(t, tenant).CellID).awaitCounters(t, tenant, want)
	}
	t.Logf("applied %s after the evacuation began", time.Since(began))

	evacuation.Until = ""
	seen, err = w.hastyMover().Evacuate(t.Context(), evacuation)
	require.NoError(t, err, "%+v", seen)
	w.requireEmptied(t, south.ID)

	resume() // it gets well, and has all the messages that waited
	w.awaitWaiting(t, south.QueueURL, 0)
	for _, tenant := range tenants {
		home := w.place(t, tenant).CellID
		w.requireAtHome(t, tenant, home, want)
	}
}
