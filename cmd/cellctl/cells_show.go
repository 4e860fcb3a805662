package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/alarm"
	"cellular/internal/operator/cellstatus"
)

func newCellsShow(a *app) *cobra.Command {
	return onlyLooks(&cobra.Command{
		Use:   "show CELL",
		Short: "Show one cell: what it is made of, how it is set, and what waits in it",
		Long: `show prints all that is known of CELL: its state, depths and alarms as 'cellctl cells list' has them, for which tenants diverted
events wait in it, the moves into and out of it that are under way, the names of its parts, and its settings.`,
		Example: `  cellctl cells show c01
  cellctl cells show c01 --output json | jq .settings`,
		Args:              cli.Named("CELL"),
		ValidArgsFunction: first(a.completeCells()),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.showCell(cmd, args[0]) },
	})
}

func (a *app) showCell(cmd *cobra.Command, id string) error {
	ctx := cmd.Context()
	s, cell, err := a.connectToCell(ctx, id)
	if err != nil {
		return err
	}
	states, err := s.placement.States(ctx, []string{id})
	if err != nil {
		return err
	}
	read, unread := s.status.Read(ctx, cell)
	v := cellDetailView{cellView: viewOfCell(cell, states[id]), now: time.Now()}
	watched, cancel := context.WithTimeout(ctx, cloudwatchPatience)
	defer cancel()
	alarms := s.readAlarms(func(r *alarm.Reader) ([]alarm.Alarm, error) { return r.Of(watched, alarm.Cell(id)) })
	ages, noAge := cellstatus.Oldest(watched, s.cloudwatch, []manifest.Cell{cell}, v.now)
	v.UpdatedAt = jsonTime(states[id].UpdatedAt)
	v.WaitingByTenant = map[string]int{}
	if unread == nil {
		v.add(read)
		v.addAge(ages)
		if noAge != nil && v.oldest() == "?" {
			a.note("no age: %v", noAge)
		}
		v.WaitingByTenant = read.Waiting.ByTenant
	}
	firing, noAlarms := alarms()
	v.addAlarms(firing, noAlarms)
	if noAlarms != nil {
		a.note("no alarms: %v", noAlarms)
	}
	moves, err := s.mover().Open(ctx)
	if err != nil {
		return err
	}
	v.OpenMoves = s.viewOfMoves(moves, id)
	v.Parts = partsOf(cell)
	v.Settings = cell.Settings
	if err := a.print(v); err != nil {
		return err
	}
	if unread != nil {
		return fmt.Errorf("cell %s: %w; 'cellctl doctor' says what mends it", id, unread)
	}
	return nil
}

type cellDetailView struct {
	cellView
	UpdatedAt       *string           `json:"updated_at"`
	WaitingByTenant map[string]int    `json:"waiting_by_tenant"`
	OpenMoves       []moveView        `json:"open_moves"`
	Parts           parts             `json:"parts"`
	Settings        manifest.Settings `json:"settings"`

	now time.Time
}

func (v cellDetailView) text(s *sheet) {
	s.row("cell", v.ID)
	s.row("wave", v.Wave)
	s.row("tier", v.Tier)
	s.row("status", status(string(v.Status)))
	s.row("tenants", tenantsOf(v.Tenants, v.MaxTenants))
	v.rows(s)
	s.row("alarms", v.alarms())
	for _, m := range v.OpenMoves {
		s.row("moving", m.String())
	}
	s.blank()
	s.fields(v.Parts)
	s.blank()
	s.fields(v.Settings)
}

// rows are the depths of the cell and when it last applied an event, or that they could not be read.
func (v cellDetailView) rows(s *sheet) {
	if v.read == nil {
		for _, what := range []string{"queue", "oldest", "stream DLQ", "subscription DLQ", "consumer DLQ", "waiting", "last applied"} {
			s.row(what, "?")
		}
		return
	}
	s.row("queue", depth(v.read.Queue))
	s.row("oldest", v.oldest())
	s.row("stream DLQ", dlq(v.read.StreamDLQ))
	s.row("subscription DLQ", dlq(v.read.SubscriptionDLQ))
	s.row("consumer DLQ", dlq(v.read.ConsumerDLQ))
	s.row("waiting", waiting(v.read.Waiting))
	for _, tenant := range slices.Sorted(maps.Keys(v.WaitingByTenant)) {
		s.row("  "+tenant, v.WaitingByTenant[tenant])
	}
	s.row("last applied", ago(v.read.AppliedAt, v.now))
}
