package placement_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// Whatever DynamoDB answers, mappings and counts agree in the end, and what was asked for is there.
func TestStore_GetsOverEveryDocumentedFault(t *testing.T) {
	request := placement.Request{TenantID: "acme", CellID: "alpha"}
	for name, c := range map[string]struct {
		before func(*testing.T, *world)
		act    func(*testing.T, *world) error
		done   func(*testing.T, *world)
	}{
		"assign": {
			act: func(t *testing.T, w *world) error {
				_, err := w.Assign(t.Context(), w.cells, request)
				return err
			},
			done: func(t *testing.T, w *world) { require.Equal(t, 1, w.state(t, "alpha").Tenants) },
		},
		"suspend and resume": {
			before: func(t *testing.T, w *world) { w.assign(t, request) },
			act: func(t *testing.T, w *world) error {
				_, err := w.Suspend(t.Context(), "acme")
				if err == nil {
					_, err = w.Resume(t.Context(), "acme")
				}
				return err
			},
			done: func(t *testing.T, w *world) {
				m, err := w.Get(t.Context(), "acme")
				require.NoError(t, err)
				require.Equal(t, mapping.Active, m.State)
			},
		},
		"drain and retire": {
			act: func(t *testing.T, w *world) error {
				_, err := w.SetStatus(t.Context(), "alpha", placement.Draining)
				if err == nil {
					_, err = w.SetStatus(t.Context(), "alpha", placement.Retired)
				}
				if errors.Is(err, placement.ErrRefused) { // it was retired before the answer got lost
					require.Equal(t, placement.Retired, w.state(t, "alpha").Status)
					return nil
				}
				return err
			},
			done: func(t *testing.T, w *world) { require.Equal(t, placement.Retired, w.state(t, "alpha").Status) },
		},
		"correct a count": {
			before: func(_ *testing.T, w *world) { w.set("alpha", placement.Active, 7) },
			act:    func(t *testing.T, w *world) error { return w.fix(t.Context(), "alpha") },
			done:   func(t *testing.T, w *world) { require.Zero(t, w.state(t, "alpha").Tenants) },
		},
		"probe": {
			act: func(t *testing.T, w *world) error {
				if _, err := w.PutProbe(t.Context(), w.cells[0]); err != nil {
					return err
				}
				return w.RemoveProbe(t.Context(), "alpha")
			},
			done: func(t *testing.T, w *world) { require.Empty(t, w.db.Items(stack.MappingTable())) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			dynamotest.EveryFault(t, func(t *testing.T) dynamotest.Scenario {
				w := newWorld(cell("alpha", "standard", 3))
				if c.before != nil {
					c.before(t, w)
				}
				return dynamotest.Scenario{
					DB: w.db, Act: func() error { return c.act(t, w) }, Done: func() { c.done(t, w) },
				}
			})
		})
	}
}
