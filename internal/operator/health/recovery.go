package health

import (
	"slices"
	"time"

	"cellular/internal/model/manifest"
)

// maxRecoveries is in how many cells one run looks at point-in-time recovery: with two tables each, and recoveryRate, those
// take two minutes, most of a run's time.
const maxRecoveries = 500

// recoverySeen reports whether a run looks at point-in-time recovery in a cell: in all of up to maxRecoveries, and of more in
// a part that is another one each day.
func (p published) recoverySeen(c manifest.Cell, now time.Time) bool {
	n := len(p.cells)
	if n <= maxRecoveries {
		return true
	}
	at := slices.IndexFunc(p.cells, func(other manifest.Cell) bool { return other.ID == c.ID })
	first := int(now.Unix()/int64(24*time.Hour/time.Second)) * maxRecoveries % n
	return (at-first+n)%n < maxRecoveries
}

// unseenRecovery says that a run does not look at all of a large fleet.
func (d Doctor) unseenRecovery(p published) []Finding {
	if len(p.cells) <= maxRecoveries || !p.protected() {
		return nil
	}
	l := d.look(tableCheck, "point-in-time recovery")
	l.add(Skip, "run doctor each day: each day's runs look at other cells",
		"it was looked at in %d of %d cells: DynamoDB answers ten such requests a second", maxRecoveries, len(p.cells))
	return l.findings
}
