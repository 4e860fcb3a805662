// Package routertest_test checks what the router protects tenants and cells from, on the local cloud: the real router
// binary, deployed by the real engine from stack config, behind the HTTP API. Between it and the emulator is a wire that
// can do to one table's requests what a bad day does.
//
// There are two clouds, because some tests want narrow limits and some wide ones. Each test has tenants of its own; none is
// parallel. Only the test of a hanging cell touches beta.
package routertest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/local"
	"cellular/local/emulator"
	"cellular/local/gate"
	"cellular/local/gate/calls"
)

// environments is the router's reserved concurrency: so many processes answer requests, each with a cache, breakers and
// buckets of its own. What is sent one after another lands in the same one.
const environments = 8

// The cloud with wide limits.
const (
	cellTimeout     = 5 * time.Second
	breakerFailures = 2
	breakerOpenFor  = 2 * time.Second
)

var wide = deployed(map[string]any{
	"softTTL": "10m", "hardTTL": "20m", "negativeTTL": "5m",
	"cellTimeout": cellTimeout.String(), "timeout": "15s",
	"breaker": map[string]any{"failures": breakerFailures, "openFor": breakerOpenFor.String(), "probes": 1},
})

// The cloud with narrow limits.
const (
	hardTTL     = 10 * time.Second
	tenantRate  = 2 // requests per second: far fewer than a client makes on a loaded machine
	tenantBurst = 10
)

var narrow = deployed(map[string]any{
	"softTTL": "1s", "hardTTL": hardTTL.String(), "cellTimeout": "6s", "timeout": "15s",
	"tenantLimit": map[string]any{"rate": tenantRate, "burst": tenantBurst},
})

// world is a deployed system, and the ways to look into it.
type world struct {
	wire    *wire
	cloud   *local.Cloud
	outputs local.Outputs
	tables  *dynamodb.Client // past the wire
}

// worlds are those to take down in the end, as far as they came up.
var worlds []*world

// deployed returns a cloud with these settings laid over the router's in Pulumi.local.yaml. The first test that needs
// it deploys it.
func deployed(router map[string]any) func() (*world, error) {
	return sync.OnceValues(func() (*world, error) {
		w := &world{wire: &wire{taps: map[string]*tap{}}}
		worlds = append(worlds, w)
		return w, w.deploy(context.Background(), router)
	})
}

func (w *world) deploy(ctx context.Context, router map[string]any) error {
	const tools = "../../.local"
	progress := func(line string) { fmt.Println(line) }
	if err := os.Unsetenv(emulator.EndpointVariable); err != nil { // the emulator is one of our own
		return err
	}
	dir, err := os.MkdirTemp("", "cellular-router-")
	if err != nil {
		return err
	}
	w.cloud, err = local.Start(ctx, local.Options{
		Dir: dir, Tools: tools, Progress: progress, Gate: w.wire.gate,
		Config: map[string]any{
			"cellular:cells":  []any{map[string]any{"id": "alpha"}, map[string]any{"id": "beta"}},
			"cellular:router": map[string]any{"reservedConcurrency": environments},
		},
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	past := w.cloud.AWS.Copy()
	past.AppID = pastTheWire
	w.tables = dynamodb.NewFromConfig(past)
	w.outputs, _, err = w.cloud.Up(ctx, map[string]any{"cellular:router": router})
	return err
}

// start returns the cloud.
func start(t *testing.T, cloud func() (*world, error)) *world {
	t.Helper()
	w, err := cloud()
	require.NoError(t, err, "deploy to the local cloud")
	return w
}

func (w *world) alpha() manifest.Cell { return w.outputs.Cells["alpha"] }
func (w *world) beta() manifest.Cell  { return w.outputs.Cells["beta"] }

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	var made []gate.Call
	for _, w := range worlds {
		if w.cloud != nil {
			made = append(made, w.cloud.Calls()...)
		}
	}
	if err := calls.Save("../gate/calls/testdata/routertest.txt", code == 0, made, "us-east-1", local.StackName, []string{"alpha", "beta"}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	for _, w := range worlds {
		if err := w.takeDown(code != 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// takeDown ends everything. What a failed run logged is kept.
func (w *world) takeDown(failed bool) error {
	var errs []error
	if w.cloud != nil {
		errs = append(errs, w.cloud.Close())
		if failed {
			fmt.Fprintf(os.Stderr, "the logs of this run are in %s/logs\n", w.cloud.Dir)
		} else {
			errs = append(errs, os.RemoveAll(w.cloud.Dir))
		}
	}
	return errors.Join(errs...)
}
