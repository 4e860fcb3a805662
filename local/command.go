package local

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/blang/semver"

	"cellular/local/process"
)

// interruptGrace is how long an interrupted engine may take to finish what it does and write its state. It needs a second; on a
// busy machine many, and one that is killed leaves the stack locked, with resources that its state does not have.
const interruptGrace = time.Minute

// command runs the Pulumi CLI for the Automation API, as a child that cannot outlive us.
type command struct {
	engine Engine
	group  *process.Group
}

// Version is the CLI's.
func (c command) Version() semver.Version { return c.engine.Version }

// Run runs the CLI to its end. When the context ends, the CLI is asked to stop, and killed if it does not.
func (c command) Run(ctx context.Context, dir string, stdin io.Reader, stdouts, stderrs []io.Writer, env []string, args ...string) (string, string, int, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(c.engine.Path, append([]string{"--non-interactive"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), env...), "PULUMI_AUTOMATION_API=true")
	cmd.Stdin = stdin
	cmd.Stdout = io.MultiWriter(append(stdouts, &stdout)...)
	cmd.Stderr = io.MultiWriter(append(stderrs, &stderr)...)
	p, err := c.group.Start(cmd)
	if err != nil {
		return "", "", -1, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Terminate(interruptGrace)
	}
	err = p.Wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), err
}
