package main

import (
	"os"
	osexec "os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/item"
	"cellular/internal/operator/terminal"
	"cellular/internal/testkit/sqstest"
)

// mainVariable makes the test binary cellctl itself.
const mainVariable = "CELLCTL_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

// unread is the end of a pipe whose reader has ended.
func unread(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	t.Cleanup(func() { _ = write.Close() })
	return write
}

func TestOutputs_ACommandWhoseReadersHaveEndedComesToItsOwnEnd(t *testing.T) {
	for command, code := range map[string]int{"version": 0, "nonsense": cli.ExitUsage} {
		cmd := osexec.Command(os.Args[0], command)
		cmd.Env = append(os.Environ(), mainVariable+"=1")
		cmd.Stdout, cmd.Stderr = unread(t), unread(t)
		_ = cmd.Run() // what came of it is the exit code; -1 if a signal ended it
		require.Equal(t, code, cmd.ProcessState.ExitCode(), "%s: %s", command, cmd.ProcessState)
	}
}

func TestOutputs_AMoveGoesOnWhenNobodyReadsOfIt(t *testing.T) {
	busy(t, func(t *testing.T, w *world, _ *sqstest.SQS) {
		a := w.app(nil, nil)
		a.stdout, a.stderr = terminal.NewWriter(terminal.NewStream(unread(t))), terminal.NewWriter(terminal.NewStream(unread(t)))
		require.NoError(t, a.run(t.Context(), []string{"--stack", string(stack), "tenants", "move", "acme", "--to", "c02"}))
		require.Equal(t, item.Text("c02"), w.mapping("acme")["cell_id"])
		require.Nil(t, w.mapping("acme")["moving_to"])
	})
}
