package soaktest_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local/cloudwatch"
)

// quietWriters are few enough that a busy machine keeps up with them: a backlog would be a reason to alarm.
const quietWriters = 10

// The thresholds are those of Pulumi.local.yaml: whoever runs 'make local' and does no harm is not paged.
func TestAlarms_StayQuietUnderLoad(t *testing.T) {
	length := soak(t)
	w := deploy(t)
	alarms := w.cloud.CloudWatch().Alarms
	cloudtest.Await(t, "every alarm has a state", func() (cloudwatch.State, bool) {
		state, _ := alarms.StateOf(cloudtest.Stack.RouterHealth())
		return state, state == cloudwatch.OK
	})
	homes := map[string]string{"ada": "east", "cleo": "north", "emil": "west"}
	for tenant, cell := range homes {
		w.cellctl.Do(t, "tenants", "assign", tenant, "--cell", cell)
	}
	load, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	s := w.write(load, quietWriters, slices.Sorted(maps.Keys(homes)))
	require.NotEmpty(t, s.accepted)
	require.Empty(t, s.refused)
	require.Empty(t, s.silent)
	cloudtest.Await(t, "the queues are empty", func() (int, bool) {
		waiting := 0
		for _, c := range w.outputs.Cells {
			waiting += cloudtest.Messages(t, w.queues, c.QueueURL)
		}
		return waiting, waiting == 0
	})
	for _, n := range alarms.History() {
		if _, ours := cloudtest.Stack.ParseAlarm(n.Alarm); ours {
			require.NotEqual(t, cloudwatch.InAlarm, n.To, "%s: %s", n.Alarm, n.Reason)
		}
	}
}
