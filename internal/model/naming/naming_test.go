package naming_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/naming"
)

// namespaces lists a cell's names by the AWS namespace in which they must be unique.
func namespaces(c naming.Cell) map[string][]string {
	return map[string][]string{
		"table":     {c.DataTable(), c.ResultsTable()},
		"topic":     {c.Topic()},
		"queue":     {c.Queue(), c.ConsumerDLQ(), c.SubscriptionDLQ(), c.StreamDLQ()},
		"function":  {c.Producer(), c.Consumer()},
		"role":      {c.ProducerRole(), c.ConsumerRole()},
		"parameter": {c.Parameter()},
		"alarm":     append(alarmsOf(c), c.Health()),
	}
}

func alarmsOf(c naming.Cell) []string {
	var names []string
	for _, part := range naming.CellAlarms() {
		names = append(names, c.Alarm(part))
	}
	return names
}

func TestI2NoTwoCellsShareAName(t *testing.T) {
	// Ids out of the stems' own words: the likeliest way to make one cell's name out of another's.
	id := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "dlq", "sub", "stream", "role", "cell", "alarm", "health"}), 1, 4),
		func(words []string) string { return "x" + strings.Join(words, "-") })
	rapid.Check(t, func(t *rapid.T) {
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		if a == b {
			t.Skip("one cell")
		}
		stack := naming.Stack("dev")
		others := namespaces(stack.Cell(b))
		for namespace, names := range namespaces(stack.Cell(a)) {
			for i, name := range names {
				require.NotContains(t, others[namespace], name, "cells %s and %s, %s", a, b, namespace)
				require.NotContains(t, names[i+1:], name, "cell %s, %s", a, namespace)
			}
		}
	})
}

func TestNamesCarryStackStemAndCell(t *testing.T) {
	stack := naming.Stack("dev")
	require.Equal(t, "dev-global-tenant-cell-mapping", stack.MappingTable())
	require.Equal(t, "dev-global-cell-states", stack.CellTable())
	require.Equal(t, "dev-global-tenant-moves", stack.MoveTable())
	require.Equal(t, "dev-global-audit", stack.AuditTable())
	require.Equal(t, "dev-global-edge-router", stack.Router())
	require.Equal(t, "dev-edge-cell-router-role", stack.RouterRole())
	require.Equal(t, "dev-global-probe", stack.Probe())
	require.Equal(t, "dev-global-probe-role", stack.ProbeRole())
	require.Equal(t, "dev-global-probe", stack.ProbeSchedule())
	require.Equal(t, "dev-global-probe-schedule-role", stack.ProbeScheduleRole())
	require.Equal(t, "/cellular/dev/control-plane", stack.ControlPlaneParameter())
	require.Equal(t, "/cellular/dev/router", stack.RouterParameter())
	cell := stack.Cell("alpha")
	require.Equal(t, "dev-app-data-cell-alpha", cell.DataTable())
	require.Equal(t, "dev-processing-topic-cell-alpha", cell.Topic())
	require.Equal(t, "dev-processing-queue-cell-alpha", cell.Queue())
	require.Equal(t, "/cellular/dev/cells/alpha", cell.Parameter())
	require.Equal(t, "/aws/lambda/dev-producer-cell-alpha", naming.LogGroup(cell.Producer()))
}

// The list of the cells is what is under one path: it must have cells only, whatever a cell is called.
func TestOnlyCellsPublishUnderTheirPath(t *testing.T) {
	stack := naming.Stack("dev")
	require.True(t, strings.HasPrefix(stack.Cell("router").Parameter(), stack.CellParameters()+"/"))
	for _, name := range []string{stack.ControlPlaneParameter(), stack.RouterParameter()} {
		require.False(t, strings.HasPrefix(name, stack.CellParameters()+"/"), name)
	}
}

// The router reaches a cell by a prefix and the id that it read: the two spellings must be one.
func TestPrefixAndIDMakeTheTableNames(t *testing.T) {
	stack := naming.Stack("dev")
	require.Equal(t, stack.Cell("alpha").DataTable(), stack.DataTablePrefix()+"alpha")
	require.Equal(t, stack.Cell("alpha").ResultsTable(), stack.ResultsTablePrefix()+"alpha")
}

func TestRefusesNamesThatAWSWouldRefuse(t *testing.T) {
	require.NoError(t, naming.Stack("production").CheckGlobal())
	require.NoError(t, naming.Stack("production").Cell("abcdefghijklmnopqrst").Check())

	long := naming.Stack(strings.Repeat("s", 50))
	require.EqualError(t, long.CheckGlobal(),
		`Lambda function name "`+long.Router()+`" is 69 characters long, AWS allows 64: shorten the stack name or the cell id by 5
IAM role name "`+long.RouterRole()+`" is 72 characters long, AWS allows 64: shorten the stack name or the cell id by 8
IAM role name "`+long.ProbeRole()+`" is 68 characters long, AWS allows 64: shorten the stack name or the cell id by 4
IAM role name "`+long.ProbeScheduleRole()+`" is 77 characters long, AWS allows 64: shorten the stack name or the cell id by 13`)

	cell := naming.Stack(strings.Repeat("s", 40)).Cell("alpha")
	err := cell.Check()
	require.EqualError(t, err,
		`cell alpha: IAM role name "`+cell.ProducerRole()+`" is 65 characters long, AWS allows 64: shorten the stack name or the cell id by 1
cell alpha: IAM role name "`+cell.ConsumerRole()+`" is 65 characters long, AWS allows 64: shorten the stack name or the cell id by 1`)
}

func TestTheLimitItselfIsAllowed(t *testing.T) {
	for n := 1; n < 100; n++ {
		stack := naming.Stack(strings.Repeat("s", n))
		require.Equal(t, len(stack.ProbeScheduleRole()) <= 64, stack.CheckGlobal() == nil, "a stack name of %d", n)
	}
}
