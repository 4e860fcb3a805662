package cloudtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/local"
)

// Cellctl is the operator's command, as it is run by one who has read the file that 'make local' prints.
type Cellctl struct {
	binary string
	env    []string
}

// NewCellctl builds the command for a cloud on which a stack is up.
func NewCellctl(c *local.Cloud) (Cellctl, error) {
	binary := filepath.Join(c.Dir, "cellctl")
	if out, err := exec.Command("go", "build", "-o", binary, "cellular/cmd/cellctl").CombinedOutput(); err != nil {
		return Cellctl{}, fmt.Errorf("build cellctl: %w\n%s", err, out)
	}
	variables, err := c.Env()
	return Cellctl{binary, append(os.Environ(), variables...)}, err
}

// Command is a command line, whose questions are answered with yes.
func (c Cellctl) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.binary, append([]string{"--yes"}, args...)...)
	cmd.Env = c.env
	return cmd
}

// Run runs a command line to its end. It may fail, but not for want of a right.
func (c Cellctl) Run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := c.Command(t.Context(), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		require.NoError(t, err)
	}
	require.NotContains(t, out.String()+errs.String(), "not authorized", "cellctl %v", args)
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// Do runs a command line that has to succeed, and returns what it prints on its standard output.
func (c Cellctl) Do(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := c.Run(t, args...)
	require.Zero(t, code, "cellctl %v: %s\n%s", args, stdout, stderr)
	return stdout
}
