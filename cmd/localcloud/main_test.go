package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// run runs a command line as main does.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := exec(t.Context(), args, &out, &errs)
	code = cli.ExitCode("localcloud", err, false, &errs)
	return out.String(), errs.String(), code
}

func TestAWrongCommandLineIsRefusedWithAdvice(t *testing.T) {
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"nonsense"}, "localcloud: unknown command \"nonsense\"; see 'localcloud --help'\n"},
		{[]string{"dmeo"}, "localcloud: unknown command \"dmeo\" (did you mean 'localcloud demo'?); see 'localcloud --help'\n"},
		{[]string{"help", "nosuch"}, "localcloud: unknown command \"nosuch\"; see 'localcloud --help'\n"},
		{[]string{"up", "now"}, "localcloud: unknown argument \"now\"; see 'localcloud up --help'\n"},
		{[]string{"up", "--prot", "1"}, "localcloud: unknown flag: --prot (did you mean --port?); see 'localcloud up --help'\n"},
		{[]string{"up", "--port", "http"}, "localcloud: invalid argument \"http\" for \"--port\" flag: must be an integer; see 'localcloud up --help'\n"},
		{[]string{"up", "--port", "70000"}, "localcloud: --port is 70000, want 0 (any free port) to 65535; see 'localcloud up --help'\n"},
	} {
		stdout, stderr, code := run(t, c.args...)
		require.Equal(t, cli.ExitUsage, code, c.args)
		require.Equal(t, c.stderr, stderr)
		require.Empty(t, stdout, "nothing but data goes to stdout")
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"up"}, {"demo"}, {"setup"}} {
		stdout, stderr, code := run(t, append(args, "--help")...)
		require.Zero(t, code, args)
		require.Contains(t, stdout, "Usage:", args)
		require.Empty(t, stderr)
	}
}

func TestSampleInputThatIsNotThereIsNamed(t *testing.T) {
	_, stderr, code := run(t, "demo", "--examples", "no/such/directory")
	require.Equal(t, cli.ExitFailure, code)
	require.Contains(t, stderr, "localcloud: load examples: open no/such/directory/tenants.jsonl")
}

func TestAnInterruptHasItsOwnExitCode(t *testing.T) {
	var stderr bytes.Buffer
	require.Equal(t, cli.ExitInterrupted, cli.ExitCode("localcloud", context.Canceled, true, &stderr))
	require.Equal(t, "localcloud: interrupted\n", stderr.String())
}
