package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/follow"
	"cellular/internal/operator/move"
	"cellular/internal/operator/resend"
)

func newEventsShow(a *app) *cobra.Command {
	return onlyLooks(&cobra.Command{
		Use:   "show TENANT EVENT_ID",
		Short: "Show an event's way: accepted, each failure, what became of it, and what to do next",
		Long: `show prints what is known of the event EVENT_ID of TENANT: when it was accepted and in which cell, each attempt that failed with what the
failure said, whether it was applied, given up on, or sent on to another cell, what each cell has of it now, and what to do next, with the command.

It reads the tables of the tenant's cell, and of the other cell during a move and for some time after it. It takes no message out of a
DLQ, and so needs no more than the right to look: how many messages the queues have is shown, and 'cellctl dlq list --event' finds
the event's own. When the producer published an event is not kept.

STATUS is accepted (on its way, or lost on it), processed, failed (given up on), diverted (it waits to be sent to the tenant's new cell),
expired (its data has, and it was never applied), or unreadable. An id may be used again once its event has expired: what is shown is
the latest event of the id.

` + exitCodes,
		Example: `  cellctl events show acme order-17
  cellctl events show acme order-17 --output json | jq -r '.next.commands[]'`,
		Args:              oneEvent,
		ValidArgsFunction: first(a.completeTenants()),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.showEvent(cmd.Context(), args[0], args[1]) },
	})
}

func (a *app) showEvent(ctx context.Context, tenant, id string) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	trail, err := s.finder().Event(ctx, tenant, id)
	if err != nil {
		return s.explainNowhere(ctx, err, tenant)
	}
	lost := trail.Copies[0].Lost
	if trail.Standing().Status == follow.None {
		if lost {
			return s.cellLost(ctx, trail.Mapping)
		}
		return refused("%s nothing of event %q of tenant %q: it was never accepted, or is another tenant's, or has expired with its outcome; "+
			"'cellctl events list --tenant %[3]s' shows the tenant's latest", holders(trail.Copies), id, tenant)
	}
	story, err := s.storyOf(ctx, trail)
	if err != nil {
		return err
	}
	if err := a.print(viewOfStory(story)); err != nil {
		return err
	}
	if lost {
		m := trail.Mapping
		a.note("\nCell %s is not there, and events of the tenant are refused: %s.", m.CellID, s.waysOnWithout(ctx, m))
	}
	return nil
}

// holders names the cells that were looked into, with what goes with a number of them: "cell c01 has", "cells c01 and c02 have".
func holders(copies []follow.Copy) string {
	var ids []string
	for _, c := range copies {
		ids = append(ids, c.CellID)
	}
	return plural(len(ids), "cell ", "cells ") + strings.Join(ids, " and ") + plural(len(ids), " has", " have")
}

// story is what is known of an event, and of what is around it.
type story struct {
	follow.Trail
	follow.Standing
	move  *move.Move // the one under way; nil for none
	cell  string     // in whose queues the event's message is, if it is in any
	depth *cellstatus.Status
	again *resend.Assessed // what would become of the event if it was sent again; nil where that is not asked
}

// storyOf reads what is around an event. The queues, and what a redrive would do, are looked at only where the event is not done with.
func (s *session) storyOf(ctx context.Context, t follow.Trail) (story, error) {
	of := story{Trail: t, Standing: t.Standing()}
	if t.Mapping.MovingTo != "" {
		m, err := s.mover().Get(ctx, t.TenantID)
		switch {
		case err == nil:
			of.move = &m
		case !errors.Is(err, move.ErrNoMove): // it has ended meanwhile
			return of, err
		}
	}
	if of.Status == follow.Processed || of.Status == follow.Expired {
		return of, nil
	}
	of.cell = of.Copy.CellID
	if of.Status == follow.Failed {
		of.cell = of.FailedIn()
	}
	cell, err := s.Cell(ctx, of.cell)
	if errors.Is(err, fleet.ErrUnknownCell) {
		return of, nil
	}
	if err != nil {
		return of, err
	}
	depth, err := s.status.Queues(ctx, cell)
	if err != nil {
		return of, err
	}
	of.depth = &depth
	assessed, err := s.home().Assess(ctx, cell, t.TenantID, []resend.Wanted{{Key: t.Key()}})
	if err != nil {
		return of, err
	}
	if again, ok := assessed[t.Key()]; ok {
		of.again = &again
	}
	return of, nil
}

// lastSign is when something was last known to happen to the event.
func (of story) lastSign() time.Time {
	steps := of.Steps()
	if len(steps) == 0 {
		return time.Time{}
	}
	return slices.MaxFunc(steps, func(a, b follow.Step) int { return a.At.Compare(b.At) }).At
}
