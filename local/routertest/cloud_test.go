// Package routertest_test checks what the router protects tenants and cells from, on the local cloud: the real router
// binary, deployed by the real engine from stack config, behind the HTTP API. Between it and the emulator is a wire that
// can do to one table's requests what a bad day does.
//
// There are two clouds, because some tests want narrow limits and some wide ones. Each test has tenants of its own; none is
// parallel. Only the test of a hanging cell touches beta.
package routertest_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

// environments is the router's reserved concurrency: so many processes answer requests, each with a cache, breakers and
// buckets of its own. What is sent one after another lands in the same one.
const environments = cloudtest.Connections

// The cloud with wide limits.
const (
	cellTimeout     = 5 * time.Second
	breakerFailures = 2
	breakerOpenFor  = 2 * time.Second
)

var wide = deployed(map[string]any{
	"softTTL": "10m", "hardTTL": "20m", "negativeTTL": "5m",
	"cellTimeout": cellTimeout.String(), "minCellTimeout": cellTimeout.String(), "timeout": "15s",
	"breaker": map[string]any{"failures": breakerFailures, "openFor": breakerOpenFor.String(), "probes": 1},
})

// The cloud with narrow limits.
const (
	hardTTL     = 10 * time.Second
	tenantRate  = 2 // requests per second: far fewer than a client makes on a loaded machine
	tenantBurst = 10

	longestRefusal = 4 * time.Second // and a part of a second: after 5 s a process knows again what is asked of all
)

var narrow = deployed(map[string]any{
	"softTTL": "1s", "hardTTL": hardTTL.String(), "cellTimeout": "6s", "counterTimeout": "5s", "minCellTimeout": "6s", "timeout": "15s",
	"tenantLimit": map[string]any{"rate": tenantRate, "burst": tenantBurst},
})

// world is a deployed system, and the ways to look into it.
type world struct {
	*cloudtest.Client // of the router

	wire    *wire
	outputs local.Outputs
	tables  *dynamodb.Client // past the wire
}

// deployed returns a cloud with these settings laid over the router's in Pulumi.local.yaml. The first test that needs
// it deploys it.
func deployed(router map[string]any) func() (*world, error) {
	return sync.OnceValues(func() (*world, error) { return deploy(context.Background(), router) })
}

func deploy(ctx context.Context, router map[string]any) (*world, error) {
	w := &world{wire: &wire{taps: map[string]*tap{}}}
	cloud, err := cloudtest.Start(ctx, local.Options{
		Gate: w.wire.gate,
		Config: map[string]any{
			"cellular:cells":  cloudtest.Cells(ids...),
			"cellular:router": map[string]any{"reservedConcurrency": environments},
		},
	})
	if err != nil {
		return nil, err
	}
	past := cloud.AWS.Copy()
	past.AppID = pastTheWire
	w.tables = dynamodb.NewFromConfig(past)
	if w.outputs, _, err = cloud.Up(ctx, map[string]any{"cellular:router": router}); err != nil {
		return nil, err
	}
	w.Client = cloudtest.NewClient(w.outputs.URL)
	return w, nil
}

// ids are the cells of each cloud.
var ids = []string{"alpha", "beta"}

// start returns the cloud.
func start(t *testing.T, cloud func() (*world, error)) *world {
	t.Helper()
	w, err := cloud()
	require.NoError(t, err, "deploy to the local cloud")
	return w
}

func (w *world) alpha() manifest.Cell { return w.outputs.Cells["alpha"] }
func (w *world) beta() manifest.Cell  { return w.outputs.Cells["beta"] }

func TestMain(m *testing.M) { cloudtest.Main(m, cloudtest.Suite{Calls: "routertest.txt", Cells: ids}) }
