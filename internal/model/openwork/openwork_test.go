package openwork_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/openwork"
	"cellular/internal/model/transact"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// index is the index of open work, one record a page.
type index struct {
	records map[string][]transact.Item // by the value that they are under
	queries int
	err     error
}

func (x *index) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	x.queries++
	if x.err != nil {
		return nil, x.err
	}
	records := x.records[in.ExpressionAttributeValues[":open"].(*types.AttributeValueMemberS).Value]
	at := 0
	for in.ExclusiveStartKey != nil && at < len(records) {
		at++
		if item.Read(records[at-1]).String("tenant_id") == item.Read(in.ExclusiveStartKey).String("tenant_id") {
			break
		}
	}
	out := &dynamodb.QueryOutput{}
	if at < len(records) {
		out.Items = records[at : at+1]
		if at+1 < len(records) {
			out.LastEvaluatedKey = transact.Item{"tenant_id": records[at]["tenant_id"]}
		}
	}
	return out, nil
}

// record is open work that was touched quiet ago.
func record(tenant, phase, holder string, quiet, age time.Duration) transact.Item {
	r := transact.Item{
		"tenant_id": item.Text(tenant), "phase": item.Text(phase),
		"started_at": item.Text(event.FormatTime(now.Add(-age))), "updated_at": item.Text(event.FormatTime(now.Add(-quiet))),
	}
	if holder != "" {
		r["holder"] = item.Text(holder)
	}
	return r
}

func counter(x *index, pages int) openwork.Counter {
	return openwork.Counter{DynamoDB: x, Table: "moves", HardTTL: 2 * time.Hour, Pages: pages}
}

func TestCounter_CountsWhatNobodyWorksOn(t *testing.T) {
	const young, old = time.Minute, 3*time.Hour + time.Second
	malformed := record("acme", "clone", "host:1", 0, young)
	delete(malformed, "updated_at")
	for name, c := range map[string]struct {
		kind   string
		record transact.Item
		left   bool
	}{
		"a mover at work":                       {openwork.Moves, record("acme", "copy", "host:1", 14*time.Second, young), false},
		"a mover that is silent":                {openwork.Moves, record("acme", "copy", "host:1", 15*time.Second, young), true},
		"a mover that has let go":               {openwork.Moves, record("acme", "fence", "", 0, young), true},
		"given back under its older name":       {openwork.Moves, record("acme", "restore", "", 0, young), true},
		"a phase that halts nobody":             {openwork.Moves, record("acme", "redirect", "", young, young), false},
		"a phase that halts nobody, long ago":   {openwork.Moves, record("acme", "redirect", "", young, old), true},
		"an old move that somebody works on":    {openwork.Moves, record("acme", "redirect", "host:1", 0, old), false},
		"a phase of a later version":            {openwork.Moves, record("acme", "teleport", "", young, young), false},
		"a removal at work":                     {openwork.Removals, record("#removal#acme", "delete", "host:1", 0, young), false},
		"a removal that nobody works on":        {openwork.Removals, record("#removal#acme", "delete", "host:1", young, young), true},
		"a record that cannot be read":          {openwork.Moves, malformed, true},
		"a clock of the mover that runs behind": {openwork.Moves, record("acme", "copy", "host:1", -time.Hour, young), false},
	} {
		t.Run(name, func(t *testing.T) {
			x := &index{records: map[string][]transact.Item{c.kind: {c.record}}}
			got, err := counter(x, 1).Survey(t.Context(), now)
			require.NoError(t, err)
			want := openwork.Counted{Open: 1}
			if c.left {
				want.Left, want.First = 1, item.Read(c.record).String("tenant_id")
			}
			require.Equal(t, want, got)
		})
	}
}

func TestCounter_ReadsABoundedNumberOfPages(t *testing.T) {
	x := &index{records: map[string][]transact.Item{}}
	for i := range 5 {
		x.records[openwork.Moves] = append(x.records[openwork.Moves], record(fmt.Sprint("t", i), "copy", "", 0, 0))
	}
	x.records[openwork.Removals] = []transact.Item{record("#removal#r", "keep", "", 0, 0)}
	got, err := counter(x, 5).Survey(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, openwork.Counted{Open: 6, Left: 6, First: "t0"}, got)

	x.queries = 0
	got, err = counter(x, 3).Survey(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, openwork.Counted{Open: 4, Left: 4, First: "t0", More: true}, got)
	require.Equal(t, 3+1, x.queries)
}

func TestCounter_CountsNothingWhereTheTableDoesNotAnswer(t *testing.T) {
	throttled := errors.New("throttled")
	_, err := counter(&index{err: throttled}, 1).Survey(t.Context(), now)
	require.ErrorIs(t, err, throttled)
}
