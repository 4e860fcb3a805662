// Package e2e_test checks the invariants from outside, on the local cloud: the real program deployed by the real engine,
// and the real function binaries. It sends requests as a client would, breaks things as a bad day would, and looks into
// the cells through the AWS APIs as an operator could.
//
// One cloud serves the whole package. Each test has tenants of its own, and takes a cell for itself while it runs.
// Tests that take the control plane away are not parallel: Go runs those before it lets the parallel ones go on.
package e2e_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

const stack = cloudtest.Stack

// recordTimeout bounds one record in the consumer. It leaves a loaded machine room for a transaction.
const recordTimeout = time.Second

// ids are the cells.
var ids = []string{"east", "north", "west"}

// config is laid over Pulumi.local.yaml: as impatient as the stack's rules allow, but for the router, whose deadlines leave
// a loaded machine room, because no request may be refused for a lookup that is late. A function's timeout of four seconds
// leaves the consumer two for its records (consumer.AnswerMargin), and makes the queue's visibility timeout 24 s, which
// is what a batch waits whose consumer died.
var config = map[string]any{
	"cellular:cells": cloudtest.Cells(ids...),
	"cellular:router": map[string]any{
		"softTTL": "1s", "hardTTL": "10m", "negativeTTL": "200ms", "refreshTimeout": "3s", "cellTimeout": "6s", "minCellTimeout": "6s", "timeout": "15s",
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
	*cloudtest.Client // of the router

	cloud   *local.Cloud
	outputs local.Outputs
	logs    *lineBuffer // everything the functions logged, behind the names of their parts
	tables  *dynamodb.Client
	queues  *sqs.Client
	free    chan *cell // the cells that no test has
}

var theWorld = sync.OnceValues(func() (*world, error) {
	w := &world{logs: &lineBuffer{}}
	var err error
	if w.cloud, err = cloudtest.Start(context.Background(), local.Options{Config: config, Logs: w.logs}); err != nil {
		return nil, err
	}
	if w.outputs, _, err = w.cloud.Up(context.Background(), nil); err != nil {
		return nil, err
	}
	w.Client = cloudtest.NewClient(w.outputs.URL)
	w.tables = dynamodb.NewFromConfig(w.cloud.AWS)
	w.queues = sqs.NewFromConfig(w.cloud.AWS)
	w.free = make(chan *cell, len(w.outputs.Cells))
	for _, published := range w.outputs.Cells {
		w.free <- &cell{Cell: published, world: w}
	}
	return w, nil
})

// start returns the system, which the first test deploys.
func start(t *testing.T) *world {
	t.Helper()
	w, err := theWorld()
	require.NoError(t, err, "deploy to the local cloud")
	return w
}

func TestMain(m *testing.M) {
	// The tests wait far more than they compute: as many may run as there are cells, and those that need none.
	cloudtest.Main(m, cloudtest.Suite{Parallel: 8, Calls: "e2e.txt", Cells: ids})
}
