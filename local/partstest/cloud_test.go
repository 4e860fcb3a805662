// Package partstest_test deletes the parts of running cells and of the control plane behind the engine's back, one part per
// cell, and mends them with what the table in docs/operations.md, 11, says. It holds the page to what the commands say, and
// accounts for every event that was accepted before, during and after.
package partstest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/local"
	"cellular/local/emulator"
)

const stack = naming.Stack(local.StackName)

// config is laid over Pulumi.local.yaml. A record waits for its topic for as long as a busy machine may take, and what a
// consumer that is gone has received is visible again after 24 s.
func config(cells []string) map[string]any {
	var list []any
	for _, id := range cells {
		list = append(list, map[string]any{"id": id})
	}
	return map[string]any{
		"cellular:cells":     list,
		"cellular:functions": map[string]any{"timeout": "4s"},
		"cellular:pipeline": map[string]any{
			"stream":   map[string]any{"maxRecordAge": "1h"},
			"consumer": map[string]any{"recordTimeout": "1s", "retryBackoff": map[string]any{"base": "100ms", "max": "500ms"}},
		},
	}
}

// world is the deployed system, and the ways to look into it.
type world struct {
	cloud   *local.Cloud
	cells   map[string]manifest.Cell // as deployed, whatever is deleted since
	url     string
	tables  *dynamodb.Client
	queues  *sqs.Client
	cellctl string // the binary
}

// theWorld is the one cloud of the package, with a cell for each row.
var theWorld = sync.OnceValues(func() (*world, error) {
	dir, err := os.MkdirTemp("", "cellular-parts-")
	if err != nil {
		return nil, err
	}
	// Several clouds may share one emulator's installation, but not one emulator.
	if err := os.Unsetenv(emulator.EndpointVariable); err != nil {
		return nil, err
	}
	cloud, err := local.Start(context.Background(), local.Options{
		Dir: dir, Tools: "../../.local", Config: config(slices.Sorted(maps.Keys(rows()))), Progress: func(line string) { fmt.Println(line) },
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	started = cloud
	w := &world{cloud: cloud, tables: dynamodb.NewFromConfig(cloud.AWS), queues: sqs.NewFromConfig(cloud.AWS), cellctl: filepath.Join(dir, "cellctl")}
	if out, err := exec.Command("go", "build", "-o", w.cellctl, "cellular/cmd/cellctl").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build cellctl: %w\n%s", err, out)
	}
	outputs, _, err := cloud.Up(context.Background(), nil)
	w.cells, w.url = outputs.Cells, outputs.URL
	return w, err
})

// started is what has to be taken down in the end; nil if no test needed it.
var started *local.Cloud

// start returns the system, which the first test deploys.
func start(t *testing.T) *world {
	t.Helper()
	w, err := theWorld()
	require.NoError(t, err, "deploy to the local cloud")
	return w
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if started != nil {
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

// run runs cellctl as an operator does who has read the file that 'make local' prints. It returns the exit code and all that
// the command printed, as one line per line of a table with single spaces.
func (w *world) run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	code, stdout, stderr := w.exec(t, args...)
	return code, strings.Join(strings.Fields(stdout+stderr), " ")
}

func (w *world) exec(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	environment, err := w.cloud.Env()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), w.cellctl, append(args, "--yes")...)
	cmd.Env = append(os.Environ(), environment...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		require.NoError(t, err)
	}
	require.NotContains(t, out.String()+errs.String(), "not authorized", "cellctl %v", args)
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
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
	code, stdout, stderr := w.exec(t, "doctor", "--output", "json")
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

const (
	patience = 3 * time.Minute // of a condition that a test awaits; seconds are usual
	tick     = 100 * time.Millisecond
)

// await polls until the condition holds. What it saw last is in the failure.
func await[T any](t *testing.T, what string, look func() (seen T, ok bool)) T {
	t.Helper()
	late := time.After(patience)
	for {
		seen, ok := look()
		if ok {
			return seen
		}
		select {
		case <-late:
			t.Fatalf("not within %s: %s; last seen: %+v", patience, what, seen)
		case <-time.After(tick):
		}
	}
}

const (
	placed = "order.placed"
	order  = `{"order_id":"A-1","customer":"jane","currency":"EUR","lines":[{"sku":"tea","quantity":2,"unit_price":1999}]}`
	bad    = `{}` // the business logic rejects it
)

var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8}}

func (w *world) request(t *testing.T, method, path, body string) (status int, fields map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &fields), "%s", text)
	return resp.StatusCode, fields
}

// post sends an event, and returns the HTTP status of the answer.
func (w *world) post(t *testing.T, tenant, id, payload string) int {
	t.Helper()
	status, _ := w.request(t, http.MethodPost, "/v1/events", fmt.Sprintf(`{"tenant_id":%q,"id":%q,"type":%q,"payload":%s}`, tenant, id, placed, payload))
	return status
}

// status is what the router tells of an event: accepted, processed, failed.
func (w *world) status(t *testing.T, tenant, id string) string {
	t.Helper()
	status, fields := w.request(t, http.MethodGet, "/v1/events/"+url.PathEscape(id)+"?tenant_id="+url.QueryEscape(tenant), "")
	if status != http.StatusOK {
		return strconv.Itoa(status)
	}
	return fields["status"].(string)
}

func (w *world) awaitStatus(t *testing.T, tenant, want string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		await(t, fmt.Sprintf("event %s of tenant %s is %s", id, tenant, want), func() (string, bool) {
			is := w.status(t, tenant, id)
			return is, is == want
		})
	}
}

// applied is how many events of the tenant have had their effect, by the business logic's own count.
func (w *world) applied(t *testing.T, c manifest.Cell, tenant string) int {
	t.Helper()
	counts, err := counters.Read(t.Context(), w.tables, c.ResultsTable, tenant)
	require.NoError(t, err)
	return counts.ByType[placed]
}

// depth is how many messages a queue holds.
func (w *world) depth(t *testing.T, queue string) int {
	t.Helper()
	out, err := w.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queue, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	require.NoError(t, err)
	total := 0
	for _, name := range []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible} {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		require.NoError(t, err)
		total += n
	}
	return total
}

func (w *world) awaitDepth(t *testing.T, queue string, want int) {
	t.Helper()
	await(t, fmt.Sprintf("%d messages in %s", want, queue), func() (int, bool) {
		n := w.depth(t, queue)
		return n, n == want
	})
}

// awaitPublished polls the producer's log until it says of so many records that they were published.
func (c *cell) awaitPublished(t *testing.T, want int) {
	t.Helper()
	await(t, fmt.Sprintf("the producer of cell %s published %d records", c.ID, want), func() (n int, ok bool) {
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

// mapping is the id of the event source mapping of a function.
func (w *world) mapping(t *testing.T, function string) string {
	t.Helper()
	for _, m := range w.cloud.Lambda.Mappings() {
		if m.Config.FunctionName == function || strings.HasSuffix(m.Config.FunctionName, ":"+function) {
			return m.UUID
		}
	}
	t.Fatalf("function %s has no event source mapping", function)
	return ""
}

// feed stops or starts the event source mapping of a function.
func (w *world) feed(t *testing.T, function string, enabled bool) {
	t.Helper()
	id := w.mapping(t, function)
	m, err := w.cloud.Lambda.GetMapping(t.Context(), id)
	require.NoError(t, err)
	m.Config.Enabled = enabled
	_, err = w.cloud.Lambda.UpdateMapping(t.Context(), id, m.Config)
	require.NoError(t, err)
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
