package tenantdata_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/tenantdata"
	"cellular/internal/testkit/dynamotest"
)

// All of a tenant and nothing else is listed, in order and once, whichever version has written it.
func TestListings_MergeTheShardsAndWhatTheVersionBeforeWrote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := newCell(nil)
		db.PageItems = rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "items a page")
		var events, results, waiting []string
		accepted := map[string]time.Time{}
		for i := range rapid.SampledFrom([]int{0, 1, 30, 2*tenantdata.PageSize + 1}).Draw(t, "events") {
			e := event.Event{
				TenantID: rapid.SampledFrom([]string{"acme", "acme", "acme", "acme-2"}).Draw(t, "tenant"), ID: id(i), Type: "visit", Payload: []byte(`1`), Epoch: 1,
				AcceptedAt: start.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, "second")) * time.Second),
			}
			outcome := dynamotest.Item{
				event.AttrKey: item.Text(e.Key()), event.AttrTenantShard: item.Text(event.TenantShard(e.TenantID, e.ID)),
				ledger.AttrStatus: item.Text(string(ledger.Diverted)),
			}
			waits := rapid.Bool().Draw(t, "waits")
			if waits {
				outcome[ledger.AttrWaiting] = outcome[event.AttrTenantShard]
			}
			stored := e.Item()
			if rapid.IntRange(0, 3).Draw(t, "version") == 0 {
				stored, outcome = beforeOf(stored, e.TenantID), beforeOf(outcome, e.TenantID)
			}
			db.Put(alpha.DataTable, stored)
			db.Put(alpha.ResultsTable, outcome)
			if e.TenantID != "acme" {
				continue
			}
			results = append(results, e.Key())
			if !e.AcceptedAt.Before(start) {
				events, accepted[e.Key()] = append(events, e.Key()), e.AcceptedAt
			}
			if waits {
				waiting = append(waiting, e.Key())
			}
		}
		db.Put(alpha.ResultsTable, dynamotest.Item{event.AttrKey: item.Text("#state#acme"), event.AttrTenantID: item.Text("acme")})
		results = append(results, "#state#acme")
		slices.Sort(results)
		slices.Sort(waiting)

		list := func(list func(each func([]string) error) error) (keys []string) {
			require.NoError(t, list(func(page []string) error {
				require.NotEmpty(t, page)
				require.LessOrEqual(t, len(page), tenantdata.PageSize)
				keys = append(keys, page...)
				return nil
			}))
			return keys
		}
		got := list(func(each func([]string) error) error {
			return tenantdata.EventKeys(t.Context(), db, alpha.DataTable, "acme", start, each)
		})
		require.ElementsMatch(t, events, got)
		require.True(t, slices.IsSortedFunc(got, func(a, b string) int { return accepted[a].Compare(accepted[b]) }), "the oldest first")
		newest := list(func(each func([]string) error) error {
			return tenantdata.LatestEvents(t.Context(), db, []string{alpha.DataTable}, "acme", start, start.Add(time.Hour), 7, func(page []tenantdata.Listed) error {
				require.LessOrEqual(t, len(page), 7)
				var keys []string
				for _, one := range page {
					require.Equal(t, accepted[one.Key], one.AcceptedAt)
					keys = append(keys, one.Key)
				}
				return each(keys)
			})
		})
		require.ElementsMatch(t, events, newest)
		require.True(t, slices.IsSortedFunc(newest, func(a, b string) int { return accepted[b].Compare(accepted[a]) }), "the newest first")
		require.Equal(t, results, list(func(each func([]string) error) error {
			return tenantdata.ResultKeys(t.Context(), db, alpha.ResultsTable, "acme", each)
		}))
		require.Equal(t, waiting, list(func(each func([]string) error) error {
			return tenantdata.WaitingKeys(t.Context(), db, alpha.ResultsTable, "acme", each)
		}))
	})
}

// beforeOf returns an item of an event or outcome as the version before has written it.
func beforeOf(sharded dynamotest.Item, tenantID string) dynamotest.Item {
	delete(sharded, event.AttrTenantShard)
	sharded[event.AttrTenantID] = item.Text(tenantID)
	if sharded[ledger.AttrWaiting] != nil {
		sharded[ledger.AttrWaiting] = item.Text(tenantID)
	}
	return sharded
}

// An outcome that is written again with its shard goes from one index into the other, and may be in both for a moment.
func TestListings_HaveAnItemOnceThatTwoIndexesShow(t *testing.T) {
	db := newCell(nil)
	both := dynamotest.Item{
		event.AttrKey: item.Text("acme#e1"), event.AttrTenantShard: item.Text(event.TenantShard("acme", "e1")), event.AttrTenantID: item.Text("acme"),
	}
	db.Put(alpha.ResultsTable, both)
	each, keys := collect()
	require.NoError(t, tenantdata.ResultKeys(t.Context(), db, alpha.ResultsTable, "acme", each))
	require.Equal(t, []string{"acme#e1"}, *keys)
}

// What is not listed would be taken for absent: a move would leave it behind, and a removal would keep it.
func TestListings_RefuseWhileAnIndexIsMissingOrBeingBuilt(t *testing.T) {
	listings := map[string]func(t *testing.T, db *dynamotest.DB, each func([]string) error) error{
		"events": func(t *testing.T, db *dynamotest.DB, each func([]string) error) error {
			return tenantdata.EventKeys(t.Context(), db, alpha.DataTable, "acme", start, each)
		},
		"results": func(t *testing.T, db *dynamotest.DB, each func([]string) error) error {
			return tenantdata.ResultKeys(t.Context(), db, alpha.ResultsTable, "acme", each)
		},
		"waiting": func(t *testing.T, db *dynamotest.DB, each func([]string) error) error {
			return tenantdata.WaitingKeys(t.Context(), db, alpha.ResultsTable, "acme", each)
		},
	}
	for _, c := range []struct{ listing, table, index string }{
		{"events", alpha.DataTable, event.ShardTimeIndex}, {"events", alpha.DataTable, event.TenantTimeIndex},
		{"results", alpha.ResultsTable, ledger.ShardIndex}, {"results", alpha.ResultsTable, ledger.TenantIndex},
		{"waiting", alpha.ResultsTable, ledger.WaitingIndex},
	} {
		for how, without := range map[string]func(db *dynamotest.DB){
			"gone":             func(db *dynamotest.DB) { db.DropIndex(c.table, c.index) },
			"still backfilled": func(db *dynamotest.DB) { db.BackfillIndex(c.table, c.index) },
		} {
			t.Run(fmt.Sprintf("%s, %s %s", c.listing, c.index, how), func(t *testing.T) {
				db := newCell(map[string]int{"acme": 20})
				without(db)
				err := listings[c.listing](t, db, func([]string) error {
					t.Error("a page is listed without what the index would add to it")
					return nil
				})
				missing := new(tenantdata.IndexError)
				require.ErrorAs(t, err, &missing)
				require.Equal(t, []string{c.table, c.index}, []string{missing.Table, missing.Index})
				require.ErrorContains(t, err, "'pulumi up'")
				require.ErrorAs(t, tenantdata.CheckIndex(t.Context(), db, c.table, c.index, "acme"), &missing)
				db.MakeIndex(c.table, c.index)
				require.NoError(t, tenantdata.CheckIndex(t.Context(), db, c.table, c.index, "acme"))
				require.NoError(t, listings[c.listing](t, db, func([]string) error { return nil }))
			})
		}
	}
}

// A listing of a tenant that is large holds pages, not the tenant.
func TestListings_AskForAPageOfAShardAtATime(t *testing.T) {
	db := newCell(map[string]int{"acme": 20 * tenantdata.PageSize})
	queries := func() (n int) {
		for _, call := range db.Calls() {
			if call.Operation == "Query" && strings.Contains(call.Key, "acme") {
				n++
			}
		}
		return n
	}
	pages := 0
	require.NoError(t, tenantdata.ResultKeys(t.Context(), db, alpha.ResultsTable, "acme", func([]string) error {
		pages++
		require.LessOrEqual(t, queries(), pages+2*(event.IndexShards+1))
		return nil
	}))
	require.LessOrEqual(t, pages, 20+queries(), "pages are not split without need")
}
