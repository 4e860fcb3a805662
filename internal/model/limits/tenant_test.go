package limits_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cellular/app"
	"cellular/internal/model/config"
	"cellular/internal/model/event"
	"cellular/internal/model/limits"
	"cellular/internal/testkit/dynamotest"
)

// What the page counts with for one tenant that is large.
const (
	transaction = 8 * time.Millisecond
	canceled    = 0.15 // of the transactions
)

// The write units of an event with a small payload and the shipped business logic. A transaction takes two for each item that it
// writes or checks; an index takes one for an entry that is put, and none for one that stays.
const (
	resultsUnits = 2 * 3 // the outcome, the check of the fence, the counter
	dataUnits    = 1
	indexUnits   = 1
)

// meets is what a tenant meets at a number of events a second.
type meets struct {
	what  string
	at    int // events a second
	plain int // the same with one key or item in place of the shards; 0: it has no shards
	whose string
	known string
}

// overlap is at how many transactions a second that come at random, each with one of n items, a share of them is canceled.
func overlap(n int) int { return int(-math.Log(1-canceled) * float64(n) / transaction.Seconds()) }

func tenantBounds() []meets {
	aws, r := dynamotest.OnDemand(transaction), config.Default().Router
	all := []meets{
		{"`router.tenantLimit`", r.TenantLimit.Rate, 0, "the tenant's", "set"},
		{"`router.cellLimit`, in each process of the router", r.CellLimit.Rate, 0, "the cell's", "set"},
		{"`router.throttle`", r.Throttle.Rate, 0, "the deployment's", "set"},
		{"SNS in a Region with least", limits.Messages("eu-north-1"), 0, "the account's", "AWS"},
		{"SNS in eu-central-1", limits.Messages("eu-central-1"), 0, "the account's", "AWS"},
		{"SNS in eu-west-1", limits.Messages("eu-west-1"), 0, "the account's", "AWS"},
		{"write units of a new results table", int(aws.TableWrites) / resultsUnits, 0, "the cell's", "computed"},
		{"write units of a new data table, and of each new index", int(aws.TableWrites) / max(dataUnits, indexUnits), 0, "the cell's", "computed"},
		{
			fmt.Sprintf("transactions that meet at a counter and a copy of the fence, %d of each, so that %.0f %% are canceled", app.Shards, 100*canceled),
			overlap(app.Shards), overlap(1), "the tenant's", "computed",
		},
		{
			fmt.Sprintf("write units of a counter or a copy of the fence, %d of each", app.Shards),
			app.Shards * int(aws.KeyWrites) / 2, int(aws.KeyWrites) / 2, "the tenant's", "computed",
		},
		{
			fmt.Sprintf("write units of an index key, %d of them", event.IndexShards),
			event.IndexShards * int(aws.KeyWrites) / indexUnits, int(aws.KeyWrites) / indexUnits, "the tenant's", "computed",
		},
	}
	slices.SortStableFunc(all, func(a, b meets) int { return cmp.Compare(a.at, b.at) })
	return all
}

func tenantTable() string {
	var b strings.Builder
	b.WriteString("| What is met | At events a second | With one item or key | It is | Known |\n|---|---|---|---|---|\n")
	for _, m := range tenantBounds() {
		plain := ""
		if m.plain > 0 {
			plain = number(m.plain)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.what, number(m.at), plain, m.whose, m.known)
	}
	return b.String()
}
