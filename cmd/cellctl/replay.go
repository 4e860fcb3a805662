package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cellular/internal/event"
	"cellular/internal/facts"
	"cellular/internal/placement"
	"cellular/internal/replay"
	"cellular/internal/resend"
)

type replayRequest struct {
	since, until string
	tenant       string
	rate         float64
	dryRun       bool
}

func newReplay(a *app) *cobra.Command {
	var r replayRequest
	cmd := &cobra.Command{
		Use:   "replay CELL",
		Short: "Find events of a cell that were lost on their way, and send them again",
		Long: `replay looks for events that CELL has accepted and that are neither applied nor in a DLQ of it, and sends them to the cells
that own their tenants now. The pipeline loses none; a queue that was purged, a message that was dropped or that outlived
its queue does. An event that is merely late is sent twice, which has no second effect.

It reads the events of every tenant of the cell, or of --tenant, since --since. --dry-run finds and sends nothing. TIME is
a time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m.`,
		Example: `  cellctl replay c01 --since 2h --dry-run
  cellctl replay c01 --since 2026-07-01T12:00:00Z --until 1h --tenant acme`,
		Args:              named("CELL"),
		ValidArgsFunction: first(a.completeCells()),
		RunE: func(cmd *cobra.Command, args []string) error {
			scope, err := r.scope(cmd, time.Now())
			if err != nil {
				return err
			}
			return a.replay(cmd, args[0], scope, replay.Options{Rate: r.rate, DryRun: r.dryRun})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.since, "since", "", "look at events that were accepted at this TIME or later (required)")
	flags.StringVar(&r.until, "until", "", fmt.Sprintf("look at events that were accepted before this TIME (default %s ago)", short(replay.DefaultGrace)))
	flags.StringVar(&r.tenant, "tenant", "", "look at this tenant's events only")
	flags.Float64Var(&r.rate, "rate", defaultRate, "how many events are sent per second at most")
	flags.BoolVar(&r.dryRun, "dry-run", false, "say what would be sent, and send nothing")
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
	return cmd
}

func (r replayRequest) scope(cmd *cobra.Command, now time.Time) (replay.Scope, error) {
	s := replay.Scope{Tenant: r.tenant}
	if r.rate <= 0 {
		return s, wrongUsage(cmd, "--rate is %v, want more than 0", r.rate)
	}
	if r.since == "" {
		return s, wrongUsage(cmd, "--since is missing")
	}
	if r.tenant != "" && !event.ValidTenantID(r.tenant) {
		return s, wrongUsage(cmd, "tenant %q is not of the form %s", r.tenant, event.TenantIDPattern)
	}
	for _, t := range []struct {
		flag, text string
		into       *time.Time
	}{{"--since", r.since, &s.Since}, {"--until", r.until, &s.Until}} {
		if t.text == "" {
			continue
		}
		if ago, err := time.ParseDuration(t.text); err == nil && ago >= 0 {
			*t.into = now.Add(-ago)
		} else if *t.into, err = time.Parse(time.RFC3339, t.text); err != nil {
			return s, wrongUsage(cmd, "%s is %q, want a time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m", t.flag, t.text)
		}
	}
	return s, nil
}

// replayView is what a replay has found and done.
type replayView struct {
	DryRun   bool           `json:"dry_run"`
	Found    int            `json:"found"`
	Reasons  map[string]int `json:"reasons"`
	Verdicts map[string]int `json:"verdicts"`
	Events   []replayedView `json:"events"` // the first of them
}

type replayedView struct {
	Key     string         `json:"key"`
	Reason  replay.Reason  `json:"reason"`
	Verdict resend.Verdict `json:"verdict"`
}

func viewOfReplay(r replay.Summary, dryRun bool) replayView {
	v := replayView{DryRun: dryRun, Found: r.Found, Reasons: map[string]int{}, Verdicts: map[string]int{}, Events: []replayedView{}}
	for reason, n := range r.Reasons {
		v.Reasons[string(reason)] = n
	}
	for verdict, n := range r.Verdicts {
		v.Verdicts[string(verdict)] = n
	}
	for _, e := range r.First {
		v.Events = append(v.Events, replayedView{e.Key, e.Reason, e.Verdict})
	}
	return v
}

func (v replayView) text(s *sheet) {
	s.row("found", v.Found)
	for _, verdict := range slices.Sorted(maps.Keys(v.Verdicts)) {
		s.row(verdict, v.Verdicts[verdict])
	}
	if len(v.Events) == 0 {
		return
	}
	s.blank()
	s.row("EVENT", "REASON", "VERDICT")
	for _, e := range v.Events {
		s.row(e.Key, e.Reason, e.Verdict)
	}
}

func (a *app) replay(cmd *cobra.Command, id string, scope replay.Scope, o replay.Options) error {
	ctx := cmd.Context()
	s, cell, err := a.connectToCell(ctx, id)
	if err != nil {
		return err
	}
	if !o.DryRun {
		if err := a.confirm(cmd, fmt.Sprintf("Send the events of cell %s of stack %s again that were lost since %s?", id, s.Stack, event.FormatTime(scope.Since))); err != nil {
			return err
		}
	}
	if scope.InDLQ, err = s.inDLQs(ctx, cell); err != nil {
		return err
	}
	scope.Tenants = s.tenantsOf(cell)
	p := a.progress("found events:", 0)
	o.Progress = func(done replay.Summary) { p.at(int64(done.Found)) }
	summary, err := (&replay.Replayer{DynamoDB: s.dynamo, Home: s.home()}).Run(ctx, cell, scope, o)
	p.end()
	if err != nil && summary.Found == 0 {
		return err
	}
	if printed := a.print(viewOfReplay(summary, o.DryRun)); err == nil {
		err = printed
	}
	return err
}

// tenantsOf pages through the tenants of a cell, with the one that it is probed with: its events can be lost as well.
func (s *session) tenantsOf(cell facts.Cell) func(ctx context.Context, after string) ([]string, string, error) {
	return func(ctx context.Context, after string) ([]string, string, error) {
		page, next, err := s.placement.PageWithProbes(ctx, cell.ID, after, placement.MaxPage)
		ids := make([]string, 0, len(page))
		for _, m := range page {
			ids = append(ids, m.TenantID)
		}
		return ids, next, err
	}
}
