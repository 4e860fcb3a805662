package stack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
)

// control is a control plane.
type control struct {
	deployment string
	states     map[string]string // by cell: the status and the number of tenants
	mappings   map[string]string // by tenant: its cell, and the one that it moves to
	err        error
}

func (c control) item(table, key string) (string, error) {
	if c.err != nil {
		return "", c.err
	}
	var at map[string]map[string]string
	if err := json.Unmarshal([]byte(key), &at); err != nil {
		return "", err
	}
	switch table {
	case c.deployment + "-global-cell-states":
		id := at["cell_id"]["S"]
		state, ok := c.states[id]
		if !ok {
			return "", pulumitest.ErrNoItem
		}
		status, tenants, _ := strings.Cut(state, " ")
		return fmt.Sprintf(`{"cell_id":{"S":%q},"status":{"S":%q},"tenants":{"N":%q},"updated_at":{"S":"2026-01-01T00:00:00.000Z"},"note":{"L":[]}}`, id, status, tenants), nil
	case c.deployment + "-global-tenant-cell-mapping":
		tenant := at["tenant_id"]["S"]
		cells, ok := c.mappings[tenant]
		if !ok {
			return "", pulumitest.ErrNoItem
		}
		cell, to, moving := strings.Cut(cells, " ")
		item := fmt.Sprintf(`{"tenant_id":{"S":%q},"cell_id":{"S":%q},"epoch":{"N":"1"},"state":{"S":"active"},"tier":{"S":"standard"},"updated_at":{"S":"2026-01-01T00:00:00.000Z"}}`, tenant, cell)
		if moving {
			item = strings.TrimSuffix(item, "}") + fmt.Sprintf(`,"moving_to":{"S":%q}}`, to)
		}
		return item, nil
	}
	return "", pulumitest.ErrNoTable
}

var ofTest = control{
	deployment: "test",
	states:     map[string]string{"alpha": "active 2", "beta": "retired 0", "gamma": "draining 0", "delta": "retiring 0"},
	mappings:   map[string]string{"acme": "alpha", "zeta": "alpha", "omega": "elsewhere", "mover": "elsewhere alpha"},
}

const (
	four  = `[{"id":"alpha"},{"id":"beta"},{"id":"gamma"},{"id":"delta"}]`
	saysA = `{"cell":"alpha","tenants":["zeta","acme"]}`
	saysB = `{"cell":"beta","tenants":[]}`
	saysC = `{"cell":"gamma","tenants":[]}`
	saysD = `{"cell":"delta","tenants":[]}`
	saysP = `{"controlPlane":"test"}`
)

// cellsBut is the list of the four cells without some.
func cellsBut(ids ...string) string {
	var left []string
	for _, id := range []string{"alpha", "beta", "gamma", "delta"} {
		if !strings.Contains(" "+strings.Join(ids, " ")+" ", " "+id+" ") {
			left = append(left, fmt.Sprintf(`{"id":%q}`, id))
		}
	}
	return "[" + strings.Join(left, ",") + "]"
}

func TestI3AConfigurationThatDropsWhatIsInUseIsRefused(t *testing.T) {
	drop := func(entries ...string) string { return "[" + strings.Join(entries, ",") + "]" }
	for _, test := range []struct {
		name    string
		changes []string // to a stack of four cells
		refused []string // nothing: goes through
		passes  []string // what is not complained about
	}{
		{"nothing", nil, nil, nil},
		{"another order", []string{"cellular:cells", `[{"id":"delta"},{"id":"gamma"},{"id":"beta"},{"id":"alpha"}]`}, nil, nil},
		{"one cell more", []string{"cellular:cells", strings.Replace(four, "[", `[{"id":"one-more"},`, 1)}, nil, nil},
		{"a cell with tenants", []string{"cellular:cells", cellsBut("alpha")},
			[]string{"cell alpha (active, 2 tenants): cellular:cells does not list it any more. Its tables, queues and functions would be deleted",
				"Nothing has been changed.", "cellctl cells drain CELL --evacuate", "pulumi destroy",
				"\n  cellular:drop:\n    - cell: alpha\n      tenants: [...] # all 2, see: cellctl tenants list --cell alpha"}, []string{"beta", "control plane of"}},
		{"a retired empty cell", []string{"cellular:cells", cellsBut("beta")}, nil, nil},
		{"a cell that is empty and not retired", []string{"cellular:cells", cellsBut("gamma")}, []string{"cell gamma (draining, 0 tenants)", "- cell: gamma\n      tenants: []"}, nil},
		{"a cell with a status of a later version", []string{"cellular:cells", cellsBut("delta")}, []string{"cell delta (retiring, 0 tenants)"}, nil},
		{"every cell", []string{"cellular:plane", "global"},
			[]string{"cell alpha (active, 2 tenants): cellular:plane is global now", "cell gamma (draining", "cell delta"}, []string{"beta", "control plane of"}},
		{"the control plane", []string{"cellular:plane", "cells"},
			[]string{"the control plane of test: cellular:plane is cells now. The mapping of every tenant", "    - controlPlane: test"}, []string{"cell alpha", "cells drain"}},
		{"the control plane and a cell", []string{"cellular:plane", "cells", "cellular:cells", cellsBut("alpha")}, []string{"control plane of test", "cell alpha (active"}, nil},
		{"another name", []string{"cellular:deployment", "other"},
			[]string{`the control plane of test: it was deployed as "test", and the deployment's name is "other" now`, `cell alpha (active, 2 tenants): it was deployed as "test"`,
				"pulumi config set cellular:deployment test", "cell gamma", "cell delta"}, []string{"beta"}},
		{"another Region", []string{"aws:region", "eu-central-1"}, []string{"aws:region is eu-central-1, and the stack has deployed the control plane of test in us-gov-west-1"}, []string{"cell alpha"}},
		{"another Region, said", []string{"aws:region", "eu-central-1", "cellular:drop", drop(saysA, saysB, saysC, saysD, saysP)}, []string{"aws:region is eu-central-1"}, nil},
		// what is said
		{"a cell, said", []string{"cellular:cells", cellsBut("alpha"), "cellular:drop", drop(saysA)}, nil, nil},
		{"an empty cell, said", []string{"cellular:cells", cellsBut("gamma"), "cellular:drop", drop(saysC)}, nil, nil},
		{"a retired cell, said", []string{"cellular:cells", cellsBut("beta"), "cellular:drop", drop(saysB)}, nil, nil},
		{"one of two cells, said", []string{"cellular:cells", cellsBut("alpha", "gamma"), "cellular:drop", drop(saysA)}, []string{"cell gamma (draining, 0 tenants)"}, []string{"alpha"}},
		{"a tenant missing", []string{"cellular:cells", cellsBut("alpha"), "cellular:drop", `[{"cell":"alpha","tenants":["acme"]}]`},
			[]string{"cellular:drop names 1 tenant of cell alpha, which is active and has 2 tenants: name all of them (cellctl tenants list --cell alpha)"}, nil},
		{"a tenant too many", []string{"cellular:cells", cellsBut("alpha"), "cellular:drop", `[{"cell":"alpha","tenants":["acme","omega","zeta"]}]`},
			[]string{"cellular:drop names tenant omega of cell alpha, which is in cell elsewhere", "names 3 tenants of cell alpha, which is active and has 2"}, nil},
		{"a tenant that there is none of", []string{"cellular:cells", cellsBut("alpha"), "cellular:drop", `[{"cell":"alpha","tenants":["acme","nobody"]}]`},
			[]string{"cellular:drop names tenant nobody of cell alpha, which is mapped to no cell"}, nil},
		{"a tenant on its way to the cell", []string{"cellular:cells", cellsBut("alpha"), "cellular:drop", `[{"cell":"alpha","tenants":["acme","mover"]}]`}, nil, nil},
		{"a retired cell with a tenant that it has not", []string{"cellular:cells", cellsBut("beta"), "cellular:drop", `[{"cell":"beta","tenants":["acme"]}]`},
			[]string{"tenant acme of cell beta, which is in cell alpha", "names 1 tenant of cell beta, which is retired and has 0"}, nil},
		{"every cell, said", []string{"cellular:plane", "global", "cellular:drop", drop(saysA, saysC, saysD)}, nil, nil},
		{"the control plane, said", []string{"cellular:plane", "cells", "cellular:drop", drop(saysP)}, nil, nil},
		{"the control plane of another deployment, said", []string{"cellular:plane", "cells", "cellular:drop", `[{"controlPlane":"prod"}]`}, []string{"control plane of test"}, nil},
		{"another name, said", []string{"cellular:deployment", "other", "cellular:drop", drop(saysA, saysC, saysD, saysP)}, nil, nil},
		{"another name, the cells said", []string{"cellular:deployment", "other", "cellular:drop", drop(saysA, saysC, saysD)}, []string{"control plane of test"}, []string{"alpha"}},
		// what is said and not meant
		{"a cell that stays", []string{"cellular:drop", drop(saysA)}, []string{"cellular:drop names cell alpha, which cellular:cells lists: remove one of the two"}, nil},
		{"a control plane that stays", []string{"cellular:drop", drop(saysP)}, []string{"cellular:drop names the control plane of test, which cellular:plane: all keeps: remove the entry"}, nil},
		{"a cell that there is none of any more", []string{"cellular:drop", `[{"cell":"former","tenants":["acme"]}]`}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := configtest.Minimal("cellular:cells", four)
			before := pulumitest.Run(t, program(), pulumitest.WithConfig(start))
			start["aws:region"] = pulumitest.Region // where the mocks' tables are
			for i := 0; i < len(test.changes); i += 2 {
				start[test.changes[i]] = test.changes[i+1]
			}
			for _, mode := range [][]pulumitest.Option{nil, {pulumitest.DryRun()}} {
				r, err := pulumitest.RunErr(program(), append(mode, pulumitest.WithConfig(start), pulumitest.After(before), pulumitest.WithItems(ofTest.item))...)
				if test.refused == nil {
					require.NoError(t, err)
					continue
				}
				require.ErrorContains(t, err, "the configuration of stack test is refused: ")
				for _, text := range test.refused {
					require.ErrorContains(t, err, text)
				}
				for _, text := range test.passes {
					require.NotContains(t, err.Error(), text)
				}
				for _, res := range r.Resources() {
					require.Equal(t, providerType, res.Type, "%s was registered", res)
				}
			}
		})
	}
}

// A deployment may be split: what another stack of it holds is none of this stack's business.
func TestI3AStackMayDropWhatItNeverHad(t *testing.T) {
	inWave1 := configtest.Minimal("cellular:plane", "cells", "cellular:deployment", "prod", "cellular:cells", `[{"id":"beta"},{"id":"gamma"}]`, "aws:region", pulumitest.Region)
	before := pulumitest.Run(t, program(), pulumitest.WithConfig(inWave1))
	plane := control{deployment: "prod", states: map[string]string{"alpha": "active 2", "beta": "active 1", "gamma": "retired 0"}}
	run := func(cells string) error {
		inWave1["cellular:cells"] = cells
		_, err := pulumitest.RunErr(program(), pulumitest.WithConfig(inWave1), pulumitest.After(before), pulumitest.WithItems(plane.item))
		return err
	}
	require.NoError(t, run(`[{"id":"beta"}]`), "alpha is in another stack, and gamma is retired")
	require.ErrorContains(t, run(`[{"id":"gamma"}]`), "cell beta (active, 1 tenant)")
}

// The first deployment, and every update that drops nothing, needs no right to read and no table.
func TestI3AnUpdateThatDropsNothingReadsNothing(t *testing.T) {
	raw := configtest.Minimal("aws:region", pulumitest.Region)
	denied := pulumitest.WithItems(control{err: errors.New("AccessDeniedException")}.item)
	before := pulumitest.Run(t, program(), pulumitest.WithConfig(raw), denied)
	after := pulumitest.Run(t, program(), pulumitest.WithConfig(raw), denied, pulumitest.After(before))
	require.Empty(t, after.Calls())
	require.Len(t, after.Resources(), len(before.Resources()))
}

func TestI3WhatCannotBeReadIsNotDropped(t *testing.T) {
	raw := configtest.Minimal("aws:region", pulumitest.Region, "cellular:cells", `[{"id":"alpha"},{"id":"beta"}]`)
	before := pulumitest.Run(t, program(), pulumitest.WithConfig(raw))
	run := func(c control, drop string) error {
		raw["cellular:cells"], raw["cellular:drop"] = `[{"id":"alpha"}]`, drop
		_, err := pulumitest.RunErr(program(), pulumitest.WithConfig(raw), pulumitest.After(before), pulumitest.WithItems(c.item))
		return err
	}
	for _, drop := range []string{"[]", "[" + saysB + "]"} {
		err := run(control{err: errors.New("AccessDeniedException: not authorized")}, drop)
		require.ErrorContains(t, err, "see whether cell beta, which the configuration drops, is in use: read the state of cell beta: "+
			"read an item of table test-global-cell-states, for which the deployer needs the right dynamodb:GetItem: ")
		require.ErrorContains(t, err, "AccessDeniedException: not authorized")
	}
	// A cell that nobody ever touched has no item, and is active.
	require.ErrorContains(t, run(control{deployment: "test"}, "[]"), "cell beta (active, 0 tenants)")
	require.NoError(t, run(control{deployment: "test"}, "["+saysB+"]"))
	// The control plane is gone, or in another account.
	require.ErrorContains(t, run(control{}, "[]"), "cell beta (status and tenants unknown, as there is no table test-global-cell-states here)")
	require.NoError(t, run(control{}, "["+saysB+"]"))
	require.ErrorContains(t, run(control{}, `[{"cell":"beta","tenants":["acme"]}]`), "tenant acme of cell beta, which is mapped to no cell")
}

func TestI3ARecordThatTheEngineIsWritingIsReadAgain(t *testing.T) {
	raw := configtest.Minimal("aws:region", pulumitest.Region, "cellular:cells", `[{"id":"alpha"},{"id":"beta"}]`)
	before := pulumitest.Run(t, program(), pulumitest.WithConfig(raw))
	raw["cellular:cells"] = `[{"id":"alpha"}]`
	_, err := pulumitest.RunErr(program(), pulumitest.WithConfig(raw), pulumitest.After(before), pulumitest.WithHalfWrittenRecord(2))
	require.ErrorContains(t, err, "cell beta (", "the record is read in the end")
	_, err = pulumitest.RunErr(program(), pulumitest.WithConfig(raw), pulumitest.After(before), pulumitest.WithHalfWrittenRecord(1000))
	require.ErrorContains(t, err, "failed to load checkpoint: EOF", "and a configuration is refused where it cannot be")
}
