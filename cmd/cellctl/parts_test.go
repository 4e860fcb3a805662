package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/sqstest"
)

// part is a part of a deployment that somebody has deleted, and what the commands say of it.
type part struct {
	table, index string            // an index of the table, or all of it
	parameter    string            // or an SSM parameter
	says         map[string]string // by the name of a command: a piece of its error; commands that are not named do not notice
}

// looks are what an operator types who looks for what is wrong, by name.
var looks = []struct {
	name string
	args []string
}{
	{"list", []string{"cells", "list"}},
	{"show", []string{"cells", "show", "c01"}},
	{"tenant", []string{"tenants", "show", "acme"}},
	{"moves", []string{"moves", "list"}},
	{"move", []string{"tenants", "move", "acme", "--to", "c02", "--no-wait"}},
	{"dlq", []string{"dlq", "list", "--cell", "c01"}},
	{"replay", []string{"replay", "--cell", "c01", "--grace", "0s", "--dry-run"}},
}

const (
	noTable   = "Requested resource not found: Table: %s not found"
	noIndex   = "The table does not have the specified index: %s"
	notBegun  = "cell c01 lacks %s: nothing was done; restore the table under its own name from the backup that AWS keeps of a deleted table for 35 days, before any 'pulumi up'"
	madeAgain = "cell c01 lacks the index %s of %s: nothing was done; 'pulumi up --refresh -s dev' makes again that"
)

// deletedParts has the rows of the table in docs/operations.md, 11, that need no running cell.
func deletedParts() map[string]part {
	data, results, mappings, cells, moves := c01.DataTable, c01.ResultsTable, stack.MappingTable(), stack.CellTable(), stack.MoveTable()
	notThere := "cell c01 is not there, and tenants are mapped to it"
	not := func(format string, of ...any) string { return fmt.Sprintf(format, of...) }
	return map[string]part{
		"data table": {table: data, says: map[string]string{
			"tenant": not(noTable, data), "replay": not(noTable, data), "move": not(notBegun, "the data table "+data),
		}},
		"results table": {table: results, says: map[string]string{
			"list": not(noTable, results), "show": not(noTable, results), "replay": not(noTable, results),
			"move": not(notBegun, "the results table "+results),
		}},
		"index " + event.ShardTimeIndex: {table: data, index: event.ShardTimeIndex, says: map[string]string{
			"tenant": not(noIndex, event.ShardTimeIndex), "replay": not(noIndex, event.ShardTimeIndex),
			"move": not(madeAgain, event.ShardTimeIndex, data),
		}},
		"index " + event.TenantTimeIndex: {table: data, index: event.TenantTimeIndex, says: map[string]string{
			"tenant": not(noIndex, event.TenantTimeIndex), "replay": not(noIndex, event.TenantTimeIndex),
			"move": not(madeAgain, event.TenantTimeIndex, data),
		}},
		"index " + ledger.ShardIndex: {table: results, index: ledger.ShardIndex, says: map[string]string{
			"move": not(madeAgain, ledger.ShardIndex, results),
		}},
		"index " + ledger.TenantIndex: {table: results, index: ledger.TenantIndex, says: map[string]string{
			"move": not(madeAgain, ledger.TenantIndex, results),
		}},
		"index " + ledger.WaitingIndex: {table: results, index: ledger.WaitingIndex, says: map[string]string{
			"list": not(noIndex, ledger.WaitingIndex), "show": not(noIndex, ledger.WaitingIndex), "replay": not(noIndex, ledger.WaitingIndex),
			"move": not(madeAgain, ledger.WaitingIndex, results),
		}},
		"the cell's parameter": {parameter: stack.Cell("c01").Parameter(), says: map[string]string{
			"show": notThere, "dlq": notThere, "replay": notThere, "move": "'cellctl tenants assign acme --lost c01'",
		}},
		"mapping table": {table: mappings, says: map[string]string{
			"tenant": not(noTable, mappings), "replay": not(noTable, mappings), "move": not(noTable, mappings),
		}},
		"index " + mapping.CellIndex: {table: mappings, index: mapping.CellIndex, says: map[string]string{"replay": not(noIndex, mapping.CellIndex)}},
		"moves table": {table: moves, says: map[string]string{
			"show": not(noTable, moves), "moves": not(noTable, moves), "replay": not(noTable, moves), "move": not(noTable, moves),
		}},
		"index " + controltables.OpenIndex: {table: moves, index: controltables.OpenIndex, says: map[string]string{
			"show": not(noIndex, controltables.OpenIndex), "moves": not(noIndex, controltables.OpenIndex),
		}},
		"audit table": {table: stack.AuditTable()},
		"cell states table": {table: cells, says: map[string]string{
			"list": not(noTable, cells), "show": not(noTable, cells), "move": not(noTable, cells),
		}},
	}
}

// The rows of the table in docs/operations.md of what is deleted without a running cell: what each command says, that a
// move does not begin where it could not end, and that all is well once the part is back.
func TestADeletedPartIsNamedByEveryCommandThatNeedsItAndMissedByNone(t *testing.T) {
	for name, p := range deletedParts() {
		t.Run(name, func(t *testing.T) {
			busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
				back := w.deletePart(p)
				for _, c := range looks {
					if _, fails := p.says[c.name]; c.name == "move" && !fails {
						continue // it would do what it is asked
					}
					_, stderr, code := w.run(c.args...)
					if want, fails := p.says[c.name]; fails {
						require.NotZero(t, code, "%s: %s", c.name, stderr)
						require.Contains(t, stderr, want, c.name)
						continue
					}
					require.Zero(t, code, "%s: %s", c.name, stderr)
				}
				back()
				require.Nil(t, w.mapping("acme")["moving_to"], "no move has begun")
				w.does("tenants", "move", "acme", "--to", "c02", "--no-wait")
				time.Sleep(2 * time.Hour)
				w.does("moves", "resume", "acme")
				require.Equal(t, item.Text("c02"), w.mapping("acme")["cell_id"])
				for _, c := range looks {
					if c.name != "move" {
						w.does(c.args...)
					}
				}
			})
		})
	}
}

// deletePart deletes a part. The function that it returns brings it back as the table in docs/operations.md says: restored with
// what it held, or, where it held nothing, made again.
func (w *world) deletePart(p part) (back func()) {
	switch {
	case p.parameter != "":
		was := w.ssm[p.parameter]
		delete(w.ssm, p.parameter)
		return func() { w.ssm[p.parameter] = was }
	case p.index != "":
		w.db.DropIndex(p.table, p.index)
		return func() { w.db.MakeIndex(p.table, p.index) }
	}
	backup := w.db.Items(p.table)
	w.db.Drop(p.table)
	return func() {
		w.db.Make(p.table)
		for _, item := range backup {
			w.db.Put(p.table, item)
		}
	}
}
