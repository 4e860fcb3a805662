package movetest_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/cloudtest"
)

// cellctl is the command.
var cellctl = sync.OnceValues(func() (cloudtest.Cellctl, error) {
	w, err := theWorld()
	if err != nil {
		return cloudtest.Cellctl{}, err
	}
	return cloudtest.NewCellctl(w.cloud)
})

// operate runs cellctl, and returns what it prints. The exit code must be one of codes, or 0 if there are none.
func operate(t *testing.T, codes []int, args ...string) []byte {
	t.Helper()
	command, err := cellctl()
	require.NoError(t, err)
	if len(codes) == 0 {
		return []byte(command.Do(t, args...))
	}
	code, stdout, stderr := command.Run(t, args...)
	require.Contains(t, codes, code, "cellctl %v: %s\n%s", args, stdout, stderr)
	return []byte(stdout)
}

func TestAnOperatorNeedsNoMoreThanTheCommandPrints(t *testing.T) {
	t.Parallel()
	w := start(t)
	south := w.takeSouth(t)
	run := func(args ...string) []byte { return operate(t, nil, args...) }
	south.injectFaults(t, true)
	tenant := "operated"
	run("tenants", "assign", tenant, "--cell", south.ID)
	w.accept(t, tenant, visit, 3)
	w.accept(t, tenant, poison, 2)
	w.awaitWaiting(t, south.ConsumerDLQURL, 2)
	south.awaitCounters(t, tenant, map[string]int{visit: 3})

	var list struct {
		Letters []struct {
			ID string `json:"message_id"`
		} `json:"letters"`
	}
	require.NoError(t, json.Unmarshal(run("dlq", "list", "--cell", south.ID, "--output", "json"), &list))
	require.Len(t, list.Letters, 2)
	run("dlq", "show", list.Letters[0].ID, "--cell", south.ID)
	followed := w.follow(t, south, tenant)
	run("dlq", "drop", "--cell", south.ID, "--id", list.Letters[0].ID)
	south.injectFaults(t, false)
	w.streamLetter(t, south, tenant)
	run("dlq", "list", "--cell", south.ID, "--kind", "stream")
	run("dlq", "redrive", "--cell", south.ID)
	w.awaitWaiting(t, south.StreamDLQURL, 0)
	cloudtest.Await(t, "the event that was followed is done with", func() (string, bool) {
		story := showEvent(t, tenant, followed)
		return string(story.Status), story.Status == ledger.Processed || story.Reason == ledger.ReasonDropped
	})
	run("replay", "--cell", south.ID, "--dry-run")
	run("replay", "--cell", south.ID, "--tenant", tenant)

	run("cells", "list")
	run("cells", "show", south.ID)
	var alarms struct {
		Alarms []struct{ Name, Runbook string }
	}
	require.NoError(t, json.Unmarshal(run("alarms", "list", "--all", "--output", "json"), &alarms))
	require.NotEmpty(t, alarms.Alarms)
	for _, a := range alarms.Alarms {
		require.Contains(t, a.Runbook, "docs/operations.md#", a.Name)
	}
	run("alarms", "list", "--cell", south.ID)
	run("tenants", "list")
	run("tenants", "show", tenant)
	operate(t, []int{0, 1}, "doctor", "--all") // it finds what the local cloud does not have
	operate(t, []int{0, 1}, "doctor", "--fix")
	run("probe", south.ID)
	run("iam-policy", "read")
	run("iam-policy", "operate", "--any-cell")

	w.restore(t, south, tenant)
	run("tenants", "move", tenant, "--to", "east", "--no-wait")
	w.conflict(t, south, w.cell("east"), tenant)
	run("moves", "list")
	run("moves", "resume", tenant)
	w.awaitWaiting(t, south.ConsumerDLQURL, 1)
	run("dlq", "drop", "--cell", south.ID, "--all")
	run("moves", "list", "--tenant", tenant)
	run("moves", "show", tenant)
	run("tenants", "suspend", tenant)
	run("tenants", "resume", tenant)
	run("tenants", "suspend", tenant)
	run("tenants", "remove", tenant, "--forget", "--wait")

	run("cells", "drain", south.ID)
	run("cells", "activate", south.ID)
}

// followedEvent is what 'cellctl events show' says of an event.
type followedEvent struct {
	Status     ledger.Status
	Reason     string
	ReasonText string `json:"reason_text"`
	CellID     string `json:"cell_id"`
	Failures   int
	Steps      []struct {
		What       string
		ReasonText string `json:"reason_text"`
	}
	Next struct{ Commands []string }
}

// follow finds a failed event of a tenant in the list of its latest, and follows it.
func (w *world) follow(t *testing.T, c *cell, tenant string) (id string) {
	t.Helper()
	var latest struct {
		Events []struct {
			ID string `json:"event_id"`
		}
	}
	require.NoError(t, json.Unmarshal(operate(t, nil, "events", "list", "--tenant", tenant, "--output", "json"), &latest))
	require.Len(t, latest.Events, 5)
	cloudtest.Await(t, "both have been given up", func() (string, bool) {
		failed := operate(t, nil, "events", "list", "--tenant", tenant, "--status", "failed", "--output", "json")
		require.NoError(t, json.Unmarshal(failed, &latest))
		return string(failed), len(latest.Events) == 2
	})
	id = latest.Events[0].ID
	story := showEvent(t, tenant, id)
	require.Equal(t, ledger.Failed, story.Status)
	require.Equal(t, "panic", story.Reason)
	require.Contains(t, story.ReasonText, "panic")
	require.Equal(t, c.ID, story.CellID)
	require.Positive(t, story.Failures)
	require.Equal(t, []string{"cellctl dlq redrive --cell " + c.ID + " --tenant " + tenant + " --event " + id}, story.Next.Commands)
	return id
}

func showEvent(t *testing.T, tenant, id string) (story followedEvent) {
	t.Helper()
	require.NoError(t, json.Unmarshal(operate(t, nil, "events", "show", tenant, id, "--output", "json"), &story))
	return story
}

// restore has cellctl put back what a mistake has deleted: an event of the tenant, and its mapping. The emulator restores
// what a table holds when it is asked, so the scratch tables are made before the mistake.
func (w *world) restore(t *testing.T, c *cell, tenant string) {
	t.Helper()
	id := w.accept(t, tenant, visit, 1)[0]
	before := c.counters(t, tenant)
	cloudtest.Await(t, "the event is applied", func() (string, bool) {
		status := cloudtest.Text(w.item(t, c.ResultsTable, event.Key(tenant, id)), ledger.AttrStatus)
		return status, status == string(ledger.Processed)
	})
	at := time.Now().UTC().Format(time.RFC3339)
	cell := []string{"restore", "cell", c.ID, "--at", at, "--tenant", tenant}
	mappings := []string{"restore", "mapping", "--at", at}
	operate(t, nil, append(cell, "--dry-run", "--keep")...)
	operate(t, nil, append(mappings, "--dry-run", "--keep")...)

	lost := map[string]map[string]types.AttributeValue{}
	for table, key := range map[string]map[string]types.AttributeValue{
		c.DataTable:            {event.AttrKey: &types.AttributeValueMemberS{Value: event.Key(tenant, id)}},
		c.ResultsTable:         {event.AttrKey: &types.AttributeValueMemberS{Value: event.Key(tenant, id)}},
		w.outputs.MappingTable: {"tenant_id": &types.AttributeValueMemberS{Value: tenant}},
	} {
		out, err := w.tables.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key, ReturnValues: types.ReturnValueAllOld})
		require.NoError(t, err)
		require.NotEmpty(t, out.Attributes, "item %v of %s", key, table)
		lost[table] = out.Attributes
	}
	operate(t, nil, append(mappings, "--tenant", tenant)...)
	operate(t, nil, cell...)
	require.Equal(t, c.ID, w.place(t, tenant).CellID)
	for _, table := range []string{c.DataTable, c.ResultsTable} {
		require.Equal(t, cloudtest.Text(lost[table], event.AttrKey), cloudtest.Text(w.item(t, table, event.Key(tenant, id)), event.AttrKey), table)
	}
	require.GreaterOrEqual(t, c.counters(t, tenant)[visit], before[visit])
}

// item reads an item of a cell's table; nil if there is none.
func (w *world) item(t *testing.T, table, key string) map[string]types.AttributeValue {
	t.Helper()
	item, err := cloudtest.Item(t.Context(), w.tables, table, key)
	require.NoError(t, err)
	return item
}

// conflict has the old cell of a tenant that moves hold an event that a router with an old mapping wrote, whose id the new
// cell has with other content: the move sets it aside.
func (w *world) conflict(t *testing.T, old, now *cell, tenant string) {
	t.Helper()
	var key string
	late := cloudtest.Await(t, "the router writes to the new cell", func() (map[string]types.AttributeValue, bool) {
		key = event.Key(tenant, w.accept(t, tenant, visit, 1)[0])
		item := w.item(t, now.DataTable, key)
		return item, item != nil
	})
	m := w.place(t, tenant)
	late[event.AttrPayload] = &types.AttributeValueMemberS{Value: `{"other":"content"}`}
	late[event.AttrEpoch] = &types.AttributeValueMemberN{Value: strconv.FormatInt(m.Epoch-1, 10)}
	_, err := w.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &old.DataTable, Item: late})
	require.NoError(t, err)
	cloudtest.Await(t, "the old cell diverts the event", func() (string, bool) {
		status := cloudtest.Text(w.item(t, old.ResultsTable, key), ledger.AttrStatus)
		return status, status == string(ledger.Diverted)
	})
}

// streamLetter puts what Lambda sends when it gives up on a batch into the stream DLQ of a cell: where the records are.
func (w *world) streamLetter(t *testing.T, c *cell, tenant string) {
	t.Helper()
	table, err := w.tables.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &c.DataTable})
	require.NoError(t, err)
	client, stream := dynamodbstreams.NewFromConfig(w.cloud.AWS), table.Table.LatestStreamArn
	described, err := client.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: stream})
	require.NoError(t, err)
	shard := described.StreamDescription.Shards[0].ShardId
	iterator, err := client.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
		StreamArn: stream, ShardId: shard, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	require.NoError(t, err)
	records, err := client.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: iterator.ShardIterator})
	require.NoError(t, err)
	at := slices.IndexFunc(records.Records, func(r streamtypes.Record) bool {
		id, ok := r.Dynamodb.Keys[event.AttrKey].(*streamtypes.AttributeValueMemberS)
		return ok && strings.HasPrefix(id.Value, tenant)
	})
	require.NotEqual(t, -1, at, "a record of the tenant's among %d", len(records.Records))
	record := records.Records[at].Dynamodb
	arrived := record.ApproximateCreationDateTime.UTC().Format(time.RFC3339)
	letter, err := json.Marshal(map[string]any{
		"version": "1.0", "timestamp": arrived, "requestContext": map[string]any{"condition": "RetryAttemptsExhausted"},
		"DDBStreamBatchInfo": map[string]any{
			"shardId": shard, "startSequenceNumber": record.SequenceNumber, "endSequenceNumber": record.SequenceNumber, "batchSize": 1,
			"approximateArrivalOfFirstRecord": arrived, "approximateArrivalOfLastRecord": arrived, "streamArn": stream,
		},
	})
	require.NoError(t, err)
	_, err = w.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &c.StreamDLQURL, MessageBody: aws.String(string(letter))})
	require.NoError(t, err)
}
