// Command cellctl is the operator's tool of a Cellular deployment.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/terminal"
)

func main() {
	stdout, stderr := cli.Outputs()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := exec(ctx, os.Args[1:], os.Stdin, stdout, stderr)
	interrupted := ctx.Err() != nil
	stop()
	os.Exit(exitCode(err, interrupted, stderr))
}

// exec runs one command line. It writes data to stdout and nothing but data; progress and advice go to stderr.
func exec(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	a := &app{stdin: stdin, stdout: terminal.NewWriter(stdout), stderr: terminal.NewWriter(stderr), terminal: terminal.Is, dial: dialAWS}
	return a.run(ctx, args)
}
