package naming_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/naming"
)

func TestAlarmNames_CarryStackPartAndOwner(t *testing.T) {
	stack := naming.Stack("dev")
	require.Equal(t, "dev-alarm-stream-dlq-cell-alpha", stack.Cell("alpha").Alarm(naming.AlarmStreamDLQ))
	require.Equal(t, "dev-health-cell-alpha", stack.Cell("alpha").Health())
	require.Equal(t, "dev-alarm-failures-router", stack.RouterAlarm(naming.AlarmFailures))
	require.Equal(t, "dev-health-router", stack.RouterHealth())
	require.Equal(t, "dev-alarm-stale-answers-control-plane", stack.ControlPlaneAlarm(naming.AlarmStaleAnswers))
	require.Equal(t, "dev-health-control-plane", stack.ControlPlaneHealth())
	require.Equal(t, "dev-alarm-stalled-moves-probe", stack.ProbeAlarm(naming.AlarmStalledMoves))
	require.Equal(t, "dev-health-probe", stack.ProbeHealth())
	require.Equal(t, "dev-global-alarms", stack.AlarmTopic())
	require.Equal(t, "alias/dev-global-alarms", stack.AlarmKeyAlias())
}

// alarms are the names of all alarms of a deployment with one cell, and what each says.
func alarms(s naming.Stack, id string) map[string]naming.Alarm {
	all := map[string]naming.Alarm{
		s.Cell(id).Health():    {Owner: naming.OwnerCell, Cell: id},
		s.RouterHealth():       {Owner: naming.OwnerRouter},
		s.ControlPlaneHealth(): {Owner: naming.OwnerControlPlane},
		s.ProbeHealth():        {Owner: naming.OwnerProbe},
	}
	for _, part := range naming.CellAlarms() {
		all[s.Cell(id).Alarm(part)] = naming.Alarm{Owner: naming.OwnerCell, Cell: id, Part: part}
	}
	for _, part := range naming.RouterAlarms() {
		all[s.RouterAlarm(part)] = naming.Alarm{Owner: naming.OwnerRouter, Part: part}
	}
	for _, part := range naming.ControlPlaneAlarms() {
		all[s.ControlPlaneAlarm(part)] = naming.Alarm{Owner: naming.OwnerControlPlane, Part: part}
	}
	for _, part := range naming.ProbeAlarms() {
		all[s.ProbeAlarm(part)] = naming.Alarm{Owner: naming.OwnerProbe, Part: part}
	}
	return all
}

// words draws names out of the words that alarms' names are made of: the likeliest to be taken for another.
func words(most int) *rapid.Generator[string] {
	word := rapid.SampledFrom([]string{"a", "b", "cell", "router", "control", "plane", "probe", "alarm", "health", "dlq", "stream", "errors"})
	return rapid.Map(rapid.SliceOfN(word, 0, most), func(all []string) string { return "x" + strings.Join(all, "-") })
}

func TestAlarmNames_AreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := naming.Stack(words(3).Draw(t, "stack"))
		id := words(3).Filter(naming.ValidCellID).Draw(t, "id")
		all := alarms(s, id)
		require.Len(t, all, 4+len(naming.CellAlarms())+len(naming.RouterAlarms())+len(naming.ControlPlaneAlarms())+len(naming.ProbeAlarms()), "two alarms have one name")
		for name, want := range all {
			got, ok := s.ParseAlarm(name)
			require.True(t, ok, name)
			require.Equal(t, want, got, name)
			prefix := s.AlarmPrefix()
			if want.Part == "" {
				prefix = s.HealthPrefix()
			}
			require.True(t, strings.HasPrefix(name, prefix), name)
		}
	})
}

func TestParseAlarm_PassesOverOtherDeploymentsAndOtherNames(t *testing.T) {
	dev := naming.Stack("dev")
	for _, other := range []naming.Stack{"de", "dev2", "dev-2", "dev-alarm", "dev-health", "dev-alarm-x", "dev-health-x", "prod"} {
		for name := range alarms(other, "alpha") {
			got, ok := dev.ParseAlarm(name)
			require.False(t, ok, "%s of deployment %s is read as %+v of dev", name, other, got)
		}
	}
	for _, name := range []string{
		"", "dev", "dev-alarm-", "dev-health-", "dev-alarm-router", "dev-alarm--router", "dev-alarm-cell-alpha", "dev-alarm--cell-alpha",
		"dev-health-cell-", "dev-health-cell-A", "dev-health-cell-alpha ", "dev-health-routers", "dev-alarm-errors-route", "dev-alarm-Errors-router",
		"dev-alarm-stream-dlq-cell-" + strings.Repeat("a", 21), "dev-alarm-stream_dlq-cell-alpha", "dev-alarm-health-router", "dev-alarm-probe-cell-alpha", "dev-alarm-probe", "dev-health-probes",
	} {
		_, ok := dev.ParseAlarm(name)
		require.False(t, ok, name)
	}
	newer, ok := dev.ParseAlarm("dev-alarm-newer-cell-alpha")
	require.True(t, ok, "an alarm that a newer version adds is an alarm")
	require.Equal(t, naming.Alarm{Owner: naming.OwnerCell, Cell: "alpha", Part: "newer"}, newer)
}

func TestAlarmParts_AreDistinct(t *testing.T) {
	for _, parts := range [][]string{naming.CellAlarms(), naming.RouterAlarms(), naming.ControlPlaneAlarms(), naming.ProbeAlarms()} {
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(parts))), len(parts))
	}
}
