package main

import (
	"io"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/env"
	"cellular/internal/model/openwork"
	cellprobe "cellular/internal/model/probe"
	"cellular/internal/runtime/probe"
	"cellular/internal/testkit/configtest"
)

func reader(vars map[string]string) *env.Reader {
	return &env.Reader{Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
}

// TestNewRounds_TakesWhatTheConfigurationAllows starts the function on each environment that the configuration makes.
func TestNewRounds_TakesWhatTheConfigurationAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configtest.Accepted().Draw(t, "config")
		vars := map[string]string{env.APIURL: "https://api"}
		maps.Copy(vars, c.ProbeEnvironment())
		rounds, err := newRounds(t.Context(), reader(vars), io.Discard)
		require.NoError(t, err)
		require.Equal(t, c.Probe.Interval, rounds.Interval)
		require.Equal(t, c.Deployment.CellParameters(), rounds.Cells.(probe.Manifests).Path)
		require.Equal(t, c.Deployment.MappingTable(), rounds.Places.(probe.MappingTable).Name)
		prober := rounds.Prober.(cellprobe.Prober)
		require.Equal(t, "https://api", prober.URL)
		require.Equal(t, c.Probe.Patience, prober.Patience)
		work := rounds.Work.(openwork.Counter)
		require.Equal(t, c.Deployment.MoveTable(), work.Table)
		require.Equal(t, c.Router.HardTTL, work.HardTTL)
	})
}

func TestNewRounds_NamesEveryVariableThatIsMissingOrWrong(t *testing.T) {
	_, err := newRounds(t.Context(), reader(nil), io.Discard)
	for _, name := range []string{
		env.APIURL, env.CellParameters, env.MappingTable, env.MoveTable, env.CacheHardTTL, env.ProbeInterval, env.ProbePatience, env.MetricsNamespace,
	} {
		require.ErrorContains(t, err, "environment variable "+name+" is not set")
	}
	_, err = newRounds(t.Context(), reader(map[string]string{env.ProbePatience: "soon", env.LogLevel: "loud"}), io.Discard)
	require.ErrorContains(t, err, `environment variable PROBE_PATIENCE is "soon", want a positive duration`)
	require.ErrorContains(t, err, `environment variable LOG_LEVEL is "loud", want one of debug`)
}

func TestNewHTTP_BoundsNoConnectionAndKeepsThoseOfARound(t *testing.T) {
	client := newHTTP()
	require.Zero(t, client.Timeout)
	require.Less(t, idleTime, time.Minute, "the shortest interval")
}
