package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/controltables"
	"cellular/internal/model/manifest"
	"cellular/internal/model/wait"
	"cellular/internal/operator/record"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/tenantdata"
)

// DynamoDB is the part of the client that a mover needs.
type DynamoDB interface {
	tenantdata.DynamoDB
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	TransactWriteItems(
		context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options),
	) (*dynamodb.TransactWriteItemsOutput, error)
}

// Options is what a mover works with. All of it is required, except where it says otherwise.
type Options struct {
	DynamoDB     DynamoDB
	Queue        resend.Queue
	ControlPlane manifest.ControlPlane
	// Cell returns the manifest of a cell. Its error wraps fleet.ErrUnknownCell where there is no such cell.
	Cell func(ctx context.Context, id string) (manifest.Cell, error)

	// HasQueue, if not nil, reports whether a queue is there: see Lacks.
	HasQueue func(ctx context.Context, url string) (bool, error)

	// Quarantine is how long after a flip a router may still write to the old cell: see QuarantineOf.
	Quarantine time.Duration
	// IndexSettle is how long the tables' indexes are given to show what was written before a fence: see
	// DefaultIndexSettle. Zero is for tables whose indexes never lag.
	IndexSettle time.Duration
	// Poll is how often the old cell is looked at for diverted events in the redirect phase.
	Poll time.Duration

	// Parallel is how many pages of a tenant's items are worked on at a time in the phases that look at all of them, see
	// DefaultParallel; 0 means 1.
	Parallel int

	// Holder says who this mover is, for those who look at the moves: host:pid.
	Holder string
	// Gone reports whether a holder is known to be dead. Nil knows of none; such a holder is waited for until its
	// record has not been touched for HolderTimeout.
	Gone func(holder string) bool
	// Observe, if not nil, is called with the move whenever its record changes.
	Observe func(Move)

	Now   func() time.Time                           // nil means time.Now
	Sleep func(context.Context, time.Duration) error // nil waits; its error is the context's
}

// DefaultIndexSettle is many times what a DynamoDB index usually lags behind its table, which is a fraction of a second;
// no bound is documented. An event that shows even later is diverted in the old cell, where the verify phase finds it.
const DefaultIndexSettle = 2 * time.Second

// DefaultParallel keeps a mover's reads below what a new table serves: 12,000 units a second. A page is 100 units from each of
// four tables, one after the other, in some 10 ms each: 2,500 a second and table for each page at work.
const DefaultParallel = 4

// DefaultPoll is how often diverted events are looked for. It is what they are late by, in the redirect phase.
const DefaultPoll = time.Second

// clockMargin is for the differences between the clocks of the mover and of the routers, and for a request that a router
// had begun at the last moment: its function's timeout is at most this long unless it is set higher than the default.
const clockMargin = 10 * time.Second

// QuarantineOf is how long after a flip a router may still write to the tenant's old cell. It had read the mapping
// before the flip, may use it up to the hard TTL, and then takes up to the cell timeout for its write.
func QuarantineOf(r manifest.Router) time.Duration {
	return time.Duration(r.HardTTL) + time.Duration(r.RefreshTimeout) + time.Duration(r.CellTimeout) + clockMargin
}

// Mover moves tenants. It is safe for concurrent use; one mover at a time works on a move.
type Mover struct{ Options }

// New returns a mover.
func New(o Options) *Mover {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = wait.For
	}
	if o.Gone == nil {
		o.Gone = func(string) bool { return false }
	}
	if o.Observe == nil {
		o.Observe = func(Move) {}
	}
	return &Mover{o}
}

// ErrNoMove is the error for a tenant that no move is under way for.
var ErrNoMove = errors.New("no move is under way")

// Get returns the tenant's move that is under way. Its error is ErrNoMove where there is none.
func (m *Mover) Get(ctx context.Context, tenantID string) (Move, error) {
	moves, err := m.History(ctx, tenantID)
	if err != nil {
		return Move{}, err
	}
	for _, move := range moves {
		if !move.Phase.Ended() {
			return move, nil
		}
	}
	return Move{}, fmt.Errorf("tenant %q: %w", tenantID, ErrNoMove)
}

// maxHistory bounds History. An open move is always among the newest two.
const maxHistory = 50

// History returns the tenant's moves, the newest first, at most the last 50. Those that ended are kept for 90 days.
func (m *Mover) History(ctx context.Context, tenantID string) ([]Move, error) {
	items, err := record.Latest(ctx, m.DynamoDB, m.ControlPlane.MoveTable, tenantID, maxHistory)
	if err != nil {
		return nil, fmt.Errorf("list the moves of tenant %q: %w", tenantID, err)
	}
	return record.Decode(items, fromItem)
}

// Open returns the moves that are under way, by tenant. A move that began or ended a moment ago may be told late.
func (m *Mover) Open(ctx context.Context) ([]Move, error) {
	items, err := record.Open(ctx, m.DynamoDB, m.ControlPlane.MoveTable, controltables.OpenValue)
	if err != nil {
		return nil, fmt.Errorf("list the moves under way: %w", err)
	}
	return record.Decode(items, fromItem)
}
