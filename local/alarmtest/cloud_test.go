// Package alarmtest_test breaks the deployed system, part by part, on a local cloud, and looks at all alarms of the deployment: a
// fault in one cell makes the alarm of what broke fire, and the composite alarm of that cell, which pages, and no other one
// anywhere; mended, they go back. Without a fault, none fires.
//
// One cloud serves the package, and another one the faults of the standing probe, which runs in that one alone. The tests that look at the whole deployment are not parallel; the faults of cells are, each in
// a cell that no other test has.
package alarmtest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

const stack = cloudtest.Stack

// quiet is the cell in which nothing is broken, and through which events go all the time.
const quiet = "alpha"

// ids are the cells.
var ids = []string{quiet, "beta", "gamma", "delta", "epsilon", "zeta", "theta"}

// window has an alarm fire at the first period over its threshold, and go back after the first one that is not.
func window(more map[string]any) map[string]any {
	w := map[string]any{"datapoints": 1, "periods": 1}
	for key, value := range more {
		w[key] = value
	}
	return w
}

// config is laid over Pulumi.local.yaml. The thresholds are as low as a busy machine allows, and far enough from each other
// that no fault reaches two of them: what is throttled or crashes for the 20 s that an alarm takes is no old message yet.
var config = map[string]any{
	"cellular:cells": cloudtest.Cells(ids...),
	"cellular:router": map[string]any{
		"softTTL": "1s", "hardTTL": "10m", "negativeTTL": "200ms", "refreshTimeout": "3s", "cellTimeout": "6s", "minCellTimeout": "6s", "timeout": "15s",
		"breaker": map[string]any{"failures": 20},
	},
	"cellular:functions": map[string]any{"timeout": "4s"},
	"cellular:pipeline": map[string]any{
		"stream":   map[string]any{"maxRecordAge": "10m"},
		"consumer": map[string]any{"recordTimeout": "1s", "retryBackoff": map[string]any{"base": "100ms", "max": "500ms"}},
	},
	"cellular:alarms": map[string]any{
		"period": "10s",
		"cell": map[string]any{
			"streamDLQ": window(nil), "subscriptionDLQ": window(nil), "consumerDLQ": window(nil), "droppedEvents": window(nil),
			"oldestMessage":  window(map[string]any{"threshold": "90s"}),
			"iteratorAge":    window(map[string]any{"threshold": "90s"}),
			"producerErrors": window(map[string]any{"threshold": 0}), "consumerErrors": window(map[string]any{"threshold": 0}),
			"producerThrottles": window(map[string]any{"threshold": 0}), "consumerThrottles": window(map[string]any{"threshold": 0}),
			"acceptedToApplied": window(map[string]any{"threshold": "5m", "minSamples": 1}),
			"edgeFailures":      window(map[string]any{"threshold": 0.2, "minSamples": 8}),
			"breakerOpens":      window(map[string]any{"threshold": 0}),
		},
		"router": map[string]any{
			"failures": window(map[string]any{"threshold": 0.2, "minSamples": 40}),
			"errors":   window(map[string]any{"threshold": 0}), "throttles": window(map[string]any{"threshold": 0}),
			"integrationFailures": window(map[string]any{"threshold": 0.2, "minSamples": 40}),
		},
		"controlPlane": map[string]any{
			"mappingThrottles": window(map[string]any{"threshold": 0}), "mappingErrors": window(map[string]any{"threshold": 0}),
			"staleAnswers":    window(map[string]any{"threshold": 0.2, "minSamples": 10}),
			"refreshFailures": window(map[string]any{"threshold": 0.2, "minSamples": 10}),
		},
	},
}

// world is the deployed system, and the ways to look into it.
type world struct {
	*cloudtest.Client // of the router

	cloud   *local.Cloud
	outputs local.Outputs
	cellctl cloudtest.Cellctl
	trouble *trouble
	pager   *pager

	alarms *cloudwatch.Client
	tables *dynamodb.Client
	queues *sqs.Client
	topics *sns.Client
	roles  *iam.Client

	free chan manifest.Cell // the cells that no test has
}

var theWorld = sync.OnceValues(func() (*world, error) { return deploy(local.Options{Config: config}) })

// deploy deploys to a cloud with these options.
func deploy(o local.Options) (*world, error) {
	w := &world{trouble: &trouble{}}
	o.Gate = w.trouble.gate
	var err error
	if w.cloud, err = cloudtest.Start(context.Background(), o); err != nil {
		return nil, err
	}
	if w.outputs, _, err = w.cloud.Up(context.Background(), nil); err != nil {
		return nil, err
	}
	if w.cellctl, err = cloudtest.NewCellctl(w.cloud); err != nil {
		return nil, err
	}
	w.Client = cloudtest.NewClient(w.outputs.URL)
	w.alarms = cloudwatch.NewFromConfig(w.cloud.AWS)
	w.tables = dynamodb.NewFromConfig(w.cloud.AWS)
	w.queues = sqs.NewFromConfig(w.cloud.AWS)
	w.topics = sns.NewFromConfig(w.cloud.AWS)
	w.roles = iam.NewFromConfig(w.cloud.AWS)
	if w.pager, err = w.subscribe(context.Background()); err != nil {
		return nil, err
	}
	w.free = make(chan manifest.Cell, len(w.outputs.Cells))
	for id, c := range w.outputs.Cells {
		if id != quiet {
			w.free <- c
		}
	}
	return w, nil
}

// start returns the system, which the first test deploys.
func start(t *testing.T) *world {
	t.Helper()
	w, err := theWorld()
	require.NoError(t, err, "deploy to the local cloud")
	return w
}

// take gives the test a cell for itself until it ends. A cell that may be broken still is given to nobody else.
func (w *world) take(t *testing.T) manifest.Cell {
	t.Helper()
	select {
	case c := <-w.free:
		t.Cleanup(func() {
			if !t.Failed() {
				w.free <- c
			}
		})
		return c
	case <-t.Context().Done():
		t.Fatal("no cell is free")
	}
	return manifest.Cell{}
}

// tenant makes up a tenant that no other test has, and puts it into a cell.
func (w *world) tenant(t *testing.T, c manifest.Cell) string {
	t.Helper()
	return cloudtest.Tenant(t, dynamodb.NewFromConfig(w.cloud.Operator()), c)
}

func TestMain(m *testing.M) {
	cloudtest.Main(m, cloudtest.Suite{Parallel: len(ids)})
}
