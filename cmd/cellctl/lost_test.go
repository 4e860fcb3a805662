package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/residence"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/restoretest"
	"cellular/internal/testkit/sqstest"
)

// lose has a tenant placed in c07, and c07 lost: nothing is left of it but its state and what the control plane knows of
// the tenant.
func (w *world) lose(tenant string, state mapping.State) {
	m := mapping.Mapping{TenantID: tenant, CellID: "c07", Epoch: 3, State: state, Tier: "standard", UpdatedAt: time.Now()}
	w.db.Put(stack.MappingTable(), m.Item())
	w.counts("c07", "1")
	_, err := w.db.TransactWriteItems(w.t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		residence.GiveEpoch(stack.MoveTable(), tenant, "c07", 3, time.Now()),
	}})
	require.NoError(w.t, err)
}

func (w *world) counts(cell, tenants string) {
	w.db.Put(stack.CellTable(), dynamotest.Item{
		controltables.AttrCellID: item.Text(cell), controltables.AttrStatus: item.Text("active"),
		controltables.AttrTenants: &types.AttributeValueMemberN{Value: tenants}, controltables.AttrUpdatedAt: item.Text(event.FormatTime(time.Now())),
	})
}

// Each command works on a tenant whose cell is lost, or on the cell, or names the next command.
func TestLostCell_IsNoDeadEnd(t *testing.T) {
	const (
		toAssign = "'cellctl tenants assign acme --lost c07'"
		toList   = "'cellctl tenants list --cell c07' lists them"
	)
	for line, wants := range map[string]struct {
		code int
		says string
	}{
		"tenants list":                        {0, "Cell c07 is not there, and events of its tenants are refused; 'cellctl tenants show acme' says what to do."},
		"tenants list --cell c07":             {0, "'cellctl tenants show acme' says what to do."},
		"tenants show acme":                   {0, toAssign},
		"tenants suspend acme --yes":          {0, ""},
		"tenants resume acme":                 {0, ""},
		"tenants assign acme":                 {exitRefused, toAssign},
		"tenants assign acme --cell c07":      {exitRefused, toList},
		"tenants move acme --to c01":          {exitRefused, toAssign},
		"tenants move acme --resume":          {exitRefused, "no move of tenant \"acme\" is under way"},
		"tenants move acme --back-out":        {exitRefused, "no move of tenant \"acme\" is under way"},
		"tenants move other --to c07":         {exitRefused, toList},
		"tenants remove idle --forget --yes":  {exitRefused, "'cellctl tenants remove idle --lost c07' removes it"},
		"moves list":                          {0, ""},
		"moves list --tenant acme":            {0, ""},
		"moves show acme":                     {exitRefused, "'cellctl tenants show acme' shows where it is"},
		"moves resume acme":                   {exitRefused, "no move of tenant"},
		"cells list":                          {0, "Cell c07 is not there, and tenants are mapped to it: " + toList + "."},
		"cells show c07":                      {exitRefused, toList},
		"cells drain c07 --yes":               {exitRefused, toList},
		"cells drain c07 --evacuate --yes":    {exitRefused, toList},
		"cells retire c07 --yes":              {exitRefused, toList},
		"cells activate c07":                  {exitRefused, toList},
		"dlq list --cell c07":                 {exitRefused, toList},
		"dlq show --cell c07 x":               {exitRefused, toList},
		"dlq redrive --cell c07":              {exitRefused, toList},
		"dlq drop --cell c07 --id x --yes":    {exitRefused, toList},
		"replay --cell c07":                   {exitRefused, toList},
		"restore cell c07 --at " + lossAt:     {exitRefused, toList},
		"restore mapping --at " + lossAt:      {0, ""},
		"tenants assign other --lost c07":     {exitRefused, "tenant \"other\" is in cell c01, not in cell c07: nothing was done"},
		"tenants assign acme --lost c01":      {exitRefused, "tenant \"acme\" is in cell c07, not in cell c01: nothing was done"},
		"tenants remove idle --lost c01":      {exitRefused, "cell c01 is there: nothing is lost of it"},
		"tenants assign other --lost c01":     {exitRefused, "cell c01 is there: nothing is lost of it"},
		"tenants assign acme --lost c07":      {cli.ExitUsage, "asks before it acts"},
		"tenants list --cell c08":             {exitRefused, "'cellctl cells list' shows them"},
		"tenants list --after c06/x --all":    {0, "Cell c07 is not there"},
		"tenants list --limit 1 --after c01/": {0, "There are more"},
	} {
		t.Run(line, func(t *testing.T) {
			deleted(t, func(t *testing.T, w *world, _ *restoretest.Recovery) {
				w.db.Put(stack.MappingTable(), mapping.Mapping{
					TenantID: "idle", CellID: "c07", Epoch: 1, State: mapping.Suspended, Tier: "standard", UpdatedAt: time.Now(),
				}.Item())
				w.lose("acme", mapping.Active)
				w.does("tenants", "assign", "other", "--cell", "c01")
				time.Sleep(rest)
				stdout, stderr, code := w.run(strings.Fields(line)...)
				require.Equal(t, wants.code, code, stderr)
				require.Contains(t, stdout+stderr, wants.says)
			})
		})
	}
}

func TestTenant_OfALostCellIsShown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lose("acme", mapping.Active)
		stdout, stderr, code := w.run("tenants", "show", "acme")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "cell       c07\n")
		require.Contains(t, stdout, "has data   ?\n")
		require.Equal(t, "Cell c07 is not there, and events of the tenant are refused: bringing cell c07 back into the configuration, with 'pulumi up', "+
			"has it serve them again; what it held comes back with 'cellctl restore cell c07'. If it is lost for good, "+
			"'cellctl tenants assign acme --lost c07' places the tenant again, and 'cellctl tenants remove acme --lost c07' removes it.\n", stderr)
		stdout, _, _ = w.run("tenants", "show", "acme", "-o", "json")
		require.Contains(t, stdout, "\"has_data\": null,\n  \"cell_lost\": true,\n")
		stdout, stderr, _ = w.run("tenants", "list")
		require.Contains(t, stdout, "acme    c07   active")
		require.Equal(t, 1, strings.Count(stderr, "\n"))
	})
}

func TestTenant_OfALostCellIsPlacedAgain(t *testing.T) {
	for _, counted := range []string{"1", "0"} { // a count that has drifted is no dead end either
		for _, state := range []mapping.State{mapping.Active, mapping.Suspended} {
			inWorld(t, func(t *testing.T, w *world) {
				w.lose("acme", state)
				w.counts("c07", counted)
				w.stdin = "yes\n"
				_, stderr, code := w.run("tenants", "assign", "acme", "--cell", "c02", "--lost", "c07")
				require.Equal(t, cli.ExitUsage, code)
				require.Contains(t, stderr, "Lost is all that cell c07 held of it: events, also such as were accepted and not applied yet, "+
					"their outcomes, business state, dead letters.")
				require.Contains(t, stderr, "Type acme to go on: ")

				w.stdin = "acme\n"
				stdout, stderr, code := w.run("tenants", "assign", "acme", "--cell", "c02", "--lost", "c07")
				require.Zero(t, code, stderr)
				require.Contains(t, stdout, "acme    c02   "+string(state))
				m, err := mapping.FromItem(w.mapping("acme"))
				require.NoError(t, err)
				require.Equal(t, int64(4), m.Epoch)
				require.Equal(t, state, m.State)
				require.Equal(t, "1", w.db.Item(stack.CellTable(), "c02")[controltables.AttrTenants].(*types.AttributeValueMemberN).Value)
				require.Equal(t, "0", w.db.Item(stack.CellTable(), "c07")[controltables.AttrTenants].(*types.AttributeValueMemberN).Value)
				w.does("tenants", "show", "acme")
				w.does("tenants", "move", "acme", "--to", "c01", "--no-wait")
			})
		}
	}
}

// --abandon is what --lost was called before, and is what ends a move without one of its cells.
func TestTenant_OfALostCellIsPlacedAgainByTheOldSpelling(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lose("acme", mapping.Active)
		_, stderr, code := w.run("tenants", "move", "acme", "--abandon", "c07", "--yes")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "'cellctl tenants assign acme --lost c07' places the tenant again")
		help, _, _ := w.run("tenants", "assign", "--help")
		require.Contains(t, help, "--lost string")
		require.NotContains(t, help, "--abandon")
		w.does("tenants", "assign", "acme", "--cell", "c02", "--abandon", "c07", "--yes")
		require.Equal(t, "c02", w.mapping("acme")[mapping.AttrCellID].(*types.AttributeValueMemberS).Value)
	})
}

// Only its manifest is missing: routers may know the cell, and write to it.
func TestTenant_IsNotPlacedAgainWhileItsCellsTablesAreThere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		delete(w.ssm, stack.Cell("c01").Parameter())
		for _, line := range [][]string{{"tenants", "assign", "acme", "--lost", "c01", "--yes"}, {"tenants", "remove", "acme", "--lost", "c01", "--yes"}} {
			w.refuses(exitRefused, "cellctl: cell c01 is not published, but dev-app-data-cell-c01 and dev-app-results-cell-c01 are there, and may still be written to: "+
				"bringing cell c01 back into the configuration, with 'pulumi up', has it serve them again\n", line...)
		}
	})
}

func TestTenant_OfALostCellIsPlacedAgainWithTheDataOfAnotherOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lose("acme", mapping.Active)
		w.event("c01", "acme", "1", ledger.Processed)
		w.refuses(exitRefused, "cellctl: place tenant \"acme\" without cell c07: refused: cell c01 holds data of it: name that cell with --cell, or have the data removed first\n",
			"tenants", "assign", "acme", "--cell", "c02", "--lost", "c07", "--yes")
		w.does("tenants", "assign", "acme", "--cell", "c01", "--lost", "c07", "--yes")
	})
}

func TestTenant_OfALostCellIsRemoved(t *testing.T) {
	for _, counted := range []string{"1", "0"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.sqs = sqstest.New(map[string]sqstest.Queue{c01.ConsumerDLQURL: {}, c01.SubscriptionDLQURL: {}, c01.StreamDLQURL: {}})
			w.lose("acme", mapping.Suspended)
			w.counts("c07", counted)
			w.event("c01", "acme", "old", ledger.Processed)
			time.Sleep(rest)
			_, stderr, code := w.run("tenants", "remove", "acme", "--lost", "c07", "--forget", "--yes")
			require.Zero(t, code, stderr)
			require.Nil(t, w.mapping("acme"))
			require.Zero(t, w.items("c01"))
			record, err := residence.Get(t.Context(), w.db, stack.MoveTable(), "acme")
			require.NoError(t, err)
			require.True(t, record.Removed())
			w.does("tenants", "assign", "acme")
		})
	}
}

// The cell is lost while a removal is under way: the removal has an end.
func TestRemoval_GoesOnWithoutItsCell(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.lose("acme", mapping.Suspended)
		time.Sleep(rest)
		w.db.Intercept = func(_ context.Context, c dynamotest.Call) error {
			if m := w.mapping("acme"); m[mapping.AttrRemoving] != nil {
				return errDown
			}
			return nil
		}
		_, _, code := w.run("tenants", "remove", "acme", "--lost", "c07", "--yes")
		require.Equal(t, cli.ExitFailure, code)
		w.db.Intercept = nil
		time.Sleep(time.Minute)
		_, stderr, code := w.run("tenants", "remove", "acme", "--yes")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, "add --lost c07: 'cellctl tenants remove acme'")
		_, stderr, _ = w.run("tenants", "show", "acme")
		require.Contains(t, stderr, "its removal goes on without the cell with --lost c07: 'cellctl tenants remove acme'")
		_, stderr, code = w.run("tenants", "remove", "acme", "--back-out", "--lost", "c07")
		require.Zero(t, code, stderr)
		w.does("tenants", "assign", "acme", "--lost", "c07", "--yes")
	})
}

// One tenant whose cell is lost does not keep those of others in a DLQ.
func TestRedrive_SendsWhatItCanBesideATenantWhoseCellIsLost(t *testing.T) {
	withLetters(t, func(t *testing.T, w *world, q *sqstest.SQS, id string) {
		w.does("tenants", "assign", "zeta", "--cell", "c01")
		w.event("c01", "zeta", "1", "")
		w.letter(q, "zeta", "1")
		w.lose("acme", mapping.Active)
		stdout, _, code := w.run("dlq", "redrive", "--cell", "c01", "--kind", "consumer")
		require.Equal(t, cli.ExitFailure, code)
		require.Contains(t, stdout, "consumer  2         1     0                1\n")
		require.Contains(t, stdout, id+"   "+resend.CellLost.Explain())
	})
}

func TestCellsList_SaysHowARetiredCellTakesTenants(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("cells", "drain", "c02", "--yes")
		w.does("cells", "retire", "c02", "--yes")
		_, stderr, code := w.run("cells", "list")
		require.Zero(t, code)
		require.Contains(t, stderr, "Cell c02 is retired: no tenant is placed in it. If it was added again, 'cellctl cells activate c02' has it take tenants.\n")
	})
}
