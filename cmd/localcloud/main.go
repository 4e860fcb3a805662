// Command localcloud runs the system on one machine, without an AWS account.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"cellular/cmd/internal/cli"
	"cellular/cmd/localcloud/internal/noquery"
)

func main() {
	noquery.Over()
	stdout, stderr := cli.Outputs()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := exec(ctx, os.Args[1:], stdout, stderr)
	interrupted := ctx.Err() != nil
	stop()
	os.Exit(cli.ExitCode("localcloud", err, interrupted, stderr))
}

// exec runs one command line. Progress and advice go to stderr.
func exec(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}
