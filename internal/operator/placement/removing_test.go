package placement_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
)

func TestStore_LeavesATenantAloneThatIsBeingRemoved(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	m := w.assign(t, placement.Request{TenantID: "acme"})
	m.State, m.Removing = mapping.Suspended, 2
	w.db.Put(stack.MappingTable(), m.Item())
	for what, change := range map[string]func() error{
		"suspend": func() error { _, err := w.Suspend(t.Context(), "acme"); return err },
		"resume":  func() error { _, err := w.Resume(t.Context(), "acme"); return err },
		"place": func() error {
			_, err := w.Assign(t.Context(), w.cells, placement.Request{TenantID: "acme"})
			return err
		},
	} {
		err := change()
		require.ErrorIs(t, err, placement.ErrRefused, what)
		require.ErrorContains(t, err, what+` tenant "acme": refused: it is being removed: 'cellctl tenants remove acme' goes on with that`)
	}
	require.Equal(t, m.Item(), w.db.Item(stack.MappingTable(), "acme"))
}
