package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/sqstest"
)

// A command that names its cells reads their parameters, and lists no others: in a fleet of a thousand a list is a hundred
// calls.
func TestCommandsThatNameACell_DoNotListTheFleet(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		w.does("tenants", "assign", "zeta", "--cell", "c01")
		w.lists.Store(0)
		for _, line := range [][]string{
			{"cells", "show", "c01"}, {"cells", "drain", "canary"}, {"cells", "activate", "canary"},
			{"dlq", "list", "--cell", "c01"}, {"dlq", "redrive", "--cell", "c02", "--yes"}, {"replay", "--cell", "c01", "--dry-run"},
			{"tenants", "list", "--cell", "c01"}, {"tenants", "show", "zeta"}, {"tenants", "assign", "omega", "--cell", "c02"},
			{"tenants", "suspend", "omega", "--yes"}, {"tenants", "resume", "omega", "--yes"},
			{"tenants", "move", "zeta", "--to", "c02", "--no-wait"}, {"moves", "list"}, {"moves", "show", "zeta"},
			{"__complete", "tenants", "show", ""}, {"__complete", "tenants", "list", "--cell", "c01", ""},
		} {
			_, stderr, code := w.run(line...)
			require.Zero(t, code, "%v: %s", line, stderr)
			require.Zero(t, w.lists.Load(), "%v has listed the fleet", line)
		}
		time.Sleep(2 * time.Hour)
		w.does("moves", "resume", "zeta")
		require.Zero(t, w.lists.Load())

		_, stderr, _ := w.run("cells", "show", "c0l")
		require.Contains(t, stderr, `unknown cell "c0l"`)
		require.NotZero(t, w.lists.Load(), "an error that names what there is reads what there is")
	})
}
