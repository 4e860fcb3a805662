package tenantdata_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
	"cellular/internal/testkit/dynamotest"
)

var errDown = errors.New("down")

// exported is a line of an export, as a reader has it.
type exported struct {
	Kind     string
	Format   string
	TenantID string `json:"tenant_id"`
	CellID   string `json:"cell_id"`
	Item     map[string]map[string]any
	Counts   map[string]int
}

func (e exported) key() string { return e.Item["id"]["S"].(string) }

func export(t *testing.T, db *dynamotest.DB, tenant string) (tenantdata.Summary, []exported) {
	t.Helper()
	var out bytes.Buffer
	written, err := tenantdata.Export(t.Context(), db, []manifest.Cell{alpha}, tenant, 0, time.Now(), &out)
	require.NoError(t, err)
	summary := written.Summary
	require.EqualValues(t, out.Len(), summary.Bytes)
	var lines []exported
	for text := range strings.Lines(out.String()) {
		var l exported
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		lines = append(lines, l)
	}
	return summary, lines
}

func TestAnExportHasAllOfATenantAndNothingElse(t *testing.T) {
	db := newCell(map[string]int{"acme": 250, "acme2": 3, "globex": 120})
	db.PageItems = 7
	summary, lines := export(t, db, "acme")
	summary.Bytes = 0
	require.Equal(t, tenantdata.Summary{Events: 250, Outcomes: 249, State: 1}, summary)
	require.Len(t, lines, 502)
	require.Equal(t, exported{Kind: "header", Format: "cellular-tenant-export/1", TenantID: "acme", CellID: "alpha"}, lines[0])
	require.Equal(t, exported{Kind: "end", Counts: map[string]int{"events": 250, "outcomes": 249, "state": 1}}, lines[501])
	keys := map[string][]string{}
	for _, l := range lines[1:501] {
		index := "tenant_shard"
		if l.Kind == "state" {
			index = "tenant_id"
		}
		require.Equal(t, "acme", event.TenantOfShard(l.Item[index]["S"].(string)))
		keys[l.Kind] = append(keys[l.Kind], l.key())
	}
	require.Equal(t, []string{"#counters#acme"}, keys["state"])
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(keys["outcome"]))), 249)
	require.Len(t, keys["event"], 250)
	slices.Reverse(keys["event"])
	require.IsIncreasing(t, keys["event"], "the oldest, which has the last id, is first")
}

// AWS's own tools read an item as it stands in a line.
func TestAnExportedItemIsTheItemInDynamoDBsJSON(t *testing.T) {
	db := newCell(map[string]int{"acme": 1})
	var out bytes.Buffer
	_, err := tenantdata.Export(t.Context(), db, []manifest.Cell{alpha}, "acme", 0, time.Now(), &out)
	require.NoError(t, err)
	lines := strings.Split(out.String(), "\n")
	require.Equal(t, `{"kind":"event","item":{"accepted_at":{"S":"2026-02-03T04:05:06.000Z"},"epoch":{"N":"1"},"event_id":{"S":"e000"},`+
		`"id":{"S":"acme#e000"},"payload":{"S":"{\"note\":\"<0> & Zoë\"}"},"tenant_shard":{"S":"acme#6"},"type":{"S":"order.placed"}}}`, lines[1])
	require.Equal(t, `{"kind":"state","item":{"id":{"S":"#counters#acme"},"nested":{"M":{"list":{"L":[{"N":"12345678901234567890.5"},`+
		`{"BOOL":true},{"NULL":true}]}}},"tenant_id":{"S":"acme"}}}`, lines[2])
}

// answers is a database that answers one query of the results with one item, which the in-memory one could not hold.
type answers struct {
	*dynamotest.DB
	item dynamotest.Item
}

func (a answers) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	if _, results := in.RequestItems[alpha.ResultsTable]; !results {
		return a.DB.BatchGetItem(ctx, in)
	}
	return &dynamodb.BatchGetItemOutput{Responses: map[string][]dynamotest.Item{alpha.ResultsTable: {a.item}}}, nil
}

func TestAnExportHasBinariesAndSets(t *testing.T) {
	var out bytes.Buffer
	_, err := tenantdata.Export(t.Context(), answers{newCell(map[string]int{"acme": 0}), dynamotest.Item{
		"id": item.Text("#counters#acme"),
		"b":  &types.AttributeValueMemberB{Value: []byte{0, 255}},
		"ss": &types.AttributeValueMemberSS{Value: []string{"x", "y"}},
		"ns": &types.AttributeValueMemberNS{Value: []string{"1", "2.5"}},
		"bs": &types.AttributeValueMemberBS{Value: [][]byte{{1}}},
	}}, []manifest.Cell{alpha}, "acme", 0, time.Now(), &out)
	require.NoError(t, err)
	require.Contains(t, out.String(), `{"kind":"state","item":{"b":{"B":"AP8="},"bs":{"BS":["AQ=="]},"id":{"S":"#counters#acme"},"ns":{"NS":["1","2.5"]},"ss":{"SS":["x","y"]}}}`)

	_, err = tenantdata.Export(t.Context(), answers{newCell(map[string]int{"acme": 0}), dynamotest.Item{
		"id": item.Text("#counters#acme"), "odd": &types.UnknownUnionMember{Tag: "odd"},
	}}, []manifest.Cell{alpha}, "acme", 0, time.Now(), io.Discard)
	require.ErrorContains(t, err, `item "#counters#acme"`)
	require.ErrorContains(t, err, "attribute odd: a value of the unknown type", "nothing is left out silently")
}

func TestAnExportWithoutAnEndIsNotComplete(t *testing.T) {
	db := newCell(map[string]int{"acme": 150})
	pages := 0
	db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "BatchGetItem" {
			if pages++; pages == 2 {
				return errDown
			}
		}
		return nil
	}
	var out bytes.Buffer
	written, err := tenantdata.Export(t.Context(), db, []manifest.Cell{alpha}, "acme", 0, time.Now(), &out)
	require.ErrorIs(t, err, errDown)
	require.ErrorContains(t, err, `export tenant "acme" from cell alpha`)
	require.Nil(t, written)
	require.NotContains(t, out.String(), `"kind":"end"`)

	db.Intercept = nil
	_, err = tenantdata.Export(t.Context(), db, []manifest.Cell{alpha}, "acme", 0, time.Now(), failing{})
	require.ErrorIs(t, err, iotest.ErrTimeout)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, iotest.ErrTimeout }

func TestAnItemThatExpiresMeanwhileIsLeftOut(t *testing.T) {
	db := newCell(map[string]int{"acme": 3})
	db.LagIndexes(true)
	db.Delete(alpha.ResultsTable, event.Key("acme", "e001"))
	summary, _ := export(t, db, "acme")
	require.Equal(t, 1, summary.Outcomes)
}

func TestACopyHasWhatWasWrittenAndNothingElse(t *testing.T) {
	db := newCell(map[string]int{"acme": 3})
	written, err := tenantdata.Export(t.Context(), db, []manifest.Cell{alpha}, "acme", 0, time.Now(), io.Discard)
	require.NoError(t, err)
	stored := db.Item(alpha.DataTable, event.Key("acme", "e001"))
	require.True(t, written.Has(alpha.DataTable, stored))
	require.False(t, written.Has(alpha.ResultsTable, stored), "another table's item")
	stored[event.AttrPayload] = item.Text("{}")
	require.False(t, written.Has(alpha.DataTable, stored), "the stored has changed since")
}

func TestAnExportHasASectionForEachCell(t *testing.T) {
	const beta = "beta"
	db := dynamotest.NewTables(dynamotest.Deployment(stack, alpha.ID, beta))
	other := manifest.Cell{ID: beta, DataTable: stack.Cell(beta).DataTable(), ResultsTable: stack.Cell(beta).ResultsTable()}
	fill(db, "acme", 2)
	e := event.Event{TenantID: "acme", ID: "left", Type: "t", Payload: []byte("1"), Epoch: 1, AcceptedAt: start}
	db.Put(other.DataTable, e.Item())
	var out bytes.Buffer
	written, err := tenantdata.Export(t.Context(), db, []manifest.Cell{alpha, other}, "acme", 0, time.Now(), &out)
	require.NoError(t, err)
	require.Equal(t, tenantdata.Summary{Events: 3, Outcomes: 1, State: 1, Bytes: int64(out.Len())}, written.Summary)
	require.Regexp(t, `(?s)"cell_id":"alpha".*"counts":{"events":2,"outcomes":1,"state":1}.*"cell_id":"beta".*"counts":{"events":1,"outcomes":0,"state":0}}\n$`, out.String())
}

// A copy that is read back is as good as the one that was written, and what is not whole is not taken.
func TestAnExportIsReadBackAsItWasWritten(t *testing.T) {
	const beta = "beta"
	db := dynamotest.NewTables(dynamotest.Deployment(stack, alpha.ID, beta))
	other := manifest.Cell{ID: beta, DataTable: stack.Cell(beta).DataTable(), ResultsTable: stack.Cell(beta).ResultsTable()}
	cells := []manifest.Cell{alpha, other}
	fill(db, "acme", 3)
	e := event.Event{TenantID: "acme", ID: "left", Type: "t", Payload: []byte("1"), Epoch: 1, AcceptedAt: start}
	db.Put(other.DataTable, e.Item())
	var out bytes.Buffer
	written, err := tenantdata.Export(t.Context(), db, cells, "acme", 7, time.Now(), &out)
	require.NoError(t, err)
	file := out.String()
	read, err := tenantdata.ReadExport(strings.NewReader(file), cells, "acme", 7)
	require.NoError(t, err)
	require.Equal(t, written, read)

	_, err = tenantdata.ReadExport(strings.NewReader(file), cells, "globex", 7)
	require.ErrorIs(t, err, tenantdata.ErrOtherRemoval)
	for _, removal := range []int64{0, 6} {
		_, err = tenantdata.ReadExport(strings.NewReader(file), cells, "acme", removal)
		require.ErrorIs(t, err, tenantdata.ErrOtherRemoval)
	}
	_, err = tenantdata.ReadExport(strings.NewReader(file+"x"), cells, "acme", 7)
	require.ErrorIs(t, err, tenantdata.ErrNoExport)
	_, err = tenantdata.ReadExport(strings.NewReader("a,b\n"), cells, "acme", 7)
	require.ErrorIs(t, err, tenantdata.ErrNoExport)
	lines := slices.Collect(strings.Lines(file))
	_, err = tenantdata.ReadExport(strings.NewReader(strings.Join(slices.Delete(slices.Clone(lines), 1, 2), "")), cells, "acme", 7)
	require.ErrorIs(t, err, tenantdata.ErrCutShort, "an item is missing")

	// Cut short anywhere it is refused, but for the end of the first section: then it lacks what the second one has.
	firstEnds := strings.Index(file, `{"kind":"header"`) + strings.Index(file[1:], `{"kind":"header"`) + 1
	item := db.Item(other.DataTable, e.Key())
	for at := range len(file) - 1 {
		read, err := tenantdata.ReadExport(strings.NewReader(file[:at]), cells, "acme", 7)
		if at == firstEnds || at == firstEnds-1 {
			require.NoError(t, err)
			require.False(t, read.Has(other.DataTable, item))
			continue
		}
		require.ErrorIs(t, err, tenantdata.ErrCutShort, "at %d: %q", at, file[max(0, at-20):at])
	}
}

func TestExport_LeavesOutAnEventWhoseDataHasExpired(t *testing.T) {
	now := start.Add(48 * time.Hour)
	db := newCell(nil)
	for id, age := range map[string]time.Duration{"live": time.Hour, "expired": 24 * time.Hour} {
		e := event.Event{TenantID: "acme", ID: id, Type: "t", Payload: []byte("{}"), Epoch: 1, AcceptedAt: now.Add(-age)}
		e.ExpiresAt = event.Expiry(e.AcceptedAt, 24*time.Hour)
		db.Put(alpha.DataTable, e.Item())
	}
	var out bytes.Buffer
	written, err := tenantdata.Export(t.Context(), db, []manifest.Cell{alpha}, "acme", 0, now, &out)
	require.NoError(t, err)
	require.Equal(t, 1, written.Events)
	require.Contains(t, out.String(), `"acme#live"`)
	require.NotContains(t, out.String(), `"acme#expired"`)
	any, err := tenantdata.Any(t.Context(), db, alpha, "acme")
	require.NoError(t, err)
	require.True(t, any, "there is something to delete")
}
