// Package e2e_test checks the invariants from outside, on the local cloud: the real program deployed by the real engine,
// and the real function binaries. It sends requests as a client would, breaks things as a bad day would, and looks into
// the cells through the AWS APIs as an operator could.
//
// One cloud serves the whole package. Each test has tenants of its own, and takes a cell for itself while it runs.
// Tests that take the control plane away are not parallel: Go runs those before it lets the parallel ones go on.
package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
	"cellular/local"
	"cellular/local/emulator"
	"cellular/local/gate/calls"
)

const stack = naming.Stack(local.StackName)

// recordTimeout bounds one record in the consumer. It leaves a loaded machine room for a transaction.
const recordTimeout = time.Second

// config is laid over Pulumi.local.yaml: as impatient as the stack's rules allow, but for the router, whose deadlines leave
// a loaded machine room, because no request may be refused for a lookup that is late. A function's timeout of four seconds
// leaves the consumer two for its records (consumer.AnswerMargin), and makes the queue's visibility timeout 24 s, which
// is what a batch waits whose consumer died.
var config = map[string]any{
	"cellular:cells": []any{map[string]any{"id": "east"}, map[string]any{"id": "north"}, map[string]any{"id": "west"}},
	"cellular:router": map[string]any{
		"softTTL": "1s", "hardTTL": "10m", "negativeTTL": "200ms", "refreshTimeout": "3s", "cellTimeout": "6s", "timeout": "15s",
	},
	"cellular:functions": map[string]any{"timeout": "4s"},
	"cellular:pipeline": map[string]any{
		"consumer": map[string]any{
			"recordTimeout": recordTimeout.String(),
			"retryBackoff":  map[string]any{"base": "100ms", "max": "500ms"},
		},
	},
}

// world is the deployed system, and the ways to look into it.
type world struct {
	cloud    *local.Cloud
	outputs  local.Outputs
	logs     *lineBuffer // everything the functions logged, behind the names of their parts
	tables   *dynamodb.Client
	queues   *sqs.Client
	mappings map[string]string // event source mapping's id, by its function's name
	free     chan *cell        // the cells that no test has
}

var theWorld = sync.OnceValues(func() (*world, error) {
	dir, err := os.MkdirTemp("", "cellular-e2e-")
	if err != nil {
		return nil, err
	}
	w := &world{logs: &lineBuffer{}}
	// Several clouds may share one emulator's installation, but not one emulator.
	if err := os.Unsetenv(emulator.EndpointVariable); err != nil {
		return nil, err
	}
	w.cloud, err = local.Start(context.Background(), local.Options{
		Dir: dir, Tools: "../../.local", Config: config, Logs: w.logs,
		Progress: func(line string) { fmt.Println(line) },
	})
	if err != nil {
		return nil, err
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
	state, err := w.cloud.State(ctx)
	if err != nil {
		return err
	}
	w.mappings = map[string]string{}
	for _, r := range state.Resources {
		if r.Type == "aws:lambda/eventSourceMapping:EventSourceMapping" {
			function, _ := r.Inputs["functionName"].(string)
			w.mappings[function[strings.LastIndex(function, ":")+1:]] = string(r.ID)
		}
	}
	w.tables = dynamodb.NewFromConfig(w.cloud.AWS)
	w.queues = sqs.NewFromConfig(w.cloud.AWS)
	w.free = make(chan *cell, len(w.outputs.Cells))
	for _, published := range w.outputs.Cells {
		w.free <- &cell{Cell: published, world: w}
	}
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
	flag.Parse()
	// The tests wait far more than they compute: as many may run as there are cells, and those that need none.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	if started != nil {
		if err := calls.Save("../gate/calls/testdata/e2e.txt", code == 0, started.Calls(), started.AWS.Region, local.StackName, []string{"east", "north", "west"}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
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
