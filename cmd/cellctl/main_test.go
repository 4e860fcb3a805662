package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// run runs a command line as main does.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := exec(t.Context(), args, strings.NewReader(""), &out, &errs)
	code = exitCode(err, false, &errs)
	return out.String(), errs.String(), code
}

func TestAWrongCommandLineIsRefusedWithAdvice(t *testing.T) {
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"nonsense"}, "cellctl: unknown command \"nonsense\"; see 'cellctl --help'\n"},
		{[]string{"cells", "list", "now"}, "cellctl: unknown argument \"now\"; see 'cellctl cells list --help'\n"},
	} {
		stdout, stderr, code := run(t, c.args...)
		require.Equal(t, cli.ExitUsage, code, c.args)
		require.Equal(t, c.stderr, stderr)
		require.Empty(t, stdout, "nothing but data goes to stdout")
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"cells"}, {"cells", "list"}, {"tenants", "move"}} {
		stdout, stderr, code := run(t, append(args, "--help")...)
		require.Zero(t, code, args)
		require.Contains(t, stdout, "Usage:", args)
		require.Empty(t, stderr)
	}
}

func TestAnInterruptHasItsOwnExitCode(t *testing.T) {
	var stderr bytes.Buffer
	require.Equal(t, cli.ExitInterrupted, exitCode(context.Canceled, true, &stderr))
	require.Equal(t, "cellctl: interrupted\n", stderr.String())
}
