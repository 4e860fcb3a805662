// Package movetest_test moves tenants on the local cloud, with the real function binaries and under load: it lets writers
// and readers go on through routers that notice a move late, kills the mover's process wherever it is, makes a cell sick,
// and counts afterwards. What an operator does about dead letters and lost messages is tested here too, because it shares
// with a move the promise that an event has its effect once.
//
// One cloud serves the whole package. Tenants live in east and west and move between them; south is for tests that do
// something to a cell as a whole, one at a time.
package movetest_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

const stack = cloudtest.Stack

// ids are the cells.
var ids = []string{"east", "south", "west"}

// config is laid over Pulumi.local.yaml. The hard TTL is short, because every move waits for it. All deadlines leave a machine
// room that is busy with other things: no writer is to be refused, and no event to be given up on, because something is slow.
var config = map[string]any{
	"cellular:cells": cloudtest.Cells(ids...),
	"cellular:router": map[string]any{
		"softTTL": "1s", "hardTTL": "8s", "negativeTTL": "200ms", "refreshTimeout": "5s", "cellTimeout": "10s", "minCellTimeout": "10s", "timeout": "25s",
	},
	"cellular:functions": map[string]any{"timeout": "30s"},
	"cellular:pipeline": map[string]any{
		"stream":   map[string]any{"maxRecordAge": "1h"},
		"consumer": map[string]any{"recordTimeout": "10s", "retryBackoff": map[string]any{"base": "100ms", "max": "5s"}},
	},
}

// world is the deployed system, and the ways to look into it.
type world struct {
	*cloudtest.Client // of the stack's own router, each of whose environments reads a mapping again when it is a second old

	cloud   *local.Cloud
	outputs local.Outputs
	fleet   fleet.Fleet
	tables  *dynamodb.Client // with all rights, as queues
	queues  *sqs.Client
	tenants *placement.Store // with an operator's rights
	south   sync.Mutex       // held by the test that has south for itself

	// operator has the rights that 'cellctl iam-policy' prints, and does what cellctl does.
	operator struct {
		tables  *dynamodb.Client
		queues  *sqs.Client
		streams *dynamodbstreams.Client
	}

	mu       sync.Mutex
	accounts []account // of the tests that have ended well
}

var theWorld = sync.OnceValues(func() (*world, error) {
	w := &world{}
	var err error
	if w.cloud, err = cloudtest.Start(context.Background(), local.Options{Config: config}); err != nil {
		return nil, err
	}
	return w, w.deploy(context.Background())
})

func (w *world) deploy(ctx context.Context) (err error) {
	if w.outputs, _, err = w.cloud.Up(ctx, nil); err != nil {
		return err
	}
	w.Client = cloudtest.NewClient(w.outputs.URL)
	operator := w.cloud.Operator()
	w.operator.tables, w.operator.queues = dynamodb.NewFromConfig(operator), sqs.NewFromConfig(operator)
	w.operator.streams = dynamodbstreams.NewFromConfig(operator)
	if w.fleet, err = fleet.Load(ctx, ssm.NewFromConfig(operator), stack); err != nil {
		return err
	}
	w.tables, w.queues = dynamodb.NewFromConfig(w.cloud.AWS), sqs.NewFromConfig(w.cloud.AWS)
	w.tenants = placement.NewStore(w.operator.tables, w.fleet.ControlPlane)
	return nil
}

// start returns the system, which the first test deploys.
func start(t *testing.T) *world {
	t.Helper()
	w, err := theWorld()
	require.NoError(t, err, "deploy to the local cloud")
	return w
}

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		os.Exit(beMover(task))
	}
	cloudtest.Main(m, cloudtest.Suite{
		Parallel: 4, // the tests wait more than they compute, but the emulator serves a hundred requests per second and no more
		Calls:    "movetest.txt", Cells: ids,
		Audit: func(ctx context.Context, passed bool) error {
			w, err := theWorld()
			if err != nil {
				return nil // the tests have failed for it
			}
			if denied := w.cloud.Denied(); len(denied) > 0 {
				return fmt.Errorf("policies denied what a function or an operator did: %+v", denied)
			}
			if !passed {
				return nil
			}
			return w.audit(ctx)
		},
	})
}

// quarantine is the real one, but for the ten seconds that it allows for clocks that differ and for requests that began
// at the last moment: here one clock tells the time, and one second is for the moment.
func quarantine(r manifest.Router) time.Duration { return move.QuarantineOf(r) - 9*time.Second }

// moverOptions are those of a mover in this process or another one. The emulator's indexes never lag.
func moverOptions(f fleet.Fleet, tables *dynamodb.Client, queues *sqs.Client, observe func(move.Move)) move.Options {
	return move.Options{
		DynamoDB: tables, Queue: queues, ControlPlane: f.ControlPlane, Cell: f.Cell,
		Quarantine: quarantine(f.Router), Poll: 200 * time.Millisecond,
		Holder: fmt.Sprintf("test:%d", os.Getpid()), Observe: observe,
		Gone: func(string) bool { return true }, // the tests let one mover at a time work on a move
	}
}

func (w *world) mover(observe func(move.Move)) *move.Mover {
	return move.New(moverOptions(w.fleet, w.operator.tables, w.operator.queues, observe))
}

// hastyMover is for tenants to whose events nobody adds while they move: there is nothing to wait for.
func (w *world) hastyMover() *move.Mover {
	o := moverOptions(w.fleet, w.operator.tables, w.operator.queues, nil)
	o.Quarantine = time.Second
	return move.New(o)
}

// place tells where a tenant is.
func (w *world) place(t *testing.T, tenant string) mapping.Mapping {
	t.Helper()
	m, err := w.tenants.Get(t.Context(), tenant)
	require.NoError(t, err)
	return m
}
