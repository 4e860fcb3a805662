package main

import (
	"context"

	"github.com/spf13/cobra"

	"cellular/internal/move"
)

type moveRequest struct {
	to              string // "" for a move that is under way
	resume, backOut bool
	noWait          bool
}

func newTenantsMove(a *app) *cobra.Command {
	var r moveRequest
	cmd := &cobra.Command{
		Use:   "move TENANT --to CELL",
		Short: "Move a tenant to another cell while its events keep coming",
		Long: `move takes TENANT to the CELL that --to names, of whatever tier, which the tenant then has. No event is lost, applied
twice or refused, and TENANT need not do anything; see 'cellctl moves --help' for the phases.

It takes a little longer than the router's hard TTL: for so long some of its processes may still write to the old cell,
and what they write is sent on. With --no-wait the command returns as soon as the new cell serves TENANT; what reaches
the old cell from then on waits until the move is carried on.

Whatever ends the command, Ctrl-C or a crash of the host, the move stays as it is and can be carried on with --resume, or,
until the old cell begins to forget, be backed out with --back-out. A process that seems to be at work on the move is
waited for, up to 20 seconds, until it is taken to be dead; one of this host that has ended is not waited for.`,
		Example: `  cellctl tenants move acme --to c02
  cellctl tenants move acme --to c02 --no-wait --output json | jq -r .redirect_until
  cellctl tenants move acme --resume
  cellctl tenants move acme --back-out`,
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needsOne(cmd, "to", "resume", "back-out"); err != nil {
				return err
			}
			return a.moveTenant(cmd.Context(), args[0], r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.to, "to", "", "the cell that the tenant goes to")
	flags.BoolVar(&r.resume, "resume", false, "carry on the tenant's move that is under way")
	flags.BoolVar(&r.backOut, "back-out", false, "take the tenant back to the cell that its move took it from")
	flags.BoolVar(&r.noWait, "no-wait", false, noWaitUsage)
	_ = cmd.RegisterFlagCompletionFunc("to", a.completeCells())
	return cmd
}

func (a *app) moveTenant(ctx context.Context, tenant string, r moveRequest) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	n := a.narrate(s, true)
	m, err := s.moveTenant(ctx, n, tenant, r)
	n.end()
	if err != nil {
		return err
	}
	if err := a.print(s.viewOfMove(m)); err != nil {
		return err
	}
	s.left(n, m)
	return nil
}

func (s *session) moveTenant(ctx context.Context, n *narrator, tenant string, r moveRequest) (move.Move, error) {
	mover := s.observedMover(n.observe)
	carry := mover.Run
	switch {
	case r.backOut:
		carry = mover.BackOut
	case !r.resume:
		if _, err := mover.Start(ctx, tenant, r.to); err != nil {
			return move.Move{}, s.explainStart(ctx, err, tenant, r.to)
		}
	}
	m, err := patiently(ctx, n, func() (move.Move, error) { return carry(ctx, tenant, until(r.noWait)) })
	return m, s.explainRun(ctx, n, err, tenant)
}
