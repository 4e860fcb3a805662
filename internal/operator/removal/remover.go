package removal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/manifest"
	"cellular/internal/model/openwork"
	"cellular/internal/model/transact"
	"cellular/internal/model/wait"
	"cellular/internal/operator/record"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/tenantdata"
)

// DynamoDB is the part of the client that a remover needs.
type DynamoDB interface {
	tenantdata.DynamoDB
	transact.Transactor
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Options is what a remover works with. All of it is required, except where it says otherwise.
type Options struct {
	DynamoDB     DynamoDB
	Queue        resend.Queue
	ControlPlane manifest.ControlPlane
	// Cells lists all cells of the deployment.
	Cells func(context.Context) ([]manifest.Cell, error)
	// SweepLetters deletes the tenant's letters in a cell's DLQs, and reports how many, by kind. It calls confirm between
	// taking letters out of a queue and deleting them, and deletes none of them if that fails.
	SweepLetters func(ctx context.Context, cell manifest.Cell, tenantID string, confirm func(context.Context) error) (map[string]int, error)

	// Lost is a cell that is not there any more and of which nothing is left: the removal of a tenant that is mapped to it
	// goes on without it. "" is for none: such a removal then stops.
	Lost string

	// Quarantine is how long a tenant has to be suspended until no router sends anything for it: see move.QuarantineOf.
	Quarantine time.Duration
	// IndexSettle is how long the tables' indexes are given to show what was written. Zero is for tables whose indexes
	// never lag.
	IndexSettle time.Duration

	// Parallel is how many cells are looked into at a time; 0 means DefaultParallel.
	Parallel int

	// Holder says who this remover is, for those who look at the removals: host:pid.
	Holder string
	// Gone reports whether a holder is known to be dead. Nil knows of none; such a holder is waited for until its
	// record has not been touched for record.HolderTimeout.
	Gone func(holder string) bool
	// Observe, if not nil, is called with the removal whenever its record changes, and after each page that was deleted.
	Observe func(Removal)

	Now   func() time.Time                           // nil means time.Now
	Sleep func(context.Context, time.Duration) error // nil waits; its error is the context's
}

// Remover removes tenants. It is safe for concurrent use; one remover at a time works on a removal.
type Remover struct{ Options }

// New returns a remover.
func New(o Options) *Remover {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Parallel == 0 {
		o.Parallel = DefaultParallel
	}
	if o.Sleep == nil {
		o.Sleep = wait.For
	}
	if o.Gone == nil {
		o.Gone = func(string) bool { return false }
	}
	if o.Observe == nil {
		o.Observe = func(Removal) {}
	}
	return &Remover{o}
}

// ErrNone is the error for a tenant that is not being removed.
var ErrNone = errors.New("no removal is under way")

// Get returns the tenant's removal that is under way. Its error is ErrNone where there is none.
func (m *Remover) Get(ctx context.Context, tenantID string) (Removal, error) {
	last, err := m.History(ctx, tenantID, 1)
	if err != nil {
		return Removal{}, err
	}
	if len(last) == 0 || last[0].Phase.Ended() {
		return Removal{}, fmt.Errorf("tenant %q: %w", tenantID, ErrNone)
	}
	return last[0], nil
}

// History returns the last removals of tenants of that name, the newest first. Those that ended are kept for 90 days.
func (m *Remover) History(ctx context.Context, tenantID string, limit int) ([]Removal, error) {
	items, err := record.Latest(ctx, m.DynamoDB, m.ControlPlane.MoveTable, keyPrefix+tenantID, int32(limit))
	if err != nil {
		return nil, fmt.Errorf("list the removals of tenant %q: %w", tenantID, err)
	}
	return record.Decode(items, fromItem)
}

// Open returns the removals that are under way, by tenant. One that began or ended a moment ago may be missing, or shown.
func (m *Remover) Open(ctx context.Context) ([]Removal, error) {
	items, err := record.Open(ctx, m.DynamoDB, m.ControlPlane.MoveTable, openwork.Removals)
	if err != nil {
		return nil, fmt.Errorf("list the removals under way: %w", err)
	}
	return record.Decode(items, fromItem)
}
