package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
)

func newMovesList(a *app) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the moves under way, or those of a tenant",
		Long: `list prints the moves that are under way, by tenant, and the removals of tenants; with --tenant the last 50 of that tenant, the newest first, also
those that ended in the last 90 days. A change of the last second may be missing.

AT WORK is the process that carries the move on, as HOST:PID, and SEEN when it last said so: it does every 3 seconds, and
after 15 it is taken to be dead, one of this host that has ended at once. A move that nobody is at work on has a -: it
waits for 'cellctl moves resume', or in redirect, if SEEN is a few seconds ago, for the next round of one that runs; it looks
at such moves every 5 seconds or so, and holds none of them in between. EVENTS is how many were copied, SENT how many were sent on from the old cell. From
REDIRECT ENDS on no router knows the old cell.`,
		Example: `  cellctl moves list
  cellctl moves list --tenant acme
  cellctl moves list --output json | jq -r '.moves[] | select(.holder == null) | .tenant_id'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if tenant != "" && !event.ValidTenantID(tenant) {
				return cli.WrongUsage(cmd, "--tenant is %q, want the form %s", tenant, event.TenantIDPattern)
			}
			return a.listMoves(cmd.Context(), tenant)
		},
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "the only tenant whose moves are listed, with those of the past")
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
	return onlyLooks(cmd)
}

type movesView struct {
	Moves    []moveView    `json:"moves"`
	Removals []removalView `json:"removals"`

	now time.Time
}

func (a *app) listMoves(ctx context.Context, tenant string) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	var moves []move.Move
	var removals []removal.Removal
	if tenant == "" {
		if moves, err = s.mover().Open(ctx); err == nil {
			removals, err = s.remover().Open(ctx)
		}
	} else if removals, err = s.remover().History(ctx, tenant, maxRemovals); err == nil {
		moves, err = s.history(ctx, tenant, len(removals) > 0)
	}
	if err != nil {
		return err
	}
	v := movesView{Moves: []moveView{}, Removals: []removalView{}, now: time.Now()}
	for _, m := range removals {
		v.Removals = append(v.Removals, viewOfRemoval(m))
	}
	for _, m := range moves {
		v.Moves = append(v.Moves, s.viewOfMove(m))
	}
	return a.print(v)
}

// history is a tenant's moves, the newest first. That of one who never was is an error: it is a mistyped name, unless the
// tenant is known otherwise.
func (s *session) history(ctx context.Context, tenant string, known bool) ([]move.Move, error) {
	moves, err := s.mover().History(ctx, tenant)
	if err == nil && len(moves) == 0 && !known {
		_, err = s.placement.Get(ctx, tenant)
		err = s.explainUnknownTenant(ctx, err, tenant)
	}
	return moves, err
}

func (v movesView) text(s *sheet) {
	s.row("TENANT", "FROM", "TO", "EPOCH", "PHASE", "STARTED", "AT WORK", "SEEN", "EVENTS", "SENT", "REDIRECT ENDS")
	for _, m := range v.Moves {
		s.row(m.TenantID, m.From, m.To, m.Epoch, m.phase(), ago(m.move.StartedAt, v.now), orDash(m.Holder), ago(m.move.UpdatedAt, v.now),
			m.Counts.Events, m.Counts.Sent, orDash(m.RedirectUntil))
	}
	if len(v.Removals) == 0 {
		return
	}
	s.blank()
	s.row("REMOVED TENANT", "FROM", "EPOCH", "PHASE", "STARTED", "AT WORK", "SEEN", "DELETED")
	for _, m := range v.Removals {
		s.row(m.TenantID, m.Cell, m.Epoch, m.phase(), ago(m.removal.StartedAt, v.now), orDash(m.Holder), ago(m.removal.UpdatedAt, v.now),
			m.removal.Counts.Items())
	}
}
