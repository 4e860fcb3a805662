// Package limits computes how many cells fit the quotas of an AWS account that all cells share. A cell is isolated from its
// neighbours in all that it owns; what is left to share are these quotas, and the first of them that is met stops every
// cell of the account at once.
package limits

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// What a deployment has of what AWS counts: by cell, and besides.
const (
	CellRoles, FixedRoles           = 2, 3 // producer and consumer; router, probe and its schedule
	CellTables, FixedTables         = 3, 4 // data, results and counters; mappings, cell states, moves and the audit
	CellParameters, FixedParameters = 1, 2 // the manifest of a cell; of the control plane and the router
	CellTopics, FixedTopics         = 1, 1 // of the events of a cell; of the alarms
	CellLogGroups, FixedLogGroups   = 2, 3 // of each function; the API's access log besides

	CellAlarms, FixedAlarms         = 14, 11 // of a cell; of the router, the control plane and the probe
	CellComposites, FixedComposites = 1, 3
)

// What the alarms of a cell, and those besides, cost in a month, in US cents: 10 for each metric that an alarm measures at a
// resolution of a minute, 50 for a composite alarm. List prices of us-east-1, "Amazon CloudWatch pricing".
const (
	CellAlarmCents, FixedAlarmCents = 220, 360
	AlarmMetricCents                = 10
	CompositeCents                  = 50
)

// PutAlarmsRate is how many alarms a second CloudWatch takes of an account in a Region, metric and composite ones each: "Rate of
// PutMetricAlarm requests" of its service quotas. It takes any number of alarms.
const PutAlarmsRate = 3

// AlarmUpdate is how long CloudWatch takes, at the least, to take the alarms of a number of cells. A change of a default changes an
// alarm in each cell, and a new cell brings all of its own.
func AlarmUpdate(cells int) time.Duration {
	return time.Duration(cells*CellAlarms) * time.Second / PutAlarmsRate
}

// RouterConcurrency is what the router is counted with where it reserves no concurrency: what Lambda never lets functions
// reserve, from "Configuring reserved concurrency" of its developer guide.
const RouterConcurrency = 100

// NewShards is how many open shards the stream of a new on-demand table is counted with: one for each of the partitions
// that give it 4,000 write units. Shards come and go with the load.
const NewShards = 4

// Cell is what one cell draws at its busiest.
type Cell struct {
	Shards          int // open shards of its stream
	Parallelization int // batches of one shard at a time
	Consumers       int // the queue mapping's maximum concurrency, or what the consumer reserves
	Producers       int // what the producer reserves; 0: as many as shards and parallelization make
	Messages        int // published in a second
}

// Concurrency is how many invocations of the cell's functions may run at a time.
func (c Cell) Concurrency() int {
	if c.Producers > 0 {
		return c.Producers + c.Consumers
	}
	return max(1, c.Shards)*max(1, c.Parallelization) + c.Consumers
}

// Account is an account's quotas in a Region, and what of them is not for cells.
type Account struct {
	Concurrency, Roles, Tables, Parameters, Topics, LogGroups, Messages int

	Router                  int // the router's concurrency
	OtherRoles, OtherTables int // that are not the deployment's
}

// Defaults are the quotas of an account that has asked for no more, from the pages "endpoints and quotas" of Lambda, IAM,
// DynamoDB, Systems Manager, SNS and CloudWatch Logs in the AWS General Reference.
func Defaults(region string) Account {
	return Account{
		Concurrency: 1000, Roles: 1000, Tables: 2500, Parameters: 10_000, Topics: 100_000, LogGroups: 1_000_000,
		Messages: Messages(region), Router: RouterConcurrency,
	}
}

// Messages is how many messages a second SNS takes in a Region over all standard topics of the account, from "Publish API
// throttling" of the SNS endpoints and quotas.
func Messages(region string) int {
	switch region {
	case "us-east-1":
		return 30_000
	case "us-west-2", "eu-west-1":
		return 9_000
	case "us-east-2", "us-west-1", "ap-south-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1":
		return 1_500
	}
	return 300
}

// Quota is a quota that cells share.
type Quota struct {
	Name    string
	Limit   int
	Fixed   int // drawn by what is not a cell
	PerCell int
}

// At is what a number of cells draws.
func (q Quota) At(cells int) int { return q.Fixed + cells*q.PerCell }

// Cells is how many cells fit.
func (q Quota) Cells() int {
	switch free := q.Limit - q.Fixed; {
	case free < 0:
		return 0
	case q.PerCell == 0:
		return math.MaxInt
	default:
		return free / q.PerCell
	}
}

// Quotas are the quotas that cells of a size share, the one that is met first at their head.
func Quotas(c Cell, a Account) []Quota {
	all := []Quota{
		{"Lambda concurrency", a.Concurrency, a.Router, c.Concurrency()},
		{"IAM roles", a.Roles, a.OtherRoles + FixedRoles, CellRoles},
		{"DynamoDB tables", a.Tables, a.OtherTables + FixedTables, CellTables},
		{"SSM parameters", a.Parameters, FixedParameters, CellParameters},
		{"SNS topics", a.Topics, FixedTopics, CellTopics},
		{"log groups", a.LogGroups, FixedLogGroups, CellLogGroups},
	}
	if c.Messages > 0 {
		all = append(all, Quota{"SNS messages a second", a.Messages, 0, c.Messages})
	}
	slices.SortStableFunc(all, func(p, q Quota) int { return cmp.Compare(p.Cells(), q.Cells()) })
	return all
}
