// Command cellctl is the operator's tool of a Cellular deployment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes.
const (
	exitFailure     = 1   // the command ran and failed
	exitUsage       = 2   // the command line was wrong; nothing was done
	exitInterrupted = 130 // SIGINT or SIGTERM; what was started has been taken down
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := exec(ctx, os.Args[1:], os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	os.Exit(exitCode(err, interrupted, os.Stderr))
}

// exec runs one command line. It writes data to stdout and nothing but data; progress and advice go to stderr.
func exec(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error, interrupted bool, stderr io.Writer) int {
	switch {
	case interrupted:
		fmt.Fprintln(stderr, "cellctl: interrupted")
		return exitInterrupted
	case err == nil:
		return 0
	case errors.As(err, new(usageError)):
		fmt.Fprintf(stderr, "cellctl: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "cellctl: %v\n", err)
		return exitFailure
	}
}
