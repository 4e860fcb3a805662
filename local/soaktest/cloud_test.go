// Package soaktest_test has many clients write to a local cloud while its processes are killed and frozen, AWS throttles
// and fails, and a tenant moves; then it accounts for every event. Without any of that it sees that no alarm fires. It is short among the other tests; 'make soak' runs two
// minutes of it.
package soaktest_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

// config is laid over Pulumi.local.yaml. A function's timeout of four seconds makes the queue's visibility timeout 24 s,
// which is what a batch waits whose consumer died. The hard TTL is short, because a move waits for it.
var config = map[string]any{
	"cellular:cells": cloudtest.Cells("east", "north", "west"),
	"cellular:router": map[string]any{
		"softTTL": "1s", "hardTTL": "8s", "negativeTTL": "200ms", "refreshTimeout": "3s", "cellTimeout": "4s", "minCellTimeout": "4s", "timeout": "15s",
	},
	"cellular:functions": map[string]any{"timeout": "4s"},
	"cellular:pipeline":  map[string]any{"consumer": map[string]any{"retryBackoff": map[string]any{"base": "100ms", "max": "500ms"}}},
}

// watching is the application id of the client that accounts: it is not disturbed.
const watching = "watching"

// world is the deployed system, and the ways to look into it.
type world struct {
	*cloudtest.Client // of the router

	cloud   *local.Cloud
	outputs local.Outputs
	tables  *dynamodb.Client
	queues  *sqs.Client
	cellctl cloudtest.Cellctl

	weather weather
}

func deploy(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.cloud = cloudtest.New(t, local.Options{Config: config, Gate: w.weather.gate})
	var err error
	w.outputs, _, err = w.cloud.Up(t.Context(), nil)
	require.NoError(t, err)
	w.Client = cloudtest.NewClient(w.outputs.URL)
	w.cellctl, err = cloudtest.NewCellctl(w.cloud)
	require.NoError(t, err)
	quiet := w.cloud.AWS.Copy()
	quiet.AppID = watching
	w.tables, w.queues = dynamodb.NewFromConfig(quiet), sqs.NewFromConfig(quiet)
	return w
}

// weather is what clients of DynamoDB and SNS meet.
type weather struct{ bad atomic.Bool }

// badAnswers is how many requests of a hundred are throttled or fail while the weather is bad.
const badAnswers = 2

func (b *weather) gate(emulator http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		disturbed := strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_") && !strings.Contains(r.UserAgent(), watching)
		if !b.bad.Load() || !disturbed || rand.N(100) >= badAnswers {
			emulator.ServeHTTP(w, r)
			return
		}
		if rand.N(2) == 0 {
			cloudtest.AnswerThrottling(w)
			return
		}
		cloudtest.AnswerFailure(w)
	})
}

// outcomes are the events of a cell that have an outcome of this status, by key, with the time when they got it.
func (w *world) outcomes(t *testing.T, c manifest.Cell, status ledger.Status) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	for _, item := range w.scan(t, c.ResultsTable) {
		key, at := cloudtest.Text(item, event.AttrKey), cloudtest.Text(item, ledger.AttrAppliedAt)
		if !strings.HasPrefix(key, "#") && cloudtest.Text(item, ledger.AttrStatus) == string(status) {
			applied, err := time.Parse(time.RFC3339, at)
			require.NoError(t, err, "outcome of %s", key)
			found[key] = applied
		}
	}
	return found
}

// counted is how many of a tenant's events the business logic of a cell has counted.
func (w *world) counted(t *testing.T, c manifest.Cell, tenant string) int {
	t.Helper()
	counts, err := counters.Read(t.Context(), w.tables, c.ResultsTable, tenant)
	require.NoError(t, err)
	sum := 0
	for _, n := range counts.ByType {
		sum += n
	}
	return sum
}

func (w *world) scan(t *testing.T, table string) (items []map[string]types.AttributeValue) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(w.tables, &dynamodb.ScanInput{TableName: &table, ConsistentRead: new(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		items = append(items, page.Items...)
	}
	return items
}
