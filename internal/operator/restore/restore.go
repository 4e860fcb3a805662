// Package restore puts back what was deleted or lost, from DynamoDB's point-in-time recovery.
//
// A table as it was at a time is made under another name, the scratch table, and read; what the live table lacks is put
// back. What is there is never overwritten: it may be newer. Everything can be interrupted and run again at any point.
//
// # What keeps an event from being applied a second time
//
//   - Outcomes come back before events. An event is put back only if the outcome that it had is in the ledger.
//   - Every item is written in one transaction with the condition that its tenant's mapping still names the cell, under the
//     epoch that was read, and that no move of the tenant is under way. What is written is therefore there for any later
//     move to see, and nothing comes back in a cell that a tenant has left.
//   - A tenant that has been moved since the time is left alone, even if it is in the cell again: what the cell had of it
//     then may have been applied elsewhere.
//   - Events come back as clones, which the producer does not publish. They are for a replay, which asks the ledger.
//
// # Tenants that were removed
//
// What belongs to a life of a tenant that was removed (package removal) does not come back, neither alone nor beside the
// life of a later tenant of the name. A mapping, an event and an outcome belong to one if their epoch is not above the
// tenant's tombstone. An item of the business logic has no epoch: it belongs to one if the removal had not ended at the
// time. A tenant that is named, in Options.Revive, comes back all the same: its mapping under a new epoch, above the
// tombstone and every fence, suspended, and its events and outcomes with that epoch. Cell revives only what Mappings has
// revived: nothing is added to a later tenant.
//
// One thing cannot be told: whether an event that had no outcome at the time got one later, which was lost too. The report
// has the number of these events; a later time, closer to the loss, makes it smaller.
package restore

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/time/rate"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/tenantdata"
)

// Tables makes and deletes tables.
type Tables interface {
	RestoreTableToPointInTime(context.Context, *dynamodb.RestoreTableToPointInTimeInput, ...func(*dynamodb.Options)) (*dynamodb.RestoreTableToPointInTimeOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error)
	DeleteTable(context.Context, *dynamodb.DeleteTableInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error)
}

// DynamoDB reads and writes the tables' items.
type DynamoDB interface {
	tenantdata.DynamoDB
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Moves tells the moves of a tenant, the newest first.
type Moves interface {
	History(ctx context.Context, tenantID string) ([]move.Move, error)
}

// Removals finds the removal of a tenant that is under way. Its error is removal.ErrNone where there is none.
type Removals interface {
	Get(ctx context.Context, tenantID string) (removal.Removal, error)
}

// Restorer restores what is in a deployment's tables. All of it is required.
type Restorer struct {
	DynamoDB     DynamoDB
	Tables       Tables
	Moves        Moves
	ControlPlane manifest.ControlPlane
	Removals     Removals
	Now          func() time.Time
}

// Options is how to restore.
type Options struct {
	Tenant   string             // "" for every tenant
	Revive   []string           // the tenants of which a removed life comes back
	Rate     float64            // items put back per second at most, more than 0
	DryRun   bool               // read and compare, and put nothing back
	Progress func(looked int64) // called after each page with the number of items looked at so far, if not nil
}

// ErrUnavailable is the error for a table and a time that AWS does not restore.
var ErrUnavailable = errors.New("the table cannot be restored to that time")

// Reason says why an item was left alone.
type Reason string

// The reasons for leaving an item of a cell alone.
const (
	NoTenant   Reason = "of no tenant, or not readable"
	Diverted   Reason = "diverted: the event is applied elsewhere, or by a replay"
	Expired    Reason = "expired by now"
	Differs    Reason = "business state with other content is there"
	Elsewhere  Reason = "its tenant is in another cell now"
	Unmapped   Reason = "its tenant has no mapping"
	Moving     Reason = "a move of its tenant is under way"
	MovedSince Reason = "its tenant has been moved since, or was leaving"
	Changed    Reason = "its tenant's mapping changed meanwhile"
	NoOutcome  Reason = "its outcome is not back"

	BeingRemoved Reason = "a removal of its tenant is under way"
	OfRemoved    Reason = "its tenant was removed since"
	MaybeRemoved Reason = "it may be of a tenant of that name that was removed; a later time may tell"
	NotRevived   Reason = "its tenant is to be revived, and its mapping was not, or has changed since"
)

// Again reports whether another run may put an item back that was left alone for the reason.
func (r Reason) Again() bool {
	return r == Moving || r == Changed || r == NoOutcome || r == BeingRemoved
}

// Part is what became of the items of one kind. The numbers add up to Found.
type Part struct {
	Found     int            // in the scratch table
	PutBack   int            // in a dry run: would be
	There     int            // already
	LeftAlone map[Reason]int // nil for none
}

func (p *Part) leave(why Reason) {
	if p.LeftAlone == nil {
		p.LeftAlone = map[Reason]int{}
	}
	p.LeftAlone[why]++
}

// maxListed bounds the lists of a report, which an operator reads.
const maxListed = 100

func limiter(o Options) *rate.Limiter { return rate.NewLimiter(rate.Limit(o.Rate), putBatch) }

// present reads the mappings of tenants, and returns those that there are and can be read.
func (r *Restorer) present(ctx context.Context, tenantIDs []string) (map[string]mapping.Mapping, error) {
	items, err := tenantdata.ReadBy(ctx, r.DynamoDB, r.ControlPlane.MappingTable, mapping.AttrTenantID, tenantIDs)
	if err != nil {
		return nil, err
	}
	found := make(map[string]mapping.Mapping, len(items))
	for id, item := range items {
		if m, err := mapping.FromItem(item); err == nil {
			found[id] = m
		}
	}
	return found, nil
}
