package ledger

import (
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
)

// Memory is for how long a cell keeps outcomes.
func Memory(cell manifest.Cell) time.Duration {
	return time.Duration(cell.Settings.ResultTTL)
}

// Forgotten reports whether an event is so old that its outcome may have been deleted by the table's TTL. Without an
// outcome it cannot be told whether it was applied, and it must not be sent again. An outcome is written after its event
// was accepted and kept for the cell's Memory, so that a younger event without one has not been applied.
func Forgotten(data Item, cell manifest.Cell, now time.Time) bool {
	accepted, err := time.Parse(event.TimeLayout, textOf(data, event.AttrAcceptedAt))
	return err != nil || now.Sub(accepted) >= Memory(cell)
}

// Expired reports whether the table's TTL would have deleted an item by now. DynamoDB deletes later than that, and restores
// a table without its TTL.
func Expired(attributes Item, now time.Time) bool {
	at := Peek(attributes).ExpiresAt
	return !at.IsZero() && at.Unix() <= now.Unix()
}
