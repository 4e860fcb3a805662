package resendtest

import (
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

// WrittenBefore has a cell's item of an event, and its outcome, be as the version before has written them: found by the
// tenant alone, and without an expiry of the event.
func (w *World) WrittenBefore(c manifest.Cell, e event.Event) {
	for _, table := range []string{c.DataTable, c.ResultsTable} {
		stored := w.Tables.Item(table, e.Key())
		if stored == nil {
			continue
		}
		delete(stored, event.AttrTenantShard)
		stored[event.AttrTenantID] = item.Text(e.TenantID)
		if stored[ledger.AttrWaiting] != nil {
			stored[ledger.AttrWaiting] = item.Text(e.TenantID)
		}
		delete(stored, ledger.AttrEventExpiresAt)
		if table == c.ResultsTable {
			delete(stored, event.AttrAcceptedAt)
		} else {
			delete(stored, event.AttrExpiresAt)
		}
		w.Tables.Put(table, stored)
	}
}
