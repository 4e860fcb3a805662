package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"cellular/internal/operator/move"
	"cellular/internal/operator/record"
	"cellular/internal/operator/removal"
)

func newMovesShow(a *app) *cobra.Command {
	return onlyLooks(&cobra.Command{
		Use:   "show TENANT",
		Short: "Show how far a tenant's move is, and what it did",
		Long: `show prints the removal of TENANT that is under way, or the move of TENANT that is under way, or else its last one: the time that each phase took, what was copied and
sent on, and what both cells were found to have in common. A digest is the same in both cells, or the move would not have
gone on.`,
		Example: `  cellctl moves show acme
  cellctl moves show acme --output json | jq .counts`,
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.showMove(cmd.Context(), args[0]) },
	})
}

// moveDetailView is a move with all that is known of it.
type moveDetailView struct {
	moveView

	now time.Time
}

func (a *app) showMove(ctx context.Context, tenant string) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	open, err := s.remover().Get(ctx, tenant)
	switch {
	case err == nil:
		if err := a.print(removalDetailView{viewOfRemoval(open), time.Now()}); err != nil {
			return err
		}
		next := removalWays(open)
		if open.AtWork(time.Now(), record.Gone) {
			next = holderAtWork(open.Holder, open.UpdatedAt)
		}
		a.note("\nThe tenant is suspended, and nothing else changes it meanwhile: %s.", next)
		return nil
	case !errors.Is(err, removal.ErrNone):
		return err
	}
	moves, err := s.history(ctx, tenant, false)
	if err != nil {
		return err
	}
	if len(moves) == 0 {
		return refused("tenant %q has not been moved in the last 90 days; 'cellctl tenants show %[1]s' shows where it is", tenant)
	}
	shown := move.Latest(moves)
	if err := a.print(moveDetailView{s.viewOfMove(shown), time.Now()}); err != nil {
		return err
	}
	switch {
	case shown.Phase.Ended():
	case shown.AtWork(time.Now(), record.Gone):
		a.note("\n%s: %s.", atWork(shown), s.doing(shown))
	default:
		a.note("\n%s: %s.", standing(shown), s.ways(ctx, shown))
	}
	return nil
}

func (v moveDetailView) text(s *sheet) {
	s.row("tenant", v.TenantID)
	s.row("from", v.From)
	s.row("to", v.To)
	s.row("epoch", v.Epoch)
	s.row("phase", v.phase())
	s.row("started", orDash(v.StartedAt), ago(v.move.StartedAt, v.now))
	s.row("last sign of life", orDash(v.UpdatedAt), ago(v.move.UpdatedAt, v.now))
	s.row("at work", orDash(v.Holder))
	s.row("flipped", orDash(v.FlippedAt))
	s.row("redirect ends", orDash(v.RedirectUntil))
	s.row("finished", orDash(v.FinishedAt))
	if v.Abandoned != nil {
		s.row("without cell", *v.Abandoned)
		for _, loss := range v.Losses {
			s.row("lost", loss)
		}
	}
	s.blank()
	v.moveView.text(s)
}
