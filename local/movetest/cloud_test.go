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
	"errors"
	"flag"
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
	"cellular/internal/model/naming"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/local"
	"cellular/local/emulator"
	"cellular/local/gate/calls"
)

const stack = naming.Stack(local.StackName)

// config is laid over Pulumi.local.yaml. The hard TTL is short, because every move waits for it; the deadlines leave a
// loaded machine room, because no writer is to be refused.
var config = map[string]any{
	"cellular:cells": []any{map[string]any{"id": "east"}, map[string]any{"id": "south"}, map[string]any{"id": "west"}},
	"cellular:router": map[string]any{
		"softTTL": "1s", "hardTTL": "8s", "negativeTTL": "200ms", "refreshTimeout": "3s", "cellTimeout": "6s", "timeout": "15s",
	},
	"cellular:functions": map[string]any{"timeout": "6s"},
	"cellular:pipeline": map[string]any{
		"consumer": map[string]any{"retryBackoff": map[string]any{"base": "100ms", "max": "5s"}},
	},
}

// world is the deployed system, and the ways to look into it.
type world struct {
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
	dir, err := os.MkdirTemp("", "cellular-move-")
	if err != nil {
		return nil, err
	}
	// Several clouds may share one emulator's installation, but not one emulator.
	if err := os.Unsetenv(emulator.EndpointVariable); err != nil {
		return nil, err
	}
	w := &world{}
	w.cloud, err = local.Start(context.Background(), local.Options{
		Dir: dir, Tools: "../../.local", Config: config, Progress: func(line string) { fmt.Println(line) },
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	started = w.cloud
	return w, w.deploy(context.Background())
})

// started is what has to be taken down in the end; nil if no test needed it.
var started *local.Cloud

func (w *world) deploy(ctx context.Context) (err error) {
	if w.outputs, _, err = w.cloud.Up(ctx, nil); err != nil {
		return err
	}
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
	flag.Parse()
	// The tests wait more than they compute, but the emulator serves a hundred requests per second and no more.
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	code := m.Run()
	if started != nil {
		if err := calls.Save("../gate/calls/testdata/movetest.txt", code == 0, started.Calls(), started.AWS.Region, local.StackName, []string{"east", "south", "west"}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		if denied := started.Denied(); len(denied) > 0 {
			fmt.Fprintf(os.Stderr, "policies denied what a function or an operator did: %+v\n", denied)
			code = 1
		}
		if w, err := theWorld(); err == nil && code == 0 {
			if err := w.audit(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
		if err := stop(started, code != 0); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// stop takes the cloud down. What a failed run logged is kept.
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
