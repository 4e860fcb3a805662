package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/record"
)

// patiently carries a move on that another process may be at work on: it waits until that process is taken to be dead, or
// shows that it is not. Whichever way the move is carried on, it comes back with the move as it is.
func patiently(ctx context.Context, n *narrator, carry func() (move.Move, error)) (move.Move, error) {
	m, err := record.Await(ctx, move.ErrHeld, func(m move.Move) time.Time { return m.UpdatedAt }, sayWaiting(n.say), carry)
	if errors.Is(err, record.ErrAlive) {
		err = refused("tenant %q: %s is alive and at work on the move; leave it to that process, or end it and try again; 'cellctl moves show %[1]s' shows how far it is",
			m.TenantID, m.Holder)
	}
	return m, err
}

// sayWaiting says that another process is waited for.
func sayWaiting(say func(format string, args ...any)) func(error) {
	return func(err error) { say("waiting to see whether it is alive: %v", err) }
}

// explainStart says of a move that did not begin what to do instead.
func (s *session) explainStart(ctx context.Context, err error, tenant, to string) error {
	switch {
	case errors.Is(err, mapping.ErrUnknownTenant):
		if removed := s.explainUnknownTenant(ctx, err, tenant); errors.Is(removed, errRefused) {
			return removed
		}
		return fmt.Errorf("%w; 'cellctl tenants assign %s --cell %s' places a new tenant", err, tenant, to)
	case errors.Is(err, fleet.ErrUnknownCell):
		if m, failed := s.placement.Get(ctx, tenant); failed == nil {
			if _, lost := s.Cell(ctx, m.CellID); errors.Is(lost, fleet.ErrUnknownCell) {
				return s.cellLost(ctx, m)
			}
		}
		explained := s.explainUnknown(ctx, err, to)
		if errors.Is(explained, errRefused) {
			return explained
		}
		return fmt.Errorf("move tenant %q to cell %s: %w", tenant, to, explained)
	case errors.Is(err, move.ErrSameCell):
		return refused("tenant %q is in cell %s already; nothing was done", tenant, to)
	case errors.Is(err, move.ErrMoving):
		return s.explainMoving(ctx, err, tenant)
	case errors.Is(err, move.ErrRemoving):
		return s.explainRemoving(ctx, err, tenant)
	case errors.Is(err, move.ErrNoPlace):
		return s.explainNoPlace(ctx, err, tenant, to)
	}
	if lack, ok := errors.AsType[*move.LackError](err); ok {
		r := move.RemedyOf(lack.Lacks)
		remedy := s.makeAgain(r)
		if r.Ledger {
			remedy = strings.TrimSuffix(restoreTable, ", ")
		}
		return refused("move tenant %q to cell %s: %v: nothing was done; %s", tenant, to, lack, remedy)
	}
	return err
}

func (s *session) explainMoving(ctx context.Context, err error, tenant string) error {
	m, found := s.mover().Get(ctx, tenant)
	if found != nil {
		return fmt.Errorf("%w, and it may have ended meanwhile (%w); try again", err, found)
	}
	return refused("a move of tenant %q from cell %s to %s is under way, in phase %s; %s; %s",
		tenant, m.From, m.To, m.Phase, atWork(m), s.ways(ctx, m))
}

// explainRemoving says of a tenant that is being removed how that goes on.
func (s *session) explainRemoving(ctx context.Context, err error, tenant string) error {
	m, found := s.remover().Get(ctx, tenant)
	if found != nil {
		return fmt.Errorf("%w, and that may have ended meanwhile (%w); try again", err, found)
	}
	return refused("tenant %q is being removed from cell %s, phase %s; %s", tenant, m.CellID, m.Phase, removalWays(m))
}

// atWork says who works on a move.
func atWork(m move.Move) string {
	if m.AtWork(time.Now(), record.Gone) {
		return holderAtWork(m.Holder, m.UpdatedAt)
	}
	return "nobody has been at work on it for " + short(max(0, time.Since(m.UpdatedAt)))
}

// holderAtWork says that a process is at work, and when it last said so.
func holderAtWork(holder string, seen time.Time) string {
	return fmt.Sprintf("%s is at work on it, seen %s", holder, ago(seen, time.Now()))
}

// lackPatience bounds the look at the cells of a move that comes before advice, after Ctrl-C too.
const lackPatience = 10 * time.Second

// ways are the commands by which an open move goes on, and back, as far as both cells have what that needs.
func (s *session) ways(ctx context.Context, m move.Move) string {
	if instead := s.insteadOf(ctx, m); instead != "" {
		return instead
	}
	return waysOn(m)
}

// insteadOf says which ways a move has whose cells lack what it needs; "" for all others, and where that is unknown.
func (s *session) insteadOf(ctx context.Context, m move.Move) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lackPatience)
	defer cancel()
	w, err := s.mover().Ways(ctx, m)
	switch {
	case err != nil:
		return ""
	case !w.GoesOn() && !w.GoesBack():
		return fmt.Sprintf("it goes neither on nor back, for %v; %s", &move.LackError{Lacks: w.On}, s.mend(m, w.On))
	case !w.GoesOn():
		return fmt.Sprintf("it does not go on, for %v; %s; or 'cellctl tenants move %s --back-out' takes the tenant back to cell %s",
			&move.LackError{Lacks: w.On}, s.mend(m, w.On), m.TenantID, m.From)
	case !w.GoesBack() && !w.OnlyOn:
		return fmt.Sprintf("'cellctl tenants move %s --resume' carries it on; it cannot go back, for %v", m.TenantID, &move.LackError{Lacks: w.Back})
	}
	return ""
}

// The remedy of a table that is gone, before anything that makes an empty one.
const restoreTable = "restore the table under its own name from the backup that AWS keeps of a deleted table for 35 days, before any 'pulumi up', "

// mend says what makes a move go on, or end, whose cells lack something.
func (s *session) mend(m move.Move, lacks []move.Lack) string {
	on := fmt.Sprintf("then 'cellctl tenants move %s --resume' carries it on", m.TenantID)
	r := move.RemedyOf(lacks)
	switch {
	case !r.Ledger:
		return s.makeAgain(r) + ", " + on
	case r.Abandon == "":
		return restoreTable + on
	case r.AgainFirst == "":
		return restoreTable + on + fmt.Sprintf("; if it is gone for good, 'cellctl tenants move %s --abandon %s' says what is lost, and ends the move in the other cell",
			m.TenantID, r.Abandon)
	}
	return restoreTable + on + fmt.Sprintf("; if it is gone for good, %s what cell %s lacks, and 'cellctl tenants move %s --abandon %s' ends the move there",
		s.upAgain(), r.AgainFirst, m.TenantID, r.Abandon)
}

// makeAgain says what brings back parts that no ledger is among.
func (s *session) makeAgain(r move.Remedy) string {
	if r.Table {
		return restoreTable + "or, if it is gone for good, make an empty one with 'pulumi up --refresh -s " + string(s.Stack) + "'"
	}
	return s.upAgain() + " that"
}

func (s *session) upAgain() string {
	return "'pulumi up --refresh -s " + string(s.Stack) + "' makes again"
}

// waysOn are the commands by which an open move goes on whose cells lack nothing.
func waysOn(m move.Move) string {
	on := fmt.Sprintf("'cellctl tenants move %s --resume' carries it on", m.TenantID)
	if m.MayBackOut() != nil {
		return on
	}
	return on + fmt.Sprintf(", 'cellctl tenants move %s --back-out' takes the tenant back to cell %s", m.TenantID, m.From)
}

// explainNoPlace says why the cell takes no tenant, and which ones do.
func (s *session) explainNoPlace(ctx context.Context, err error, tenant, to string) error {
	cells, failed := s.Cells(ctx)
	if failed != nil {
		return err
	}
	states, failed := s.placement.States(ctx, cellIDs(cells))
	if failed != nil {
		return err
	}
	cell, failed := fleet.Find(cells, s.Stack, to)
	if failed != nil {
		return err
	}
	why, remedy := "", "; 'cellctl cells activate "+to+"' has it take tenants"
	switch state := states[to]; {
	case state.Status != placement.Active:
		why = string(state.Status)
	case state.Full(cell):
		why, remedy = "full, with "+tenantsOf(state.Tenants, cell.MaxTenants)+" tenants", ""
	default:
		return fmt.Errorf("%w a moment ago; try again", err)
	}
	m, failed := s.placement.Get(ctx, tenant)
	if failed != nil {
		return err
	}
	var others []string
	fit, _ := placement.Others(cells, states, m) // none is no error here
	for _, c := range fit[:min(len(fit), maxOthers)] {
		others = append(others, fmt.Sprintf("%s (%s)", c.ID, tenantsOf(states[c.ID].Tenants, c.MaxTenants)))
	}
	if len(others) == 0 {
		return refused("cell %s takes no tenant: it is %s%s; no other cell of tier %s takes one", to, why, remedy, m.Tier)
	}
	return refused("cell %s takes no tenant: it is %s%s; these take one of tier %s: %s", to, why, remedy, m.Tier, strings.Join(others, ", "))
}

// maxOthers is how many cells an error proposes at most.
const maxOthers = 5

// explainRun says of a move that was not carried on what to do. How things stand meanwhile is said as a note: that is what
// an operator wants to know first, also one who pressed Ctrl-C.
func (s *session) explainRun(ctx context.Context, n *narrator, err error, tenant string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, move.ErrNoMove):
		return s.explainNoMove(ctx, err, tenant)
	case errors.Is(err, move.ErrTakenOver):
		return refused("%v, and carries it on; 'cellctl moves show %s' shows how far it is", err, tenant)
	case errors.Is(err, errRefused):
		return err
	}
	if lack, ok := errors.AsType[*move.LackError](err); ok {
		if m, failed := s.mover().Get(ctx, tenant); failed == nil {
			return refused("back out the move of tenant %q from cell %s to %s: %v; %s", tenant, m.From, m.To, lack, s.mend(m, lack.Lacks))
		}
	}
	switch {
	case errors.Is(err, move.ErrTooLate):
		return refused("%v: 'cellctl tenants move %s --resume'", err, tenant)
	case errors.Is(err, move.ErrBackingOut), errors.Is(err, move.ErrAbandoning):
		return refused("%v: 'cellctl tenants move %s --resume'", err, tenant)
	}
	if m, known := n.last(tenant); known {
		n.say("The move of tenant %s is safe where it is, in phase %s: %s.", tenant, m.Phase, standing(m))
		n.say("%s.", s.ways(ctx, m))
	} else {
		n.say("Nothing was done about the move. 'cellctl moves show %s' shows it.", tenant)
		if m, failed := s.mover().Get(context.WithoutCancel(ctx), tenant); failed == nil {
			if instead := s.insteadOf(ctx, m); instead != "" {
				n.say("%s.", instead)
			}
		}
	}
	return err
}

func (s *session) explainNoMove(ctx context.Context, err error, tenant string) error {
	m, failed := s.placement.Get(ctx, tenant)
	if errors.Is(failed, mapping.ErrUnknownTenant) {
		if removed := s.explainUnknownTenant(ctx, failed, tenant); errors.Is(removed, errRefused) {
			return removed
		}
		return fmt.Errorf("%w; 'cellctl tenants list' shows those that there are", failed)
	}
	if failed != nil {
		return err
	}
	if m.Removing != 0 {
		return s.explainRemoving(ctx, err, tenant)
	}
	return refused("no move of tenant %q is under way; it is in cell %s, 'cellctl moves list --tenant %[1]s' shows its moves of the past", tenant, m.CellID)
}

// standing is what becomes of the tenant's events while nobody works on the move.
func standing(m move.Move) string {
	//exhaustive:enforce
	switch m.Phase {
	case move.Clone:
		return fmt.Sprintf("cell %s serves the tenant as before", m.From)
	case move.Fence, move.Copy, move.Flip, move.GiveBack:
		return "the tenant's events are accepted, and wait until it is carried on"
	case move.Redirect:
		return fmt.Sprintf("cell %s serves the tenant, and what reaches cell %s waits until it is carried on", m.To, m.From)
	case move.Abandon:
		return fmt.Sprintf("cell %s serves the tenant, and what cell %s still has waits until it is carried on", m.Owner(), m.Abandoned)
	case move.Verify, move.Forget, move.Done, move.BackedOut, move.Reversed:
	}
	return fmt.Sprintf("cell %s serves the tenant", m.To)
}

// left tells what is still to be done about a move that has gone as far as it was to go.
func (s *session) left(n *narrator, m move.Move) {
	if m.Counts.Conflicts > 0 {
		n.say("%s: cell %s had accepted other content under the ids of %s; the events are in the consumer DLQ of cell %s: 'cellctl dlq list --cell %[4]s --kind consumer --tenant %[1]s'",
			m.TenantID, m.To, counted(m.Counts.Conflicts, "event"), m.From)
	}
	if m.Phase.Ended() {
		return
	}
	if m.Phase == move.Abandon {
		n.say("Tenant %s is served by cell %s. What routers still write to cell %s waits until the move is carried on; after %s it can be finished: 'cellctl tenants move %[1]s --resume'.",
			m.TenantID, m.Owner(), m.Abandoned, event.FormatTime(s.redirectUntil(m)))
		return
	}
	n.say("Tenant %s is served by cell %s. What routers still write to cell %s waits until the move is carried on; after %s it can be finished: 'cellctl tenants move %[1]s --resume', or 'cellctl moves resume --all' for all that were left.",
		m.TenantID, m.To, m.From, event.FormatTime(s.redirectUntil(m)))
}

// until is how far a move is carried.
func until(noWait bool) move.Phase {
	if noWait {
		return move.Redirect
	}
	return ""
}

const noWaitUsage = "return once the tenant's new cell serves it; the move is to be finished later"

// needsOne refuses a command line that has not exactly one of the flags.
func needsOne(cmd *cobra.Command, names ...string) error {
	given := 0
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			given++
		}
	}
	list := "--" + strings.Join(names[:len(names)-1], ", --") + " and --" + names[len(names)-1]
	switch given {
	case 0:
		return cli.WrongUsage(cmd, "one of %s is missing", list)
	case 1:
		return nil
	}
	return cli.WrongUsage(cmd, "%s exclude each other", list)
}

// carriedView is how far a command that carries on many moves came with a tenant's, and why not further.
type carriedView struct {
	TenantID string      `json:"tenant_id"`
	To       *string     `json:"to"` // null, as is the phase, where there is no move
	Phase    *move.Phase `json:"phase"`
	Error    *string     `json:"error"`

	move move.Move
	err  error
}

func carried(tenant string, m move.Move, err error) carriedView {
	v := carriedView{TenantID: tenant, move: m, err: err}
	if m.TenantID != "" {
		v.To, v.Phase = &m.To, &m.Phase
	}
	if err != nil {
		v.Error = new(err.Error())
	}
	return v
}

func carriedTable(s *sheet, carried []carriedView) {
	s.row("TENANT", "TO", "PHASE", "ERROR")
	for _, c := range carried {
		phase := "-"
		if c.Phase != nil {
			phase = string(*c.Phase)
		}
		s.row(c.TenantID, orDash(c.To), phase, firstLine(c.Error))
	}
}

// firstLine is what a table has of an error.
func firstLine(text *string) coloured {
	if text == nil {
		return coloured{"-", plain}
	}
	line, _, _ := strings.Cut(*text, "\n")
	return coloured{strings.TrimSuffix(line, ":"), red}
}
