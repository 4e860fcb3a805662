package move

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/record"
)

// ErrHeld is the error for a move that another process seems to be at work on.
var ErrHeld = errors.New("another process is at work on this move")

// ErrNewer is the error for a move, or for what a move meets, that a later version has written and this one does not know.
var ErrNewer = record.ErrNewer

// ErrStuck is the error of a move that cannot go on by itself.
var ErrStuck = errors.New("the move cannot go on")

// HolderTimeout is how long a mover may be silent until it is taken to be dead. Should it not be, it finds itself taken
// over, and nothing is lost.
const HolderTimeout = record.HolderTimeout

// run is one mover's work on one move.
type run struct {
	*Options
	move     Move
	from, to manifest.Cell
	since    time.Time // when this mover began the phase

	// mu guards what pages that are worked on together share of the move: the counts, and the time of the last sign of life.
	mu sync.Mutex
	// turn has room for one transaction: each checks the record, and two that do so at a time cancel each other.
	turn chan struct{}
}

// Run carries the tenant's move on from wherever it is, up to its end, or until it comes to the phase until ("" for the
// end). Until Redirect means until the tenant is served by its new cell and what was diverted by then has been sent on;
// somebody has to carry the move on later.
//
// Its error is ErrNoMove, ErrHeld, ErrTakenOver, ErrStuck, or what AWS or the context said. Whatever it is, and even if
// there is none because the process died, the move can be carried on or, before Forget, backed out.
func (m *Mover) Run(ctx context.Context, tenantID string, until Phase) (Move, error) {
	move, err := m.Get(ctx, tenantID)
	if err != nil {
		return Move{}, err
	}
	return m.carryOn(ctx, move, until)
}

func (m *Mover) carryOn(ctx context.Context, move Move, until Phase) (Move, error) {
	r, err := m.take(ctx, move, move.Phase)
	if err == nil {
		err = r.work(ctx, until)
		if !errors.Is(err, ErrTakenOver) && !r.move.Phase.Ended() {
			r.letGo(ctx)
		}
		move = r.move
	}
	if err != nil {
		err = fmt.Errorf("move of tenant %q from cell %s to %s, phase %s: %w", move.TenantID, move.From, move.To, move.Phase, err)
	}
	return move, err
}

// take makes this mover the one that works on a move, in the given phase.
func (m *Mover) take(ctx context.Context, move Move, phase Phase) (*run, error) {
	next := move
	next.Phase = phase
	return m.takeAs(ctx, move, next)
}

// takeAs is take with what else changes of the move, and with other writes in the same transaction.
func (m *Mover) takeAs(ctx context.Context, move, next Move, writes ...types.TransactWriteItem) (*run, error) {
	if !move.Phase.known() {
		return nil, move.newer()
	}
	if m.held(move) {
		return nil, fmt.Errorf("%w: %s, %s ago; it is taken to be dead %s after its last sign of life",
			ErrHeld, move.Holder, m.Now().Sub(move.UpdatedAt).Truncate(time.Second), HolderTimeout)
	}
	r := &run{Options: &m.Options, move: move, since: m.Now(), turn: make(chan struct{}, 1)}
	var err error
	if r.from, err = m.cellOf(ctx, next, move.From); err != nil {
		return nil, err
	}
	if r.to, err = m.cellOf(ctx, next, move.To); err != nil {
		return nil, err
	}
	next.Run++
	next.Holder = m.Holder
	if err := r.save(ctx, next, writes...); err != nil {
		return nil, err
	}
	return r, nil
}

// held reports whether another process seems to be at work on a move.
func (m *Mover) held(move Move) bool {
	return record.Held(move.Holder, m.Holder, m.Now().Sub(move.UpdatedAt), m.Gone)
}

func (m Move) newer() error {
	return fmt.Errorf("%w: this version does not know the phase %q", ErrNewer, m.Phase)
}

// cellOf is a cell of a move. One that the move is ended without need not be there.
func (m *Mover) cellOf(ctx context.Context, move Move, id string) (manifest.Cell, error) {
	cell, err := m.Cell(ctx, id)
	if errors.Is(err, fleet.ErrUnknownCell) && id == move.Abandoned {
		return manifest.Cell{ID: id}, nil
	}
	return cell, err
}

// letGo says that nobody is at work any more, so that the next one need not wait. It is no harm if that fails.
func (r *run) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), HolderTimeout)
	defer cancel()
	next := r.move
	next.Holder = ""
	_ = r.save(ctx, next)
}

// save writes the record, together with the other writes, if this mover still has the move.
func (r *run) save(ctx context.Context, next Move, writes ...types.TransactWriteItem) error {
	next.UpdatedAt = r.Now()
	if err := r.replace(ctx, next, writes...); err != nil {
		return err
	}
	r.move = next
	r.Observe(next)
	return nil
}

func (r *run) replace(ctx context.Context, next Move, writes ...types.TransactWriteItem) error {
	item, err := next.item()
	if err != nil {
		return err
	}
	return r.transact(ctx, r.at().Replace(item), writes...)
}

// touch says that this mover is alive, and what it has done, if that was last said a while ago.
func (r *run) touch(ctx context.Context) error {
	defer r.inTurn()()
	r.mu.Lock()
	next := r.move
	r.mu.Unlock()
	if r.Now().Sub(next.UpdatedAt) < record.TouchEvery {
		return nil
	}
	next.UpdatedAt = r.Now()
	if err := r.replace(ctx, next); err != nil {
		return err
	}
	r.mu.Lock()
	r.move.UpdatedAt = next.UpdatedAt // and nothing else, which other pages read
	r.mu.Unlock()
	r.Observe(next)
	return nil
}

// inTurn waits for the transaction of another page to end, and returns what ends the turn.
func (r *run) inTurn() (end func()) {
	r.turn <- struct{}{}
	return func() { <-r.turn }
}

// enter ends the phase and begins the next one.
func (r *run) enter(ctx context.Context, phase Phase, writes ...types.TransactWriteItem) error {
	next, end := r.move, r.Now()
	next.Phases = r.timed(end)
	next.Phase = phase
	if phase.Ended() {
		next.FinishedAt, next.Holder = end, ""
	}
	if err := r.save(ctx, next, writes...); err != nil {
		return err
	}
	// The transaction that ends a phase is a part of it, and all that some phases are; it is recorded with the next change.
	r.since = r.Now()
	r.move.Phases = slices.Clone(r.move.Phases)
	r.move.Phases[len(r.move.Phases)-1].Took += r.since.Sub(end)
	return nil
}

// timed is the list of phases with the present one, which ends now.
func (r *run) timed(end time.Time) []PhaseTime {
	took := end.Sub(r.since)
	list := append([]PhaseTime(nil), r.move.Phases...)
	if n := len(list); n > 0 && list[n-1].Phase == r.move.Phase {
		list[n-1].Took += took
		return list
	}
	return append(list, PhaseTime{Phase: r.move.Phase, StartedAt: r.since, Took: took})
}

// work carries out phase after phase.
func (r *run) work(ctx context.Context, until Phase) error {
	if err := r.convert(ctx); err != nil {
		return err
	}
	for !r.move.Phase.Ended() {
		err := r.carryOut(ctx, until == Redirect)
		if errors.Is(err, ErrStuck) && errors.Is(r.guarded(ctx), ErrTakenOver) {
			return ErrTakenOver // what looked wrong is what the other one has done since
		}
		if err != nil {
			return err
		}
		served := r.move.Phase == Redirect && !r.move.FlippedAt.IsZero() || r.move.Phase == Abandon
		if until == Redirect && served {
			return nil
		}
	}
	return nil
}

// carryOut carries out the present phase. With once, a phase that waits for the routers does what there is to do and
// leaves the rest to a later mover.
func (r *run) carryOut(ctx context.Context, once bool) error {
	switch r.move.Phase {
	case Copy, Redirect, Verify, Forget:
		if err := r.checkFences(ctx); err != nil {
			return err
		}
	}
	switch r.move.Phase {
	case Clone:
		return r.clone(ctx)
	case Fence:
		return r.fence(ctx)
	case Copy:
		return r.copy(ctx)
	case Flip:
		return r.flip(ctx)
	case Redirect:
		return r.redirect(ctx, once)
	case Verify:
		return r.verify(ctx)
	case Forget:
		return r.forget(ctx)
	case GiveBack:
		return r.giveBack(ctx)
	case Abandon:
		return r.abandon(ctx, once)
	}
	return fmt.Errorf("%w: it is in a phase that this program does not know", ErrStuck)
}
