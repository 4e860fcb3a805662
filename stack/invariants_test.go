package stack_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
	"cellular/stack"
)

// declared are the parameters in which a cell may differ, where its manifest has them; the JSON is a string within
// JSON, twice.
var declared = regexp.MustCompile(`\\+"wave\\+":\d+,\\+"tier\\+":\\+"[a-z]+\\+",\\+"max_tenants\\+":\d+`)

// recognizable draws cells whose ids occur in no other word, so that an id can be found by its text.
func recognizable() *rapid.Generator[[]stack.Cell] {
	return rapid.Custom(func(t *rapid.T) []stack.Cell {
		cells := configtest.Cells(3).Draw(t, "cells")
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`xq[0-9]{3,12}`), len(cells), len(cells), rapid.ID[string]).Draw(t, "ids")
		for i := range cells {
			cells[i].ID = ids[i]
		}
		return cells
	})
}

func TestI1EveryCellIsTheSameStamp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := recognizable().Draw(t, "cells")
		r := deploy(t, cells)
		stamp := func(id string) []string {
			var all []string
			for _, res := range ofCell(r, id) {
				normal := strings.ReplaceAll(text(t, res), id, "CELL")
				all = append(all, declared.ReplaceAllString(normal, "DECLARED"))
			}
			slices.Sort(all)
			return all
		}
		first := stamp(cells[0].ID)
		require.Len(t, first, perCell)
		require.Equal(t, 1, strings.Count(strings.Join(first, "\n"), "DECLARED"), "only the manifest tells a cell's parameters")
		for _, c := range cells[1:] {
			require.Equal(t, first, stamp(c.ID), "cell %s is another stamp than cell %s", c.ID, cells[0].ID)
		}
	})
}

// namesOf are the physical names of a cell.
func namesOf(id string) []string {
	c := naming.Stack(pulumitest.Stack).Cell(id)
	names := []string{
		c.DataTable(), c.ResultsTable(), c.CountersTable(), c.Topic(), c.Queue(), c.ConsumerDLQ(), c.SubscriptionDLQ(), c.StreamDLQ(),
		c.Producer(), c.ProducerRole(), c.Consumer(), c.ConsumerRole(), c.Parameter(), c.Health(),
		pulumitest.MappingID("cell-" + id + "-producer-mapping"), pulumitest.MappingID("cell-" + id + "-consumer-mapping"),
	}
	for _, part := range naming.CellAlarms() {
		names = append(names, c.Alarm(part))
	}
	return names
}

// mentions reports whether the text has one of the names, alone or in an ARN, a URL or a document. The name of cell alpha
// is the beginning of that of cell alpha-2, so what follows counts.
func mentions(text string, names []string) bool {
	for _, name := range names {
		for rest := text; ; {
			_, after, found := strings.Cut(rest, name)
			if !found {
				break
			}
			if next := after[:min(1, len(after))]; next == "" || !strings.ContainsAny(next, "abcdefghijklmnopqrstuvwxyz0123456789-") {
				return true
			}
			rest = after
		}
	}
	return false
}

func TestI2NothingRefersToAnotherCell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := configtest.Cells(3).Draw(t, "cells")
		r := deploy(t, cells)
		owner := owners(r)
		all := map[string]string{}
		for _, res := range r.Resources() {
			require.NotContains(t, all, res.URN, "two resources would be one")
			all[res.URN] = text(t, res)
		}
		for _, c := range cells {
			names, own := namesOf(c.ID), 0
			for urn, text := range all {
				if !mentions(text, names) {
					continue
				}
				// The router and the control plane have no owner.
				require.Equal(t, c.ID, owner[urn], "%s names cell %s", urn, c.ID)
				own++
			}
			require.Greater(t, own, perCell/2, "cell %s was not seen to name even itself", c.ID)
		}
		for _, res := range r.Resources() {
			for _, dependency := range res.Dependencies {
				if of := owner[dependency]; of != "" {
					require.Equal(t, of, owner[res.URN], "%s depends on %s", res, dependency)
				}
			}
			for _, path := range []string{"tags.Cell", "environment.variables.CELL_ID"} {
				if id, ok := res.Input(path); ok {
					require.Equal(t, owner[res.URN], id.StringValue(), "%s of %s", path, res)
				}
			}
		}
	})
}

// The grant to enter a cell stands in the cell: each of its tables names the router's role, and no policy elsewhere is
// about tables other than the mapping.
func TestI2ACellAdmitsTheRouterAndNobodyElse(t *testing.T) {
	r := deploy(t, named("alpha", "beta"))
	role := r.WithInput(t, "aws:iam/role:Role", "name", "test-edge-cell-router-role")
	policies := r.OfType("aws:dynamodb/resourcePolicy:ResourcePolicy")
	require.Len(t, policies, 6)
	for _, policy := range policies {
		var document struct {
			Statement []struct {
				Principal struct{ AWS string }
				Resource  string
			}
		}
		policy.JSON(t, "policy", &document)
		require.Len(t, document.Statement, 1)
		require.Equal(t, "arn:aws-us-gov:iam::210987654321:role/test-edge-cell-router-role", document.Statement[0].Principal.AWS)
		require.Equal(t, policy.Str(t, "resourceArn"), document.Statement[0].Resource)
		require.True(t, policy.DependsOn(role), "the role must exist before a policy can name it")
	}
	require.NotContains(t, r.Named(t, "aws:iam/rolePolicy:RolePolicy", "router-policy").Str(t, "policy"), "app-data")
	require.NotContains(t, r.Named(t, "aws:iam/rolePolicy:RolePolicy", "router-policy").Str(t, "policy"), "rate-counters")
}

func TestI3OnlyTheCellThatChangesChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := configtest.Cells(3).Filter(func(cells []stack.Cell) bool { return len(cells) >= 2 }).Draw(t, "cells")
		at := rapid.IntRange(0, len(cells)-1).Draw(t, "at")
		id := cells[at].ID
		with := deploy(t, cells)
		own := owners(with)

		var without []stack.Cell
		for _, c := range rapid.Permutation(cells).Draw(t, "order") {
			if c.ID != id {
				without = append(without, c)
			}
		}
		all := states(t, with)
		// To add the cell and to remove it are the same difference, read in both directions.
		difference := changed(states(t, deploy(t, without)), all)
		require.Len(t, difference, perCell)
		for _, urn := range difference {
			require.Equal(t, id, own[urn], "%s changes with cell %s", urn, id)
		}

		other := slices.Clone(cells)
		other[at].Wave, other[at].MaxTenants = (cells[at].Wave+1)%100, cells[at].MaxTenants+1
		difference = changed(all, states(t, deploy(t, other)))
		require.NotEmpty(t, difference, "the cell's parameters reached nothing")
		for _, urn := range difference {
			require.Equal(t, id, own[urn], "%s changes with the parameters of cell %s", urn, id)
		}
	})
}

func TestI3TheOrderOfTheListChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := configtest.Cells(3).Draw(t, "cells")
		r := deploy(t, cells)
		r2 := deploy(t, rapid.Permutation(cells).Draw(t, "order"))
		require.Empty(t, changed(states(t, r), states(t, r2)))
	})
}

func TestI3ADeploymentCanBeSplitWithoutAnyChange(t *testing.T) {
	cells := named("alpha", "alpha-2", "beta", "gamma")
	whole := map[string]string{}
	for _, res := range deploy(t, cells).Resources() {
		whole[res.URN] = stateOf(t, res).Inputs
	}

	split := map[string]string{}
	total := 0
	for _, part := range []*pulumitest.Recorder{
		deploy(t, cells, "cellular:plane", "global"), // its list of cells is of no interest
		deploy(t, cells[:1], "cellular:plane", "cells"),
		deploy(t, cells[1:], "cellular:plane", "cells"),
	} {
		for _, res := range part.Resources() {
			split[res.URN] = stateOf(t, res).Inputs
			if res.Type != providerType {
				total++
			}
		}
	}
	require.Equal(t, whole, split)
	require.Equal(t, len(whole)-1, total, "no part holds what another holds")
}
