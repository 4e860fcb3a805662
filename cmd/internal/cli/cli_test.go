package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// tool is a command line of a group of two commands. The flag --count is known to one of them.
func tool() *cobra.Command {
	root := &cobra.Command{Use: "tool", Args: cli.NoArgs, RunE: cli.Help, SilenceErrors: true, SilenceUsage: true}
	run := func(*cobra.Command, []string) error { return nil }
	start := &cobra.Command{Use: "start", Args: cli.NoArgs, RunE: run}
	start.Flags().Int("count", 0, "how many")
	root.AddCommand(start, &cobra.Command{Use: "drain CELL", Args: cli.Named("CELL"), RunE: run})
	cli.Prepare(root)
	return root
}

func TestCommandLine_IsRefusedWithWhatWasWrongAndWhatMayBeMeant(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // "" where nothing is wrong
	}{
		{[]string{"start", "--count", "2"}, ""},
		{[]string{"drain", "c01"}, ""},
		{[]string{"strt"}, "unknown command \"strt\" (did you mean 'tool start'?); see 'tool --help'"},
		{[]string{"strt", "--count", "2"}, "unknown command \"strt\" (did you mean 'tool start'?); see 'tool --help'"},
		{[]string{"evacuate"}, "unknown command \"evacuate\"; see 'tool --help'"},
		{[]string{"start", "now"}, "unknown argument \"now\"; see 'tool start --help'"},
		{[]string{"drain"}, "CELL is missing; see 'tool drain --help'"},
		{[]string{"drain", "c01", "c02"}, "unknown argument \"c02\"; see 'tool drain --help'"},
		{[]string{"start", "--cuont", "2"}, "unknown flag: --cuont (did you mean --count?); see 'tool start --help'"},
		{[]string{"start", "--parallel", "2"}, "unknown flag: --parallel; see 'tool start --help'"},
		{[]string{"start", "-c", "2"}, "unknown shorthand flag: 'c' in -c; see 'tool start --help'"},
		{[]string{"help"}, ""},
		{[]string{"help", "start"}, ""},
		{[]string{"help", "strt"}, "unknown command \"strt\" (did you mean 'tool start'?); see 'tool --help'"},
		{[]string{"help", "evacuate"}, "unknown command \"evacuate\"; see 'tool --help'"},
		{[]string{"help", "start", "now"}, "unknown argument \"now\"; see 'tool start --help'"},
	} {
		root := tool()
		root.SetArgs(c.args)
		root.SetOut(io.Discard)
		var stderr bytes.Buffer
		code := cli.ExitCode("tool", root.ExecuteContext(t.Context()), false, &stderr)
		if c.want == "" {
			require.Zero(t, code, "%v: %s", c.args, stderr.String())
			continue
		}
		require.Equal(t, cli.ExitUsage, code, c.args)
		require.Equal(t, "tool: "+c.want+"\n", stderr.String(), c.args)
	}
}

func TestExitCode_TellsUsageFailureAndInterruptApart(t *testing.T) {
	for _, c := range []struct {
		err         error
		interrupted bool
		code        int
		stderr      string
	}{
		{nil, false, 0, ""},
		{errors.New("boom"), false, cli.ExitFailure, "tool: boom\n"},
		{errors.New("\x1b[2J"), false, cli.ExitFailure, "tool: \\x1b[2J\n"},
		{fmt.Errorf("check: %w", cli.Usagef("--port is %d", 0)), false, cli.ExitUsage, "tool: check: --port is 0\n"},
		{context.Canceled, true, cli.ExitInterrupted, "tool: interrupted\n"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, c.code, cli.ExitCode("tool", c.err, c.interrupted, &stderr), "%v", c.err)
		require.Equal(t, c.stderr, stderr.String())
	}
}

func TestHelp_IsThatOfTheCommandNamed(t *testing.T) {
	printed := func(args ...string) string {
		root := tool()
		root.SetArgs(args)
		var stdout bytes.Buffer
		root.SetOut(&stdout)
		require.NoError(t, root.ExecuteContext(t.Context()))
		return stdout.String()
	}
	require.Equal(t, printed("start", "--help"), printed("help", "start"))
	require.Equal(t, printed("--help"), printed("help"))
	require.NotEqual(t, printed("help"), printed("help", "start"))
}
