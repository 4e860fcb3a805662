package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// writerVariable makes the test binary a command that writes to its outputs, has its work done, and says so by its exit code.
const writerVariable = "CLI_TEST_WRITER"

const workDone = 7

func TestMain(m *testing.M) {
	if os.Getenv(writerVariable) == "" {
		os.Exit(m.Run())
	}
	stdout, stderr := cli.Outputs()
	_, outErr := fmt.Fprintln(stdout, "data")
	_, errErr := fmt.Fprintln(stderr, "progress")
	if outErr != nil || errErr != nil {
		os.Exit(cli.ExitFailure)
	}
	os.Exit(workDone)
}

func TestOutputs_WorkGoesOnWhenTheirReadersHaveEnded(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	defer write.Close()

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerVariable+"=1")
	cmd.Stdout, cmd.Stderr = write, write
	_ = cmd.Run() // what came of it is the exit code; -1 if a signal ended it
	require.Equal(t, workDone, cmd.ProcessState.ExitCode(), cmd.ProcessState)
}
