package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/functions"
	"cellular/internal/testkit/pulumitest"
	"cellular/stack"
)

// It runs all that the benchmarks run, as briefly as possible. What it finds says nothing of speed, so nothing of that is
// looked at.
func TestEveryPartMeasures(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the packaged functions are Linux programs")
	}
	path := filepath.Join(t.TempDir(), "bench.json")
	var table bytes.Buffer
	require.NoError(t, execute(t.Context(), []string{"-quick", "-json", path}, &table, io.Discard))

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var written report
	require.NoError(t, json.Unmarshal(content, &written))
	require.True(t, written.Quick)
	measured := map[string]bool{}
	for _, r := range written.Rows {
		measured[r.Part] = true
		require.Contains(t, table.String(), r.Measure)
		require.NotEmpty(t, r.Against, r.Measure)
		require.Equal(t, r.Target == nil, r.Verdict == "", "%s: a verdict stands beside a target", r.Measure)
	}
	for _, p := range parts {
		require.True(t, measured[p.name], "part %s gave no figure", p.name)
	}
}

func TestAnUnknownPartIsAnError(t *testing.T) {
	err := execute(t.Context(), []string{"-run", "nonsense", "-json", filepath.Join(t.TempDir(), "bench.json")}, io.Discard, io.Discard)
	require.ErrorContains(t, err, `no part matches "nonsense"`)
}

// The router is measured as it would be deployed.
func TestTheRoutersVariablesAreThoseOfTheProgram(t *testing.T) {
	zip := filepath.Join(t.TempDir(), "function.zip")
	require.NoError(t, os.WriteFile(zip, nil, 0o644))
	program := stack.Program(stack.Options{Package: func(context.Context, string) (functions.Artifacts, error) {
		return functions.Artifacts{Router: zip, Producer: zip, Consumer: zip, Probe: zip}, nil
	}})
	recorder := pulumitest.Run(t, program, pulumitest.WithStack(string(names)),
		pulumitest.WithConfig(map[string]string{"aws:region": pulumitest.Region, "cellular:plane": "global"}))
	router := recorder.WithInput(t, "aws:lambda/function:Function", "name", names.Router())
	variables, ok := router.Input("environment.variables")
	require.True(t, ok)
	deployed := map[string]string{}
	for name, value := range variables.ObjectValue() {
		deployed[string(name)] = value.StringValue()
	}
	require.Equal(t, deployed, routerVariables)
}

func TestARatioIsOfTheSameRound(t *testing.T) {
	r := newRow("m", nanoseconds, series{10, 200, 30}, "b", series{10, 100, 10}, ratioAtMost(2))
	require.Equal(t, summary{Median: 2, Min: 1, Max: 3, Rounds: 3}, r.Ratio)
	require.Equal(t, "met", r.Verdict)
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name            string
		value, baseline float64
		target          *target
		want            string
	}{
		{"ratio at its bound", 120, 100, ratioAtMost(1.2), "met"},
		{"ratio too high", 150, 100, ratioAtMost(1.2), "missed by 25.0 %"},
		{"ratio high enough", 90, 100, ratioAtLeast(0.85), "met"},
		{"ratio too low", 68, 100, ratioAtLeast(0.85), "missed by 20.0 %"},
		{"value low enough", 199, 20, valueAtMost(200), "met"},
		{"value too high", 220, 20, valueAtMost(200), "missed by 10.0 %"},
		{"none allowed", 3, 0, valueAtMost(0), "missed by 3 ns"},
		{"no target", 3, 1, nil, ""},
		{"no baseline", 3, 0, ratioAtMost(1), "not measured"},
		{"no value", math.NaN(), 1, valueAtMost(1), "not measured"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, newRow("m", nanoseconds, series{c.value}, "b", series{c.baseline}, c.target).Verdict)
		})
	}
}

func TestATargetThatOnlyTheMedianMissesIsWithinTheNoise(t *testing.T) {
	for _, c := range []struct {
		value  series
		target *target
		want   string
	}{
		{series{150, 98, 110}, valueAtMost(100), "within the noise, the median 10.0 % off"},
		{series{150, 101, 110}, valueAtMost(100), "missed by 10.0 %"},
		{series{80, 101, 90}, valueAtLeast(100), "within the noise, the median 10.0 % off"},
		{series{80, 99, 90}, valueAtLeast(100), "missed by 10.0 %"},
		{series{80, 110, 100}, valueAtLeast(100), "met"},
	} {
		require.Equal(t, c.want, newRow("m", count, c.value, "b", series{1, 1, 1}, c.target).Verdict)
	}
}

// The two handlers as ordinary benchmarks, for -cpuprofile and -memprofile.
func BenchmarkRouter(b *testing.B) {
	handler, err := newRouterHandler()
	require.NoError(b, err)
	benchmarkHandler(b.Context(), handler)(b)
}

func BenchmarkFloor(b *testing.B) { benchmarkHandler(b.Context(), newFloorHandler())(b) }

func BenchmarkCacheHit(b *testing.B) {
	hit, err := benchmarkCacheHit(b.Context())
	require.NoError(b, err)
	hit(b)
}
