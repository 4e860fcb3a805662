package restore_test

import (
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/restore"
)

func TestCheckMapping_FindsTheMappingThatIsNotMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		check := func() (mapping.Mapping, error) { return w.restorer().CheckMapping(t.Context(), "acme") }
		_, err := check()
		require.NoError(t, err, "it never had one")

		w.assign("acme", alpha)
		m, err := check()
		require.ErrorIs(t, err, restore.ErrMapped)
		require.Equal(t, alpha.ID, m.CellID)

		w.startRemoval("acme")
		_, err = check()
		require.ErrorIs(t, err, restore.ErrMapped, "while it is being removed, too")

		w.lose(control.MappingTable, "acme")
		_, err = check()
		require.NoError(t, err)

		w.Tables.Put(control.MappingTable, map[string]types.AttributeValue{mapping.AttrTenantID: item.Text("acme")})
		_, err = check()
		require.Error(t, err, "one that cannot be read is not missing")
		require.NotErrorIs(t, err, restore.ErrMapped)
	})
}

func TestCellReport_CountsItemsOfAllKindsByWhatIsToBeDoneAboutThem(t *testing.T) {
	r := restore.CellReport{
		Outcomes: restore.Part{PutBack: 1, LeftAlone: map[restore.Reason]int{restore.Moving: 2, restore.OfRemoved: 3}},
		State:    restore.Part{PutBack: 10, LeftAlone: map[restore.Reason]int{restore.BeingRemoved: 20, restore.OfRemoved: 30, restore.Differs: 40}},
		Events:   restore.Part{PutBack: 100, LeftAlone: map[restore.Reason]int{restore.NoOutcome: 200, restore.Changed: 300, restore.OfRemoved: 400}},
	}
	require.Equal(t, 111, r.PutBack())
	require.Equal(t, 433, r.LeftAlone(restore.OfRemoved))
	require.Equal(t, 40, r.LeftAlone(restore.Differs))
	require.Zero(t, r.LeftAlone(restore.Unmapped))
	require.Equal(t, 522, r.Again(), "a move, a removal, a change, and an outcome that comes later pass")
	require.Zero(t, restore.CellReport{}.Again())
}

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
