package restore_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/restore"
)

func TestCheck_NamesWhyNothingOfATenantComesBack(t *testing.T) {
	for name, c := range map[string]struct {
		scene  func(w *world)
		cell   manifest.Cell
		revive bool
		err    error
	}{
		"at home":         {func(w *world) { w.assign("acme", alpha) }, alpha, false, nil},
		"in another cell": {func(w *world) { w.assign("acme", alpha) }, beta, false, restore.ErrElsewhere},
		"never placed":    {func(*world) {}, alpha, false, mapping.ErrUnknownTenant},
		"being removed": {func(w *world) {
			w.assign("acme", alpha)
			w.startRemoval("acme")
		}, alpha, false, removal.ErrUnderWay},
		"removed": {func(w *world) {
			w.assign("acme", alpha)
			w.remove("acme")
		}, alpha, true, restore.ErrRemoved},
		"a later tenant of the name": {func(w *world) {
			w.assign("acme", alpha)
			w.remove("acme")
			w.assign("acme", alpha)
		}, alpha, true, restore.ErrNotRevived},
		"being moved": {func(w *world) {
			w.assign("acme", alpha)
			found := w.Tables.Item(control.MappingTable, "acme")
			found[mapping.AttrMovingTo] = item.Text(beta.ID)
			w.Tables.Put(control.MappingTable, found)
		}, alpha, false, move.ErrMoving},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c.scene(w)
				_, err := w.restorer().Check(t.Context(), c.cell, "acme", c.revive)
				require.ErrorIs(t, err, c.err)
			})
		})
	}
}
