package stack_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/limits"
	"cellular/internal/testkit/pulumitest"
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
		{"aws:cloudwatch/metricAlarm:MetricAlarm", limits.CellAlarms, limits.FixedAlarms},
		{"aws:cloudwatch/compositeAlarm:CompositeAlarm", limits.CellComposites, limits.FixedComposites},
	} {
		n, m := len(one.OfType(c.resource)), len(two.OfType(c.resource))
		require.Equal(t, c.perCell, m-n, "%s of a cell", c.resource)
		require.Equal(t, c.fixed, n-c.perCell, "%s besides cells", c.resource)
	}
}

func TestTheAlarmsCostWhatIsCountedWith(t *testing.T) {
	cents := func(r *pulumitest.Recorder) int {
		total := len(r.OfType(compositeType)) * limits.CompositeCents
		for _, a := range r.OfType(alarmType) {
			total += len(a.Measures(t)) * limits.AlarmMetricCents
		}
		return total
	}
	one, two := cents(deploy(t, named("alpha"))), cents(deploy(t, named("alpha", "beta")))
	require.Equal(t, limits.CellAlarmCents, two-one, "cents for a cell")
	require.Equal(t, limits.FixedAlarmCents, one-limits.CellAlarmCents, "cents besides cells")
}
