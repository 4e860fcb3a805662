package main

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// mainVariable makes the test binary localcloud itself.
const mainVariable = "LOCALCLOUD_TEST_MAIN"

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
	cmd := osexec.Command(os.Args[0], "nonsense")
	cmd.Env = append(os.Environ(), mainVariable+"=1")
	cmd.Stdout, cmd.Stderr = unread(t), unread(t)
	_ = cmd.Run() // what came of it is the exit code; -1 if a signal ended it
	require.Equal(t, cli.ExitUsage, cmd.ProcessState.ExitCode(), cmd.ProcessState)
}

func TestOutputs_ADeploymentThatNobodyReadsOfGoesOnAndIsTakenDown(t *testing.T) {
	s := newLocalcloud(t, buildLocalcloud(t), t.TempDir(), "demo")
	s.cmd.Stdout, s.cmd.Stderr = unread(t), unread(t)
	s.start()
	s.until("the engine deploys functions", func() bool {
		functions, _ := filepath.Glob(filepath.Join(s.dir, "lambda", "functions", "*"))
		return len(functions) > 0
	})
	require.Equal(t, cli.ExitInterrupted, s.end(syscall.SIGTERM))
	s.leavesNothing()
}
