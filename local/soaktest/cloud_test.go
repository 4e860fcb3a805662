// Package soaktest_test has many clients write to a local cloud while its processes are killed and frozen, AWS throttles
// and fails, and a tenant moves; then it accounts for every event. It is short among the other tests; 'make soak' runs two
// minutes of it.
package soaktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/local"
	"cellular/local/emulator"
)

// config is laid over Pulumi.local.yaml. A function's timeout of four seconds makes the queue's visibility timeout 24 s,
// which is what a batch waits whose consumer died. The hard TTL is short, because a move waits for it.
var config = map[string]any{
	"cellular:cells": []any{map[string]any{"id": "east"}, map[string]any{"id": "north"}, map[string]any{"id": "west"}},
	"cellular:router": map[string]any{
		"softTTL": "1s", "hardTTL": "8s", "negativeTTL": "200ms", "refreshTimeout": "3s", "cellTimeout": "4s", "timeout": "15s",
	},
	"cellular:functions": map[string]any{"timeout": "4s"},
	"cellular:pipeline":  map[string]any{"consumer": map[string]any{"retryBackoff": map[string]any{"base": "100ms", "max": "500ms"}}},
}

// watching is the application id of the client that accounts: it is not disturbed.
const watching = "watching"

// world is the deployed system, and the ways to look into it.
type world struct {
	cloud   *local.Cloud
	outputs local.Outputs
	tables  *dynamodb.Client
	queues  *sqs.Client
	cellctl string   // the binary
	env     []string // that points it to the cloud

	weather weather
}

func deploy(t *testing.T) *world {
	t.Helper()
	t.Setenv(emulator.EndpointVariable, "")
	w := &world{cellctl: filepath.Join(t.TempDir(), "cellctl")}
	dir, err := os.MkdirTemp("", "cellular-soak-")
	require.NoError(t, err)
	w.cloud, err = local.Start(t.Context(), local.Options{
		Dir: dir, Tools: "../../.local", Config: config, Gate: w.weather.gate, Progress: func(line string) { t.Log(line) },
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, w.cloud.Close())
		if t.Failed() {
			t.Logf("the logs of this run are in %s/logs", dir)
			return
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	out, err := exec.Command("go", "build", "-o", w.cellctl, "cellular/cmd/cellctl").CombinedOutput()
	require.NoError(t, err, string(out))
	w.outputs, _, err = w.cloud.Up(t.Context(), nil)
	require.NoError(t, err)
	w.env, err = w.cloud.Env()
	require.NoError(t, err)
	quiet := w.cloud.AWS.Copy()
	quiet.AppID = watching
	w.tables, w.queues = dynamodb.NewFromConfig(quiet), sqs.NewFromConfig(quiet)
	return w
}

// operator is a command line of cellctl.
func (w *world) operator(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.cellctl, append([]string{"--yes"}, args...)...)
	cmd.Env = append(os.Environ(), w.env...)
	return cmd
}

// operate runs a command line to its end, and reads its document.
func (w *world) operate(t *testing.T, document any, args ...string) {
	t.Helper()
	cmd := w.operator(t.Context(), append(args, "--output", "json")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "cellctl %v: %s", args, &stderr)
	require.NoError(t, json.Unmarshal(stdout.Bytes(), document), "cellctl %v: %s", args, &stdout)
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
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if rand.N(2) == 0 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"too many requests"}`)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"it is a bad day"}`)
	})
}

// outcomes are the events of a cell that have an outcome of this status, by key, with the time when they got it.
func (w *world) outcomes(t *testing.T, c manifest.Cell, status event.Status) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	for _, item := range w.scan(t, c.ResultsTable) {
		key, at := text(item, event.AttrKey), text(item, event.AttrAppliedAt)
		if !strings.HasPrefix(key, "#") && text(item, event.AttrStatus) == string(status) {
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

func text(item map[string]types.AttributeValue, name string) string {
	if v, ok := item[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// depth is how many messages a queue has, in whatever state.
func (w *world) depth(t *testing.T, queue string) int {
	t.Helper()
	names := []sqstypes.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"}
	out, err := w.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: names})
	require.NoError(t, err)
	sum := 0
	for _, name := range names {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		require.NoError(t, err)
		sum += n
	}
	return sum
}

const (
	patience = 5 * time.Minute // of a condition that the test awaits; a minute is usual
	tick     = 500 * time.Millisecond
)

// await polls until the condition holds. What it saw last is in the failure.
func await(t *testing.T, what string, look func() (seen any, ok bool)) {
	t.Helper()
	late := time.After(patience)
	for {
		seen, ok := look()
		if ok {
			return
		}
		select {
		case <-late:
			t.Fatalf("not within %s: %s; last seen: %s", patience, what, fmt.Sprintf("%.2000v", seen))
		case <-time.After(tick):
		}
	}
}
