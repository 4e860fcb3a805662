// Package cloudtest is what tests on a local cloud share: starting it and taking it down, waiting for what it does, clients
// of its router, and looking into its tables and queues as an operator does.
package cloudtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
	"cellular/local"
	"cellular/local/emulator"
)

// Stack is the stack of every local cloud.
const Stack = naming.Stack(local.StackName)

// tools is where all tests find the emulator's installation, seen from a package below local/. Clouds share it, and nothing
// else: each has a directory and an emulator of its own.
const tools = "../../.local"

// Cells is the configuration of a stack with cells of these ids.
func Cells(ids ...string) []any {
	var list []any
	for _, id := range ids {
		list = append(list, map[string]any{"id": id})
	}
	return list
}

// New starts a cloud for one test. It is taken down when the test ends.
func New(t *testing.T, o local.Options) *local.Cloud {
	t.Helper()
	o.Progress = func(line string) { t.Log(line) }
	c, err := start(t.Context(), o)
	require.NoError(t, err, "start a local cloud")
	t.Cleanup(func() { require.NoError(t, stop(c, t.Failed())) })
	return c
}

// Start starts a cloud for the tests of a package, which Main takes down.
func Start(ctx context.Context, o local.Options) (*local.Cloud, error) {
	o.Progress = func(line string) { fmt.Println(line) }
	c, err := start(ctx, o)
	if err == nil {
		started = append(started, c)
	}
	return c, err
}

// started are the clouds that Main takes down.
var started []*local.Cloud

func start(ctx context.Context, o local.Options) (*local.Cloud, error) {
	if err := os.Unsetenv(emulator.EndpointVariable); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cellular-cloud-")
	if err != nil {
		return nil, err
	}
	o.Dir, o.Tools = dir, tools
	c, err := local.Start(ctx, o)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// stop takes a cloud down. It keeps what a failed run logged.
func stop(c *local.Cloud, failed bool) error {
	if err := c.Close(); err != nil {
		return err
	}
	if failed {
		fmt.Fprintf(os.Stderr, "the logs of this run are in %s/logs\n", c.Dir)
		return nil
	}
	return os.RemoveAll(c.Dir)
}
