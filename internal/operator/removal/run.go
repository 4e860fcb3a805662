package removal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
	"cellular/internal/operator/record"
)

// The errors of a removal that does not go on.
var (
	ErrHeld      = errors.New("another process is at work on this removal")
	ErrTakenOver = errors.New("another process has taken over this removal")
	ErrUnsettled = errors.New("events are neither processed nor given up on")
	ErrHolds     = errors.New("there is data that neither a copy was made of nor anybody gave up")
	ErrNotCopied = errors.New("there is data that is not in the copy")
	ErrTooLate   = errors.New("the tenant's data is being deleted")
	ErrStuck     = errors.New("the removal cannot go on")
)

// errChanged is the error of a write whose conditions no longer held.
var errChanged = errors.New("the items have changed")

// Fate says what becomes of what the cells hold of the tenant. Without either, a removal stops where they hold something.
type Fate struct {
	// GiveUp has it deleted without a copy. It is recorded, and need not be said again.
	GiveUp bool
	// Copy writes what the cells hold to a place that outlives this process, and answers with what it has written. It is
	// nil for no copy.
	Copy func(ctx context.Context, cells []manifest.Cell) (Copy, error)
}

// Copy is what was copied. Nothing is deleted that it does not have.
type Copy interface {
	Has(table string, item Item) bool
}

// run is one remover's work on one removal.
type run struct {
	*Options
	removal Removal
	cell    manifest.Cell // empty where it is lost
	fate    Fate
	copied  Copy // what this run has copied; nil for nothing
}

// Run carries the tenant's removal on from wherever it is, up to its end. One that was called off goes on with that.
//
// Its error is ErrNone, one of those above, or what AWS, the copy or the context said. Whatever it is, and even if there is
// none because the process died, the removal can be carried on or, before anything was deleted, called off.
func (m *Remover) Run(ctx context.Context, tenantID string, fate Fate) (Removal, error) {
	removal, err := m.Get(ctx, tenantID)
	if err != nil {
		return Removal{}, err
	}
	return m.carryOn(ctx, removal, removal.Phase, fate)
}

// CallOff gives the tenant back as it was, suspended unless a program that knows no mark has resumed it. Its error is ErrTooLate once something may have been deleted.
func (m *Remover) CallOff(ctx context.Context, tenantID string) (Removal, error) {
	removal, err := m.Get(ctx, tenantID)
	if err != nil {
		return Removal{}, err
	}
	if removal.Phase.Deleting() {
		return removal, fmt.Errorf("call off the removal of tenant %q: %w", tenantID, ErrTooLate)
	}
	return m.carryOn(ctx, removal, GiveBack, Fate{})
}

func (m *Remover) carryOn(ctx context.Context, removal Removal, phase Phase, fate Fate) (Removal, error) {
	r, err := m.take(ctx, removal, phase, fate)
	if err == nil {
		err = r.work(ctx)
		if !errors.Is(err, ErrTakenOver) && !r.removal.Phase.Ended() {
			r.letGo(ctx)
		}
		removal = r.removal
	}
	if err != nil {
		err = fmt.Errorf("removal of tenant %q from cell %s, phase %s: %w", removal.TenantID, removal.CellID, removal.Phase, err)
	}
	return removal, err
}

// take makes this remover the one that works on a removal, in the given phase.
func (m *Remover) take(ctx context.Context, removal Removal, phase Phase, fate Fate) (*run, error) {
	if !removal.Phase.known() {
		return nil, fmt.Errorf("%w: this version does not know the phase %q", record.ErrNewer, removal.Phase)
	}
	if quiet := m.Now().Sub(removal.UpdatedAt); record.Held(removal.Holder, m.Holder, quiet, m.Gone) {
		return nil, fmt.Errorf("%w: %s, %s ago; it is taken to be dead %s after its last sign of life",
			ErrHeld, removal.Holder, quiet.Truncate(time.Second), record.HolderTimeout)
	}
	r := &run{Options: &m.Options, removal: removal, fate: fate}
	cells, err := m.Cells(ctx)
	if err != nil {
		return nil, err
	}
	for _, cell := range cells {
		if cell.ID == removal.CellID {
			r.cell = cell
		}
	}
	if r.lost() && removal.CellID != m.Lost {
		return nil, fmt.Errorf("%w: cell %s is not there", ErrCellLost, removal.CellID)
	}
	next := removal
	if next.Counts == nil {
		next.Counts = Counts{}
	}
	next.Run++
	next.Holder, next.Phase = m.Holder, phase
	if fate.GiveUp || fate.Copy != nil {
		next.GiveUp = fate.GiveUp
	}
	if err := r.save(ctx, next); err != nil {
		return nil, err
	}
	return r, nil
}

// lost reports whether the removal goes on without the tenant's cell.
func (r *run) lost() bool { return r.cell.ID == "" }

// letGo says that nobody is at work any more, so that the next one need not wait. It is no harm if that fails.
func (r *run) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), record.HolderTimeout)
	defer cancel()
	next := r.removal
	next.Holder = ""
	_ = r.save(ctx, next)
}

// at is the record as this remover has it.
func (r *run) at() record.At {
	return record.At{Table: r.ControlPlane.MoveTable, Key: r.removal.key(), Phase: string(r.removal.Phase), Run: r.removal.Run}
}

// save writes the record, together with the other writes, if this remover still has the removal.
func (r *run) save(ctx context.Context, next Removal, writes ...types.TransactWriteItem) error {
	next.UpdatedAt = now(r.Options)
	next.Counts = maps.Clone(next.Counts)
	item, err := next.item()
	if err != nil {
		return err
	}
	if err := r.transact(ctx, append([]types.TransactWriteItem{r.at().Replace(item)}, writes...)); err != nil {
		return err
	}
	r.removal = next
	r.Observe(next)
	return nil
}

// touch says that this remover is alive, and what it has done, if that was last said a while ago.
func (r *run) touch(ctx context.Context) error {
	r.Observe(r.removal)
	if r.Now().Sub(r.removal.UpdatedAt) < record.TouchEvery {
		return nil
	}
	return r.save(ctx, r.removal)
}

// enter ends the phase and begins the next one.
func (r *run) enter(ctx context.Context, phase Phase, writes ...types.TransactWriteItem) error {
	next := r.removal
	next.Phase = phase
	if phase.Ended() {
		next.FinishedAt, next.Holder = now(r.Options), ""
	}
	return r.save(ctx, next, writes...)
}

// guarded is the condition that this remover still has the removal, alone.
func (r *run) guarded(ctx context.Context) error {
	return r.transact(ctx, []types.TransactWriteItem{r.at().Guard()})
}

// marked is the condition that the mapping is as the removal needs it: nobody but a removal may change it, and nothing is
// accepted for the tenant. A program of a version without marks could still resume or move the tenant, and suspend it again:
// the time of the mapping's last change shows that.
func (r *run) marked() types.TransactWriteItem {
	condition, names, values := r.markedCondition()
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: aws.String(r.ControlPlane.MappingTable), Key: mappingKey(r.removal.TenantID), ConditionExpression: condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}
}

func (r *run) markedCondition() (condition *string, names map[string]string, values Item) {
	names = map[string]string{
		"#removing": mapping.AttrRemoving, "#state": mapping.AttrState, "#cell": mapping.AttrCellID, "#moving": mapping.AttrMovingTo,
	}
	values = Item{":removal": item.Number(r.removal.Epoch), ":suspended": item.Text(string(mapping.Suspended)), ":cell": item.Text(r.removal.CellID)}
	marked := "#removing = :removal AND #state = :suspended AND #cell = :cell AND attribute_not_exists(#moving)"
	if at := r.removal.SuspendedAt; !at.IsZero() {
		marked += " AND #updated = :updated"
		names["#updated"], values[":updated"] = mapping.AttrUpdatedAt, item.Text(event.FormatTime(at))
	}
	return &marked, names, values
}

// transact makes one transaction. Where the first operation's condition does not hold, the error is ErrTakenOver; where
// only others' do not, errChanged.
func (r *run) transact(ctx context.Context, writes []types.TransactWriteItem) error {
	err := r.retrier().Write(ctx, r.DynamoDB, writes...)
	switch failure := transact.Classify(err); {
	case failure.Failed(0):
		return ErrTakenOver
	case failure.Kind == transact.Condition:
		return errChanged
	case err != nil:
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// errUnmarked says what a failed condition on the mapping means.
func (r *run) errUnmarked() error {
	return fmt.Errorf("%w: the tenant's mapping is not what the removal has left; was it changed by hand, or by a cellctl of an older version? "+
		"'cellctl tenants show %s' shows it. Before anything is deleted, the removal can be called off", ErrStuck, r.removal.TenantID)
}

// work carries out phase after phase.
func (r *run) work(ctx context.Context) error {
	if !r.lost() {
		if err := ledger.ConvertFence(ctx, r.DynamoDB, r.retrier(), r.cell.ResultsTable, r.removal.TenantID); err != nil {
			return err
		}
	}
	for !r.removal.Phase.Ended() {
		var err error
		switch r.removal.Phase {
		case Seal:
			err = r.seal(ctx)
		case Keep:
			err = r.keep(ctx)
		case Delete:
			err = r.delete(ctx)
		case Letters:
			err = r.letters(ctx)
		case GiveBack:
			err = r.giveBack(ctx)
		default:
			err = fmt.Errorf("%w: it is in a phase that this program does not know", ErrStuck)
		}
		if errors.Is(err, errChanged) {
			err = r.errUnmarked()
		}
		if (errors.Is(err, ErrStuck) || errors.Is(err, ErrNotCopied)) && errors.Is(r.guarded(ctx), ErrTakenOver) {
			return ErrTakenOver // what looked wrong is what the other one has done since
		}
		if err != nil {
			return err
		}
	}
	return nil
}
