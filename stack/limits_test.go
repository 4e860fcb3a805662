package stack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/limits"
)

// What internal/model/limits counts with is what the program makes: a resource more in a cell is a quota that is met sooner.
func TestTheQuotasAreCountedWithWhatTheProgramMakes(t *testing.T) {
	one, two := deploy(t, named("alpha")), deploy(t, named("alpha", "beta"))
	for _, c := range []struct {
		resource       string
		perCell, fixed int
	}{
		{"aws:iam/role:Role", limits.CellRoles, limits.FixedRoles},
		{"aws:dynamodb/table:Table", limits.CellTables, limits.FixedTables},
		{"aws:ssm/parameter:Parameter", limits.CellParameters, limits.FixedParameters},
		{"aws:sns/topic:Topic", limits.CellTopics, limits.FixedTopics},
		{"aws:cloudwatch/logGroup:LogGroup", limits.CellLogGroups, limits.FixedLogGroups},
	} {
		n, m := len(one.OfType(c.resource)), len(two.OfType(c.resource))
		require.Equal(t, c.perCell, m-n, "%s of a cell", c.resource)
		require.Equal(t, c.fixed, n-c.perCell, "%s besides cells", c.resource)
	}
}
