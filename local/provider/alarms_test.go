package provider_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/functions"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
	"cellular/stack"
)

// An alarm that CloudWatch refuses, or reads back otherwise than it was written, would stop or trouble every update.
func TestAlarms_OfTheProgramAreMadeAndReadBackTheSame(t *testing.T) {
	r := pulumitest.Run(t, stack.Program(stack.Options{Package: func(context.Context, string) (functions.Artifacts, error) {
		return functions.Artifacts{Router: "r.zip", Producer: "p.zip", Consumer: "c.zip", Probe: "b.zip"}, nil
	}}), pulumitest.WithConfig(configtest.Minimal("cellular:cells", `[{"id":"alpha"},{"id":"beta"}]`)))

	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	made := 0
	create := func(res *pulumitest.Resource) {
		in := res.Inputs.Copy()
		delete(in, "__defaults")
		m := e.create(res.Type, in.Mappable())
		read := e.read(m)
		require.NotEmpty(t, read.id, res)
		diff := e.diff(read, m.in)
		require.Empty(t, diff.GetDiffs(), "%s was read back otherwise", res)
		made++
	}
	for _, res := range r.OfType("aws:cloudwatch/metricAlarm:MetricAlarm") {
		create(res)
	}
	composites := map[string]*pulumitest.Resource{}
	for _, res := range r.OfType("aws:cloudwatch/compositeAlarm:CompositeAlarm") {
		composites[res.Str(t, "alarmName")] = res
	}
	// A suppressor comes before what it suppresses.
	s := naming.Stack(pulumitest.Stack)
	for _, name := range []string{s.ControlPlaneHealth(), s.RouterHealth(), s.ProbeHealth(), s.Cell("alpha").Health(), s.Cell("beta").Health()} {
		require.Contains(t, composites, name)
		create(composites[name])
	}
	require.Equal(t, 2*15+14, made)
}
