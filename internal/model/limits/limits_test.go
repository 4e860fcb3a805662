package limits_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/limits"
)

// usual is a cell as the defaults of the configuration make it, under little load.
var usual = limits.Cell{Shards: limits.NewShards, Parallelization: 1, Consumers: 10}

func TestQuotas_SayWhichIsMetFirstAndAtHowManyCells(t *testing.T) {
	for name, c := range map[string]struct {
		cell    func(*limits.Cell)
		account func(*limits.Account)
		first   string
		cells   int
	}{
		"defaults":                           {nil, nil, "Lambda concurrency", 64},
		"parallel batches":                   {func(c *limits.Cell) { c.Parallelization = 10 }, nil, "Lambda concurrency", 18},
		"more shards":                        {func(c *limits.Cell) { c.Shards = 40 }, nil, "Lambda concurrency", 18},
		"a producer that reserves":           {func(c *limits.Cell) { c.Shards, c.Producers = 40, 5 }, nil, "Lambda concurrency", 60},
		"no shard is known":                  {func(c *limits.Cell) { c.Shards = 0 }, nil, "Lambda concurrency", 81},
		"a new account":                      {nil, func(a *limits.Account) { a.Concurrency = 50 }, "Lambda concurrency", 0},
		"more concurrency":                   {nil, func(a *limits.Account) { a.Concurrency = 20_000 }, "IAM roles", 498},
		"more concurrency, beside others":    {nil, func(a *limits.Account) { a.Concurrency, a.OtherRoles = 20_000, 29 }, "IAM roles", 484},
		"more roles too":                     {nil, func(a *limits.Account) { a.Concurrency, a.Roles = 20_000, 5000 }, "DynamoDB tables", 832},
		"a small Region":                     {func(c *limits.Cell) { c.Messages = 10 }, func(a *limits.Account) { a.Messages = 300 }, "SNS messages a second", 30},
		"exactly as many as fit":             {func(c *limits.Cell) { c.Consumers = 5 }, nil, "Lambda concurrency", 100},
		"others have taken all of the roles": {nil, func(a *limits.Account) { a.OtherRoles = 1000 }, "IAM roles", 0},
	} {
		t.Run(name, func(t *testing.T) {
			cell, account := usual, limits.Defaults("eu-west-1")
			if c.cell != nil {
				c.cell(&cell)
			}
			if c.account != nil {
				c.account(&account)
			}
			first := limits.Quotas(cell, account)[0]
			require.Equal(t, c.first, first.Name)
			require.Equal(t, c.cells, first.Cells())
		})
	}
}

func TestQuota_FitsCellsAndNotOneMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 100_000)
		q := limits.Quota{Limit: n.Draw(t, "limit"), Fixed: n.Draw(t, "fixed"), PerCell: rapid.IntRange(1, 1000).Draw(t, "by a cell")}
		if q.Fixed > q.Limit {
			require.Zero(t, q.Cells())
			return
		}
		require.LessOrEqual(t, q.At(q.Cells()), q.Limit)
		require.Greater(t, q.At(q.Cells()+1), q.Limit)
	})
}

func TestMessages_DifferByRegion(t *testing.T) {
	for region, want := range map[string]int{
		"us-east-1": 30_000, "eu-west-1": 9_000, "us-west-2": 9_000, "eu-central-1": 1_500, "ap-northeast-2": 1_500,
		"eu-north-1": 300, "eu-west-2": 300, "a Region that is new": 300,
	} {
		require.Equal(t, want, limits.Messages(region), region)
	}
}
