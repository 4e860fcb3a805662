package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// The errors of a cell that a move cannot do without.
var (
	ErrNotOfMove  = errors.New("the move has nothing to do with that cell")
	ErrNotLost    = errors.New("the cell has lost nothing that the move cannot get back")
	ErrAbandoning = errors.New("the move is being ended without the other cell")
)

// Abandoning is what it means to end a move without one of its cells.
type Abandoning struct {
	Move       Move
	Home, Lost string   // the cell that the tenant ends up in, and the one that is abandoned
	Losses     []string // sentences, for people to read; empty where nothing of the tenant is lost
}

// Abandonable says what is lost if a tenant's move is ended without a cell, one of its two, whose ledger is gone. It
// changes nothing.
//
// Its error is ErrNoMove, ErrNotOfMove, ErrNotLost, or a LackError where the other cell is not whole either.
func (m *Mover) Abandonable(ctx context.Context, tenantID, cellID string) (Abandoning, error) {
	move, err := m.Get(ctx, tenantID)
	if err != nil {
		return Abandoning{}, err
	}
	a := Abandoning{Move: move, Home: move.other(cellID), Lost: cellID, Losses: move.Losses}
	switch {
	case !move.Phase.known():
		return a, move.newer()
	case a.Home == "":
		return a, fmt.Errorf("%w: it is from cell %s to %s", ErrNotOfMove, move.From, move.To)
	case move.Phase == Abandon && move.Abandoned != cellID:
		return a, fmt.Errorf("%w, %s", ErrAbandoning, move.Abandoned)
	case move.Phase == Abandon:
		return a, nil
	}
	home, err := m.lackOf(ctx, move, a.Home, true)
	if err != nil {
		return a, fmt.Errorf("look into cell %s: %w", a.Home, err)
	}
	lost, err := m.lackOf(ctx, move, a.Lost, false)
	if err != nil {
		return a, fmt.Errorf("look into cell %s: %w", a.Lost, err)
	}
	switch {
	case !lost.Ledger:
		return a, ErrNotLost
	case len(home.Parts) > 0:
		return a, &LackError{[]Lack{home, lost}}
	}
	a.Losses, err = m.losses(ctx, move, a)
	return a, err
}

// other is the move's other cell; "" if the cell is not one of the two.
func (m Move) other(cellID string) string {
	switch cellID {
	case m.From:
		return m.To
	case m.To:
		return m.From
	}
	return ""
}

// losses says what nobody will have any more. What a ledger says and what the business logic keeps are lost with the
// results table, as far as the other cell has no copy; events are not, if the data table is there.
func (m *Mover) losses(ctx context.Context, move Move, a Abandoning) ([]string, error) {
	events := true // whether those that the lost cell accepted are there
	switch cell, err := m.Cell(ctx, a.Lost); {
	case errors.Is(err, fleet.ErrUnknownCell):
		events = false
	case err != nil:
		return nil, err
	default:
		if events, err = m.hasTable(ctx, cell.DataTable); err != nil {
			return nil, err
		}
	}
	var losses []string
	lose := func(format string, args ...any) { losses = append(losses, fmt.Sprintf(format, args...)) }
	since := "since the tenant came there"
	if !move.FlippedAt.IsZero() {
		since = "since " + event.FormatTime(move.FlippedAt)
	}
	switch owner := move.Owner(); {
	case a.Lost == owner && (move.Phase.Flipped() || move.BackingOut && move.Phase != Flip):
		lose("outcomes and business state that cell %s wrote %s; cell %s goes on from what it had when the tenant left it", a.Lost, since, a.Home)
		if !events {
			lose("events that cell %s accepted %s", a.Lost, since)
		}
	case a.Lost == owner && move.Phase == Flip:
		if !events {
			lose("events that cell %s accepted after they were copied", a.Lost)
		}
	case a.Lost == owner:
		lose("business state of cell %s: cell %s has what was copied of it, %d items", a.Lost, a.Home, move.Counts.State)
		lose("outcomes of cell %s: cell %s has what was copied of them, %d; other events are applied again, or for the first time",
			a.Lost, a.Home, move.Counts.Outcomes)
		if !events {
			lose("events of cell %s: cell %s has what was copied of them, %d", a.Lost, a.Home, move.Counts.Events)
		}
	case move.Phase.Flipped() && !events:
		lose("events that reached cell %s %s, and were not sent on to cell %s yet", a.Lost, since, a.Home)
	}
	if move.Phase == Forget && a.Lost == move.To {
		lose("what cell %s had begun to forget, %d items so far, its business state among them if it is not there; their events are 'failed', and not applied again",
			a.Home, move.Counts.Forgotten)
	}
	return losses, nil
}

func (m *Mover) hasTable(ctx context.Context, table string) (bool, error) {
	_, err := tenantdata.Read(ctx, m.DynamoDB, table, []string{ledger.StatePrefix})
	if isNoTable(err) {
		return false, nil
	}
	return err == nil, err
}

// Abandon ends a tenant's move without a cell whose ledger is gone. The tenant is in the other cell then, under an epoch of
// its own; what the lost cell's data table still has is brought there. Nothing is applied twice in what is left: outcomes
// and business state are one table's, so that an event which the other cell has no outcome of has left no effect there.
//
// The errors are those of Abandonable, and of Run.
func (m *Mover) Abandon(ctx context.Context, tenantID, cellID string, until Phase) (Move, error) {
	a, err := m.Abandonable(ctx, tenantID, cellID)
	move := a.Move
	if err == nil && move.Phase != Abandon {
		move, err = m.beginAbandon(ctx, a)
	}
	if err != nil {
		return move, fmt.Errorf("end the move of tenant %q without cell %s: %w", tenantID, cellID, err)
	}
	return m.carryOn(ctx, move, until)
}

func (m *Mover) beginAbandon(ctx context.Context, a Abandoning) (Move, error) {
	known, err := residence.Get(ctx, m.DynamoDB, m.ControlPlane.MoveTable, a.Move.TenantID)
	if err != nil {
		return a.Move, err
	}
	next := a.Move
	next.Phase, next.Abandoned, next.AbandonedIn, next.Losses = Abandon, a.Lost, a.Move.Phase, a.Losses
	next.HomeEpoch = max(a.Move.Epoch+1, known.NextEpoch())
	r, err := m.takeAs(ctx, a.Move, next,
		residence.GiveEpoch(m.ControlPlane.MoveTable, a.Move.TenantID, a.Move.Owner(), next.HomeEpoch, m.Now()))
	if err != nil {
		return a.Move, err
	}
	r.letGo(ctx)
	return r.move, nil
}

// abandon gives the tenant to the cell that is left, brings it what the lost one still has, and ends the move.
func (r *run) abandon(ctx context.Context, once bool) error {
	if r.move.AbandonedAt.IsZero() {
		if err := r.settleHome(ctx); err != nil {
			return err
		}
		next := r.move
		next.AbandonedAt = r.Now() // counted from here, as in redirect
		if err := r.save(ctx, next); err != nil {
			return err
		}
	}
	if err := r.Sleep(ctx, r.IndexSettle); err != nil {
		return err
	}
	end, since := r.move.AbandonedAt.Add(r.abandonQuarantine()), time.Unix(0, 0)
	for {
		over, looked := !r.Now().Before(end), r.Now()
		if _, err := r.salvage(ctx, since); err != nil {
			return err
		}
		since = looked.Add(-clockMargin)
		if over {
			break
		}
		if once {
			return r.save(ctx, r.move)
		}
		if err := r.Sleep(ctx, min(r.Poll, end.Sub(r.Now()))); err != nil {
			return err
		}
		if err := r.touch(ctx); err != nil {
			return err
		}
	}
	for range maxPasses {
		brought, err := r.salvage(ctx, time.Unix(0, 0))
		if err != nil {
			return err
		}
		deleted := 0
		if brought == 0 {
			if deleted, err = r.clearLost(ctx); err != nil {
				return err
			}
		}
		if brought+deleted == 0 {
			return r.finishAbandoned(ctx)
		}
		if err := r.Sleep(ctx, r.IndexSettle); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: in %d passes over the cells there was always something new; carry the move on to try again", ErrStuck, maxPasses)
}

// homeCell is the cell that the tenant ends up in, lostCell the one that is abandoned.
func (r *run) homeCell() manifest.Cell {
	if r.move.Abandoned == r.move.From {
		return r.to
	}
	return r.from
}

func (r *run) lostCell() manifest.Cell {
	if r.move.Abandoned == r.move.From {
		return r.from
	}
	return r.to
}

// homeFloor is the floor of the fence in the cell that is left. The old cell of a move was the owner under every epoch since
// OldFloor but the move's own, under which it never accepted anything; the new one begins with the epoch that it gets now.
func (r *run) homeFloor() int64 {
	if r.homeCell().ID == r.move.From {
		return r.move.OldFloor
	}
	return r.move.HomeEpoch
}

// abandonQuarantine is how long a router may still write to the lost cell. None does if that never was the owner.
func (r *run) abandonQuarantine() time.Duration {
	if r.move.Abandoned == r.move.To && !r.move.AbandonedIn.Flipped() && !r.move.BackingOut {
		return 0
	}
	return r.Quarantine
}

// settleHome makes the cell that is left the owner, and has the other one apply nothing more if it can.
//
// The copies of a fence that rises are brought before, and those of one that is lowered afterwards. Nothing is sent to the cell that
// is left until all are seen.
func (r *run) settleHome(ctx context.Context) error {
	home := r.homeCell()
	now := r.Now()
	fence := r.fenceOf(ledger.Owner, r.homeFloor(), "")
	if home.ID == r.move.To { // where the floor rises
		if err := r.bring(ctx, home, fence); err != nil {
			return err
		}
	}
	err := r.withLostFence(ctx, func(lost []types.TransactWriteItem) error {
		return r.transact(ctx, r.guard(), append([]types.TransactWriteItem{
			{Update: &types.Update{
				TableName:           aws.String(r.ControlPlane.MappingTable),
				Key:                 mappingKey(r.move.TenantID),
				UpdateExpression:    aws.String("SET #cell = :home, #epoch = :new, #tier = :tier, #updated = :now"),
				ConditionExpression: aws.String("#moving = :to AND (#epoch < :new OR (#epoch = :new AND #cell = :home))"),
				ExpressionAttributeNames: map[string]string{
					"#cell": mapping.AttrCellID, "#epoch": mapping.AttrEpoch, "#tier": mapping.AttrTier,
					"#updated": mapping.AttrUpdatedAt, "#moving": mapping.AttrMovingTo,
				},
				ExpressionAttributeValues: Item{
					":home": item.Text(home.ID), ":new": item.Number(r.move.HomeEpoch), ":tier": item.Text(home.Tier),
					":now": item.Text(event.FormatTime(now)), ":to": item.Text(r.to.ID),
				},
			}},
			ledger.SetFence(home.ResultsTable, fence),
			residence.Settle(r.ControlPlane.MoveTable, r.move.TenantID, home.ID, r.move.HomeEpoch, now),
			placement.Touch(r.ControlPlane.CellTable, r.from.ID), placement.Touch(r.ControlPlane.CellTable, r.to.ID),
		}, lost...)...)
	})
	if errors.Is(err, errChanged) {
		return fmt.Errorf("%w: the tenant's mapping is not what it was, and nobody but the move may change it", ErrStuck)
	}
	if err != nil {
		return err
	}
	return r.bring(ctx, home, fence)
}

// withLostFence makes a transaction with the fence that keeps the lost cell from applying anything and points those that ask
// it to the other one, or without, where the cell has no table for it.
func (r *run) withLostFence(ctx context.Context, write func(fence []types.TransactWriteItem) error) error {
	if lost := r.lostCell(); lost.ResultsTable != "" {
		f := r.fenceOf(ledger.Left, r.move.HomeEpoch, r.homeCell().ID)
		err := r.bring(ctx, lost, f)
		if err == nil {
			err = write([]types.TransactWriteItem{ledger.SetFence(lost.ResultsTable, f)})
		}
		if !isNoTable(err) {
			return err
		}
	}
	return write(nil)
}

// salvage brings what the lost cell's data table has of the time since to the cell that is left, and has that one apply
// what it has not applied. It returns how many events there was something to do about.
func (r *run) salvage(ctx context.Context, since time.Time) (found int, err error) {
	adopted, err := r.adopt(ctx, since)
	if err != nil {
		return 0, err
	}
	home := r.homeCell()
	applied, expired := 0, 0
	err = r.eventsSince(ctx, home, since, func(keys []string) error {
		n, old, err := r.applyAtHome(ctx, keys)
		applied += n
		expired += old
		return err
	})
	if err != nil {
		return 0, err
	}
	r.move.Counts.Expired = max(r.move.Counts.Expired, expired)
	return adopted + applied, r.sendWaiting(ctx, home, home, r.move.HomeEpoch)
}

// adopt copies events of the lost cell that the other one does not have.
func (r *run) adopt(ctx context.Context, since time.Time) (adopted int, err error) {
	home, lost := r.homeCell(), r.lostCell()
	err = r.eventsSince(ctx, lost, since, func(keys []string) error {
		from, err := tenantdata.Read(ctx, r.DynamoDB, lost.DataTable, keys)
		if err != nil {
			return err
		}
		there, err := r.readSide(ctx, home, keys)
		if err != nil {
			return err
		}
		was := side{cell: lost, data: from}
		present(keys, r.Now(), &was, &there)
		for _, key := range keys {
			data := was.data[key]
			if data == nil || there.data[key] != nil {
				continue
			}
			e, err := event.FromItem(data)
			if err != nil {
				continue
			}
			writes := []types.TransactWriteItem{putClone(home, data, lost.ID)}
			if stringOf(data[event.AttrClonedFrom]) == home.ID && there.results[key] == nil {
				// It came from this cell, which has forgotten it and perhaps not yet the state that it changed.
				writes = append(writes, putGivenUp(home, e, r.Now()))
			}
			adopted++
			switch err := r.write(ctx, writes); {
			case err == nil:
				r.move.Counts.Events++
			case !errors.Is(err, errChanged):
				return err
			}
		}
		return nil
	})
	return adopted, ignoreNoTable(err)
}

// ignoreNoTable is for what is done in the lost cell, whose tables need not be there.
func ignoreNoTable(err error) error {
	if isNoTable(err) {
		return nil
	}
	return err
}

// putGivenUp writes that an event is not applied again, unless there is an outcome.
func putGivenUp(cell manifest.Cell, e event.Event, now time.Time) types.TransactWriteItem {
	outcome := ledger.Of(e, ledger.Failed, now, ledger.Memory(cell))
	outcome.Reason = ledger.ReasonDropped
	return ledger.PutUnlessThere(cell.ResultsTable, outcome)
}

// applyAtHome sends events of the cell that is left to its queue, under its new epoch, if it has not applied them and their
// own way to its consumer does not lead to that: those that it diverted or got from the lost cell, and those below its floor.
func (r *run) applyAtHome(ctx context.Context, keys []string) (found, expired int, err error) {
	home := r.homeCell()
	var again []string
	_, err = r.settleIn(ctx, home, keys, func(at side) plan {
		var p plan
		again, expired = nil, 0
		for _, key := range keys {
			data, outcome := at.data[key], at.results[key]
			if data == nil {
				continue
			}
			e, err := event.FromItem(data)
			switch {
			case err != nil:
			case ledger.Peek(outcome).Unsent(r.move.HomeEpoch):
				again = append(again, key)
			case outcome != nil || data[event.AttrClonedFrom] == nil && e.Epoch >= r.homeFloor():
			case ledger.Forgotten(data, home, r.Now()):
				expired++
			default:
				p.writes = append(p.writes, putDiverted(home, e, r.Now()))
				p.counts.TakenOver++
				again = append(again, key)
			}
		}
		return p
	})
	if err != nil {
		return 0, 0, err
	}
	return len(again), expired, r.send(ctx, again, home, home, r.move.HomeEpoch)
}

// clearLost deletes in the lost cell what is in the other one, and what its ledger has come to since: the tenant may return
// to that cell one day. An event whose id the other cell has with other content stays, and is counted as a conflict.
func (r *run) clearLost(ctx context.Context) (deleted int, err error) {
	home, lost := r.homeCell(), r.lostCell()
	conflicts := 0
	err = r.events(ctx, lost, func(keys []string) error {
		from, err := tenantdata.Read(ctx, r.DynamoDB, lost.DataTable, keys)
		if err != nil {
			return err
		}
		there, err := tenantdata.Read(ctx, r.DynamoDB, home.DataTable, keys)
		if err != nil {
			return err
		}
		was, at := side{cell: lost, data: from}, side{cell: home, data: there}
		present(keys, r.Now(), &was, &at)
		var writes []types.TransactWriteItem
		for _, key := range keys {
			writes = append(writes, forgetEnded(key, was)...)
			switch {
			case from[key] == nil || there[key] == nil:
			case sameContent(from[key], there[key]):
				writes = append(writes, remove(lost.DataTable, key))
			default:
				conflicts++
			}
		}
		return r.removeAll(ctx, writes, &deleted)
	})
	if ignoreNoTable(err) != nil {
		return deleted, err
	}
	r.move.Counts.Conflicts = conflicts
	if lost.ResultsTable == "" {
		return deleted, nil
	}
	err = r.results(ctx, lost, func(keys []string) error {
		var writes []types.TransactWriteItem
		for _, key := range keys {
			writes = append(writes, remove(lost.ResultsTable, key))
		}
		return r.removeAll(ctx, writes, &deleted)
	})
	return deleted, ignoreNoTable(err)
}

func (r *run) removeAll(ctx context.Context, writes []types.TransactWriteItem, deleted *int) error {
	err := r.write(ctx, writes)
	if err == nil {
		*deleted += len(writes)
		r.move.Counts.Forgotten += len(writes)
	}
	return err
}

// finishAbandoned ends the move: BackedOut where the tenant is in its old cell, Done where it is in the new one.
func (r *run) finishAbandoned(ctx context.Context) error {
	if err := r.forgetOpen(ctx); err != nil {
		return err
	}
	phase := BackedOut
	if r.homeCell().ID == r.move.To {
		phase = Done
	}
	// The tenant may be suspended, or taken out of it, at any moment.
	for range maxReplans {
		place, err := mapping.NewStore(r.DynamoDB, r.ControlPlane.MappingTable).Get(ctx, r.move.TenantID)
		if err != nil {
			return err
		}
		err = r.withLostFence(ctx, func(fence []types.TransactWriteItem) error {
			writes := append([]types.TransactWriteItem{
				r.endMoving(place), placement.Release(r.ControlPlane.CellTable, r.lostCell().ID),
			}, fence...)
			if phase == Done || len(fence) > 0 { // the new cell has the table that the note is in
				writes = append(writes, ledger.DeleteCloneNote(r.to.ResultsTable, r.move.TenantID))
			}
			return r.enter(ctx, phase, writes...)
		})
		if !errors.Is(err, errChanged) {
			return err
		}
	}
	return fmt.Errorf("%w: the mapping or the count of cell %s is not what it must be; see 'cellctl doctor'", ErrStuck, r.lostCell().ID)
}
