package tenantdata_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/tenantdata"
	"cellular/internal/testkit/dynamotest"
)

// collect returns a callback of a listing, and what it was called with.
func collect() (each func([]string) error, keys *[]string) {
	keys = new([]string)
	return func(page []string) error { *keys = append(*keys, page...); return nil }, keys
}

func TestEventsAreListedFromATimeOnOldestFirst(t *testing.T) {
	db := newCell(map[string]int{"acme": 5, "globex": 5})
	db.PageItems = 2
	each, keys := collect()
	require.NoError(t, tenantdata.EventKeys(t.Context(), db, alpha.DataTable, "acme", start.Add(-2*time.Second), each))
	require.Equal(t, []string{"acme#e002", "acme#e001", "acme#e000"}, *keys)
}

func TestDivertedEventsAreListedWhileTheyWait(t *testing.T) {
	db := newCell(map[string]int{"acme": 3})
	for _, id := range []string{"late-1", "late-2"} {
		db.Put(alpha.ResultsTable, dynamotest.Item{
			event.AttrKey: item.Text(event.Key("acme", id)), event.AttrTenantID: item.Text("acme"), ledger.AttrWaiting: item.Text("acme"),
		})
	}
	each, keys := collect()
	require.NoError(t, tenantdata.WaitingKeys(t.Context(), db, alpha.ResultsTable, "acme", each))
	require.Equal(t, []string{"acme#late-1", "acme#late-2"}, *keys)
}

func TestAListingEndsWithTheFirstError(t *testing.T) {
	db := newCell(map[string]int{"acme": 5})
	db.PageItems = 1
	pages := 0
	stop := errors.New("stop")
	err := tenantdata.ResultKeys(t.Context(), db, alpha.ResultsTable, "acme", func([]string) error { pages++; return stop })
	require.ErrorIs(t, err, stop)
	require.ErrorContains(t, err, `tenant "acme"`)
	require.Equal(t, 1, pages)
}

func TestReadReadsWhatTheIndexesDoNotShowYet(t *testing.T) {
	db := newCell(nil)
	db.LagIndexes(true)
	fill(db, "acme", 230)
	var keys []string
	for i := range 230 {
		keys = append(keys, event.Key("acme", id(i)))
	}
	db.Leave = func(_ dynamotest.Call, n int) int { return n / 3 }
	found, err := tenantdata.Read(t.Context(), db, alpha.DataTable, append(keys, "acme#nothing"))
	require.NoError(t, err)
	require.Len(t, found, 230)
	require.Equal(t, db.Item(alpha.DataTable, keys[7]), found[keys[7]])
}

func TestReadGivesUpOnATableThatIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newCell(map[string]int{"acme": 20})
		db.Leave = func(_ dynamotest.Call, n int) int { return n }
		var keys []string
		for i := range 20 {
			keys = append(keys, event.Key("acme", id(i)))
		}
		_, err := tenantdata.Read(t.Context(), db, alpha.DataTable, keys)
		require.ErrorAs(t, err, new(*types.ProvisionedThroughputExceededException))
		require.ErrorContains(t, err, "read 20 items of table "+alpha.DataTable)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = tenantdata.Read(ctx, db, alpha.DataTable, keys)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
