package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

func TestBuildOf_SaysWhatIsKnownOfTheSources(t *testing.T) {
	vcs := func(revision, modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: modified}}
	}
	for name, c := range map[string]struct {
		info  *debug.BuildInfo
		stamp string
		want  build
		text  string
	}{
		"nothing": {
			want: build{Version: "devel", Revision: "unknown"}, text: "cellctl devel, revision unknown",
		},
		"built without make, and without the revision": {
			info: &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}},
			want: build{Version: "devel", Revision: "unknown"}, text: "cellctl devel, revision unknown",
		},
		"built by make": {
			info: &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, stamp: "c0ffee",
			want: build{Version: "devel", Revision: "c0ffee"}, text: "cellctl devel, revision c0ffee",
		},
		"built by make, with uncommitted changes": {
			info: &debug.BuildInfo{}, stamp: "c0ffee-dirty",
			want: build{Version: "devel", Revision: "c0ffee", Modified: true}, text: "cellctl devel, revision c0ffee with uncommitted changes",
		},
		"built by the go command": {
			info: &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: vcs("f00d", "true")},
			want: build{Version: "v1.2.3", Revision: "f00d", Modified: true}, text: "cellctl v1.2.3, revision f00d with uncommitted changes",
		},
		"built by make and with what the go command writes": {
			info: &debug.BuildInfo{Settings: vcs("f00d", "true")}, stamp: "c0ffee",
			want: build{Version: "devel", Revision: "c0ffee"}, text: "cellctl devel, revision c0ffee",
		},
	} {
		c.want.Go, c.want.Platform = runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH
		got := buildOf(c.info, c.stamp)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.text+", "+runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH, got.String(), name)
	}
}

// TestVersion_NeedsNoDeployment covers the command and the flag, without a stack and without AWS.
func TestVersion_NeedsNoDeployment(t *testing.T) {
	t.Setenv(envStack, "")
	for _, args := range [][]string{{"version"}, {"--version"}} {
		stdout, stderr, code := run(t, args...)
		require.Zero(t, code, "%s: %s", args, stderr)
		require.Equal(t, thisBuild().String()+"\n", stdout, args)
		require.Empty(t, stderr, args)
	}
	stdout, _, code := run(t, "version", "--output", "json")
	require.Zero(t, code)
	var got build
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Equal(t, thisBuild(), got)

	_, stderr, code := run(t, "version", "now")
	require.Equal(t, cli.ExitUsage, code)
	require.Equal(t, "cellctl: unknown argument \"now\"; see 'cellctl version --help'\n", stderr)
}
