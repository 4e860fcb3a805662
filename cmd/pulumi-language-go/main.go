// Command pulumi-language-go is the language host that the Pulumi engine starts in a shell that is pointed to the local cloud.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"cellular/functions"
	"cellular/local/languagehost"
)

func main() {
	// The engine interrupts its plugins when it has done with them.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := serve(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-language-go:", err)
		os.Exit(1)
	}
}

// serve serves the engine whose address is the last argument; those before it are the engine's flags for its own hosts' logs.
func serve(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		return errors.New("the address of a Pulumi engine is missing: the engine starts this command itself ('pulumi up')")
	}
	here := languagehost.Here{Region: os.Getenv("AWS_REGION"), Architecture: functions.Architecture(runtime.GOARCH)}
	host, err := languagehost.New(languagehost.Options{
		Engine: args[len(args)-1], Fits: here.Fits, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port) // what the engine reads first
	return host.Serve(ctx, listener)
}
