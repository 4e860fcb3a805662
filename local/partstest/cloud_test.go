// Package partstest_test deletes the parts of running cells and of the control plane behind the engine's back, one part per
// cell, and mends them with what the table in docs/operations.md, 11, says. It holds the page to what the commands say, and
// accounts for every event that was accepted before, during and after.
package partstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/manifest"
	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

const stack = cloudtest.Stack

// config is laid over Pulumi.local.yaml. All deadlines leave a machine room that is busy with other things. A record of the
// stream waits for its topic for as long as the test takes, and what a consumer that is gone has received is visible again
// after a minute.
func config(cells []string) map[string]any {
	return map[string]any{
		"cellular:cells":     cloudtest.Cells(cells...),
		"cellular:router":    map[string]any{"refreshTimeout": "5s", "cellTimeout": "10s", "minCellTimeout": "10s", "timeout": "25s"},
		"cellular:functions": map[string]any{"timeout": "10s"},
		"cellular:pipeline": map[string]any{
			"stream":   map[string]any{"maxRecordAge": "1h"},
			"consumer": map[string]any{"recordTimeout": "5s", "retryBackoff": map[string]any{"base": "100ms", "max": "500ms"}},
		},
	}
}

// world is the deployed system, and the ways to look into it.
type world struct {
	*cloudtest.Client // of the router

	cloud   *local.Cloud
	cells   map[string]manifest.Cell // as deployed, whatever is deleted since
	tables  *dynamodb.Client
	queues  *sqs.Client
	cellctl cloudtest.Cellctl
}

// theWorld is the one cloud of the package, with a cell for each row.
var theWorld = sync.OnceValues(func() (*world, error) {
	ctx := context.Background()
	cloud, err := cloudtest.Start(ctx, local.Options{Config: config(slices.Sorted(maps.Keys(rows())))})
	if err != nil {
		return nil, err
	}
	outputs, _, err := cloud.Up(ctx, nil)
	if err != nil {
		return nil, err
	}
	w := &world{
		Client: cloudtest.NewClient(outputs.URL), cloud: cloud, cells: outputs.Cells,
		tables: dynamodb.NewFromConfig(cloud.AWS), queues: sqs.NewFromConfig(cloud.AWS),
	}
	w.cellctl, err = cloudtest.NewCellctl(cloud)
	return w, err
})

// start returns the system, which the first test deploys.
func start(t *testing.T) *world {
	t.Helper()
	w, err := theWorld()
	require.NoError(t, err, "deploy to the local cloud")
	return w
}

func TestMain(m *testing.M) { cloudtest.Main(m, cloudtest.Suite{}) }

// run runs cellctl. It returns the exit code and all that the command printed, with single spaces.
func (w *world) run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	code, stdout, stderr := w.cellctl.Run(t, args...)
	return code, strings.Join(strings.Fields(stdout+stderr), " ")
}

// does runs a command that has to succeed.
func (w *world) does(t *testing.T, args ...string) string {
	t.Helper()
	code, said := w.run(t, args...)
	require.Zero(t, code, "cellctl %v: %s", args, said)
	return said
}

// finding is one of doctor's.
type finding struct{ Check, Subject, Level, Text, Fix string }

// doctor returns what doctor finds to be a fail or a warning, and its exit code.
func (w *world) doctor(t *testing.T) (code int, found []finding) {
	t.Helper()
	code, stdout, stderr := w.cellctl.Run(t, "doctor", "--output", "json")
	var v struct{ Findings []finding }
	require.NoError(t, json.Unmarshal([]byte(stdout), &v), "%s\n%s", stdout, stderr)
	for _, f := range v.Findings {
		if f.Level == "fail" || f.Level == "warn" {
			found = append(found, f)
		}
	}
	return code, found
}

// refresh is 'pulumi up --refresh'.
func (w *world) refresh(t *testing.T) local.Changes {
	t.Helper()
	_, changes, err := w.cloud.UpRefresh(t.Context(), nil)
	require.NoError(t, err)
	return changes
}

const bad = `{}` // the business logic rejects it as an order

// post sends an event, and returns the HTTP status of the answer.
func (w *world) post(t *testing.T, tenant, id, payload string) int {
	t.Helper()
	a := w.Post(t.Context(), tenant, id, cloudtest.OrderPlaced, payload)
	require.NoError(t, a.Err)
	return a.Status
}

// status is what the router tells of an event: accepted, processed, failed.
func (w *world) status(t *testing.T, tenant, id string) string {
	t.Helper()
	a := w.Get(t.Context(), tenant, id)
	require.NoError(t, a.Err)
	if a.Status != http.StatusOK {
		return strconv.Itoa(a.Status)
	}
	return a.Field("status")
}

// applied is how many events of the tenant have had their effect, by the business logic's own count.
func (w *world) applied(t *testing.T, c manifest.Cell, tenant string) int {
	t.Helper()
	counts, err := counters.Read(t.Context(), w.tables, c.ResultsTable, tenant)
	require.NoError(t, err)
	return counts.ByType[cloudtest.OrderPlaced]
}

func (w *world) awaitDepth(t *testing.T, queue string, want int) {
	t.Helper()
	cloudtest.Await(t, fmt.Sprintf("%d messages in %s", want, queue), func() (int, bool) {
		n := cloudtest.Messages(t, w.queues, queue)
		return n, n == want
	})
}

// awaitPublished polls the producer's log until it says of so many records that they were published.
func (c *cell) awaitPublished(t *testing.T, want int) {
	t.Helper()
	cloudtest.Await(t, fmt.Sprintf("the producer of cell %s published %d records", c.ID, want), func() (n int, ok bool) {
		text, err := os.ReadFile(filepath.Join(c.cloud.Dir, "logs", c.Producer+".log"))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			var batch struct{ Published int }
			if json.Unmarshal([]byte(line), &batch) == nil {
				n += batch.Published
			}
		}
		return n, n >= want
	})
}

// restorable makes a backup of a table and deletes the table. restore brings it back as DynamoDB restores a backup: with its
// items and indexes, and without stream, TTL, resource policy and tags.
func (w *world) restorable(t *testing.T, table string) (restore func(*testing.T)) {
	t.Helper()
	backup := w.backup(t, table)
	w.drop(t, table)
	return func(t *testing.T) { w.fromBackup(t, backup, table) }
}

// backup makes a backup of a table, as AWS does when a table with point-in-time recovery is deleted, and returns its ARN.
func (w *world) backup(t *testing.T, table string) string {
	t.Helper()
	out, err := w.tables.CreateBackup(t.Context(), &dynamodb.CreateBackupInput{TableName: &table, BackupName: &table})
	require.NoError(t, err)
	return *out.BackupDetails.BackupArn
}

func (w *world) fromBackup(t *testing.T, backup, table string) {
	t.Helper()
	_, err := w.tables.RestoreTableFromBackup(t.Context(), &dynamodb.RestoreTableFromBackupInput{BackupArn: &backup, TargetTableName: &table})
	require.NoError(t, err)
}

func (w *world) drop(t *testing.T, table string) {
	t.Helper()
	_, err := w.tables.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &table})
	require.NoError(t, err)
}

func (w *world) dropIndex(t *testing.T, table, index string) {
	t.Helper()
	_, err := w.tables.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
		TableName: &table, GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &index}}},
	})
	require.NoError(t, err)
}
