package move_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/tenantdata"
)

// The removal of a tenant is tested in the same world as its moves: each must leave alone what the other does.

func (w *world) all() []manifest.Cell {
	return []manifest.Cell{w.cells["alpha"].Cell, w.cells["beta"].Cell}
}

// remover returns a remover whose calls go through the hooks.
func (w *world) remover(h *hooks) *removal.Remover {
	client := hooked{w, h}
	return removal.New(removal.Options{
		DynamoDB: client, Queue: client, ControlPlane: control,
		Cells:        func(context.Context) ([]manifest.Cell, error) { return w.all(), nil },
		SweepLetters: w.sweeper(h),
		Quarantine:   quarantine, IndexSettle: time.Second, Parallel: 1, Holder: "remover", Gone: func(string) bool { return true },
		Now: func() time.Time { return w.now },
		Sleep: func(_ context.Context, d time.Duration) error {
			if err := h.call(h.before); err != nil {
				return err
			}
			w.pass(d)
			return nil
		},
	})
}

// sweeper takes the letters out of a cell's DLQ, confirms, and deletes them: two calls.
func (w *world) sweeper(h *hooks) func(context.Context, manifest.Cell, string, func(context.Context) error) (map[string]int, error) {
	return func(ctx context.Context, cell manifest.Cell, _ string, confirm func(context.Context) error) (map[string]int, error) {
		c := w.cells[cell.ID]
		taken, err := around(hooked{w, h}, ctx, 0, func(context.Context, int) ([]message, error) { return slices.Clone(c.dlq), nil })
		if err == nil {
			err = confirm(ctx)
		}
		if err != nil || len(taken) == 0 {
			return nil, err
		}
		_, err = around(hooked{w, h}, ctx, 0, func(context.Context, int) (any, error) {
			c.dlq = slices.DeleteFunc(c.dlq, func(m message) bool { return slices.Contains(taken, m) })
			return nil, nil
		})
		return map[string]int{"consumer": len(taken)}, err
	}
}

// copies are what removers have written, complete files alone.
type copies struct{ files []string }

// fate has a remover write a copy.
func (w *world) fate(to *copies) removal.Fate {
	return removal.Fate{Copy: func(ctx context.Context, cells []manifest.Cell) (removal.Copy, error) {
		var file bytes.Buffer
		written, err := tenantdata.Export(ctx, w.db, cells, tenant, 0, w.now, &file)
		if err == nil {
			to.files = append(to.files, file.String())
		}
		return written, err
	}}
}

// events are the ids of the events in the files.
func (c *copies) events() map[string]bool {
	ids := map[string]bool{}
	for _, file := range c.files {
		for line := range bytes.Lines([]byte(file)) {
			var l struct {
				Kind string
				Item struct {
					ID struct{ S string } `json:"event_id"`
				}
			}
			if json.Unmarshal(line, &l) == nil && l.Kind == "event" {
				ids[l.Item.ID.S] = true
			}
		}
	}
	return ids
}

// suspend suspends the tenant, and lets the time go by until no router knows it as active.
func (w *world) suspend() {
	_, err := w.placement().Suspend(context.Background(), tenant)
	require.NoError(w, err)
	w.pass(quarantine)
}

// gone checks that nothing is there of a tenant that was removed: no item but fences, which keep its events out, and no
// letter. From here on the next tenant of the name is another one.
func (w *world) gone() {
	w.Helper()
	_, there := w.placed()
	require.False(w, there)
	for id, c := range w.cells {
		require.Empty(w, w.db.Items(c.DataTable), "cell %s", id)
		for _, item := range w.db.Items(c.ResultsTable) {
			key := item[event.AttrKey].(*types.AttributeValueMemberS).Value
			if strings.HasPrefix(key, ledger.TrialPrefix) {
				continue // of a message, without anything of its event
			}
			require.True(w, key == ledger.AppliedKey || item[ledger.AttrFencedTenant] != nil, "cell %s has kept %v", id, item)
		}
		require.Empty(w, c.dlq, "letters of cell %s", id)
	}
	w.counted(0)
}

// counted checks that the cells count as many tenants as there are, in their cell alone.
func (w *world) counted(tenants int) {
	w.Helper()
	states, err := w.placement().States(context.Background(), []string{"alpha", "beta"})
	require.NoError(w, err)
	sum := 0
	for _, state := range states {
		sum += state.Tenants
	}
	require.Equal(w, tenants, sum, "%+v", states)
}

// nextLife is the world without the tenant that was removed. What is in flight of it stays in flight.
func (w *world) nextLife() {
	w.nth++
	w.accepted, w.applied = map[string]string{}, map[string]int{}
}

// assign places the tenant, or the next one of its name.
func (w *world) assign(cell string) {
	_, err := w.placement().Assign(context.Background(), w.all(), placement.Request{TenantID: tenant, CellID: cell})
	require.NoError(w, err)
	w.look()
}
