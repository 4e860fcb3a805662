package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cellular/internal/model/mapping"
)

// whereabouts are where a tenant is, seen from the cell that is evacuated.
type whereabouts struct {
	tenantID string

	home  bool            // the tenant is mapped to the cell
	place mapping.Mapping // zero where the tenant has none
	open  bool            // a move of the tenant out of the cell, or into it, is under way
	into  bool            // it is one into the cell
	move  Move            // it
}

// served reports whether another cell serves the tenant, and a move out of this one is to be finished.
func (w whereabouts) served() bool { return !w.home && w.open && !w.into }

// out reports whether nothing of the tenant has to do with the cell any more.
func (w whereabouts) out() bool { return !w.home && !w.open }

// look reads where a tenant is, consistently. The mapping comes first: a tenant that has left by then has a move that is
// under way, or one that is over.
func (v *evacuation) look(ctx context.Context, tenantID string) (whereabouts, error) {
	place, err := mapping.NewStore(v.DynamoDB, v.ControlPlane.MappingTable).Get(ctx, tenantID)
	if err != nil && !errors.Is(err, mapping.ErrUnknownTenant) {
		return whereabouts{}, err
	}
	at := whereabouts{tenantID: tenantID, home: place.CellID == v.Cell, place: place}
	moves, err := v.History(ctx, tenantID)
	if err != nil {
		return whereabouts{}, err
	}
	for _, move := range moves {
		if move.From != v.Cell && move.To != v.Cell {
			continue
		}
		if move.From == v.Cell && (!move.Phase.Ended() || move.FinishedAt.After(v.began.Add(-clockMargin))) {
			v.Mover.Observe(move) // another process may have carried it on
		}
		if !move.Phase.Ended() {
			at.open, at.into, at.move = true, move.To == v.Cell, move
		}
		break
	}
	return at, nil
}

// bring moves a tenant as far as to be served by another cell. It returns the move by which it is, or none where that is
// over: another process may have done all of it.
func (v *evacuation) bring(ctx context.Context, tenantID string) (Move, error) {
	defer v.othersDone(tenantID)
	for {
		at, err := v.look(ctx, tenantID)
		switch {
		case err != nil:
			return Move{}, err
		case at.out():
			return Move{}, nil
		case at.into:
			return Move{}, fmt.Errorf("%w, into this cell: carry it on, and evacuate again", ErrMoving)
		case at.open && v.held(at.move):
			if at.served() {
				return at.move, nil
			}
			err = fmt.Errorf("%w: %s", ErrHeld, at.move.Holder)
		case at.open:
			var move Move
			// It may be another one by now, that takes the tenant back into this cell: then the next look says so.
			if move, err = v.Run(ctx, tenantID, Redirect); err == nil && move.Phase.Flipped() && move.Owner() != v.Cell {
				return move, nil
			}
		default:
			err = v.begin(ctx, at.place)
		}
		if err := v.await(ctx, at, err); err != nil {
			return Move{}, err
		}
	}
}

// begin starts the move of a tenant of the cell. Where the chosen cell has filled up meanwhile, another one is chosen.
func (v *evacuation) begin(ctx context.Context, place mapping.Mapping) error {
	return v.retrier().Repeat(ctx, func(ctx context.Context) (again bool, err error) {
		to, err := v.Choose(ctx, place)
		if err != nil {
			return false, err
		}
		_, err = v.startFrom(ctx, place.TenantID, v.Cell, to)
		return errors.Is(err, ErrNoPlace), err
	})
}

var errMovedBack = errors.New("it was moved back into this cell: evacuate again")

// carry carries the move of a tenant that another cell serves on by a step: to its end if its quarantine is over.
func (v *evacuation) carry(ctx context.Context, tenantID string) (Move, error) {
	at, err := v.look(ctx, tenantID)
	switch {
	case err != nil:
		return Move{}, err
	case at.out():
		v.othersDone(tenantID)
		return Move{}, nil
	case !at.served():
		return Move{}, errMovedBack
	case v.held(at.move):
		err = fmt.Errorf("%w: %s", ErrHeld, at.move.Holder)
	default:
		until := Redirect
		if v.over(at.move) {
			until = ""
		}
		var move Move
		if move, err = v.Run(ctx, tenantID, until); err == nil {
			if move.Owner() == v.Cell { // by a move that began since
				return Move{}, errMovedBack
			}
			v.othersDone(tenantID)
			return move, nil
		}
	}
	if err := v.tolerate(at, err); err != nil {
		return Move{}, err
	}
	return at.move, nil // for the next round
}

// await waits a while, if an error of the work on a tenant, or none, is no reason to give it up.
func (v *evacuation) await(ctx context.Context, at whereabouts, err error) error {
	if err == nil {
		return nil
	}
	if err := v.tolerate(at, err); err != nil {
		return err
	}
	return v.Sleep(ctx, v.Poll)
}

// othersWork are the errors of one that another process is ahead of, or at work beside.
var othersWork = []error{ErrHeld, ErrTakenOver, ErrNoMove, ErrMoving, errElsewhere, mapping.ErrUnknownTenant}

// tolerate returns the error of the work on a tenant, unless it means no more than that another process is at work on it, and
// that has got on in the last othersPatience.
func (v *evacuation) tolerate(at whereabouts, err error) error {
	for _, other := range othersWork {
		if !errors.Is(err, other) {
			continue
		}
		if stuck := v.watch(at.tenantID).stuckFor(v.Now(), at.move, v.Quarantine); stuck > othersPatience {
			return fmt.Errorf("%w; the move has been in phase %s for %s without getting on", err, at.move.Phase, stuck.Truncate(time.Second))
		}
		return nil
	}
	return err
}

// watch returns the watch of a tenant that another process is at work on.
func (v *evacuation) watch(tenantID string) *watch {
	v.mu.Lock()
	w := v.others[tenantID]
	first := w == nil
	if first {
		w = &watch{}
		v.others[tenantID] = w
	}
	v.mu.Unlock()
	if first {
		v.change(func(p *EvacuationProgress) { p.Others++ })
	}
	return w
}

// othersDone forgets that another process was at work on a tenant.
func (v *evacuation) othersDone(tenantID string) {
	v.mu.Lock()
	_, were := v.others[tenantID]
	delete(v.others, tenantID)
	v.mu.Unlock()
	if were {
		v.change(func(p *EvacuationProgress) { p.Others-- })
	}
}
