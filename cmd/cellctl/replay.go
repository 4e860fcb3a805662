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
	"cellular/internal/model/manifest"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
)

// defaultSince is how far back a replay looks, where nothing else is asked for.
const defaultSince = 24 * time.Hour

type replayRequest struct {
	cell   string
	since  string // "" for defaultSince, or for as long as the cell keeps outcomes
	grace  time.Duration
	tenant string
	rate   float64
	dryRun bool
}

func newReplay(a *app) *cobra.Command {
	var r replayRequest
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Find events of a cell that were lost on their way, and send them again",
		Long: `replay looks for events that a cell has accepted and that are neither applied nor in a DLQ of it, and sends them to the
cells that own their tenants now. The pipeline loses no event; a queue that is purged does, or a message that outlives its
queue's retention. An event that is merely late is sent twice, which has no second effect. Events within --grace, events
with a message in a DLQ and events that an operator has dropped are not sent; notes have their numbers. An event whose data has
expired is listed, and never sent: have the client send it again if it still matters.

It reads all events since --since of every tenant of the cell, or of --tenant, and what is in the cell's DLQs. --since is a
time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m or 7d. An interrupted replay is finished by the same command.

Exit codes: 0 done, also where nothing was found, 1 failed, or an event was found that cannot be sent until you do something
about it, 2 wrong command line, 3 no such cell, or --since is before what the cell remembers, 130 interrupted.`,
		Example: `  cellctl replay --cell c01 --dry-run
  cellctl replay --cell c01 --since 2026-07-01T12:00:00Z --tenant acme`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			scope, err := r.scope(cmd, time.Now())
			if err != nil {
				return err
			}
			return a.replay(cmd.Context(), r, scope)
		},
	}
	registerCell(a, cmd, &r.cell)
	flags := cmd.Flags()
	flags.StringVar(&r.since, "since", "", "look at events that were accepted since then (default 24h ago, or what the cell remembers)")
	flags.DurationVar(&r.grace, "grace", replay.DefaultGrace, "leave out events that were accepted, or last failed, this short a time ago")
	flags.StringVar(&r.tenant, "tenant", "", "look at this tenant's events only")
	flags.Float64Var(&r.rate, "rate", defaultRate, "how many events are sent per second at most")
	flags.BoolVar(&r.dryRun, "dry-run", false, "say what would be sent, and send nothing")
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
	return a.changes(cmd)
}

// scope is what the flags alone say of where to look.
func (r replayRequest) scope(cmd *cobra.Command, now time.Time) (replay.Scope, error) {
	s := replay.Scope{Tenant: r.tenant, Until: now.Add(-r.grace)}
	if err := checkCell(cmd, r.cell); err != nil {
		return s, err
	}
	if err := checkTenant(cmd, r.tenant); err != nil {
		return s, err
	}
	if r.rate <= 0 {
		return s, cli.WrongUsage(cmd, "--rate is %v, want more than 0", r.rate)
	}
	if r.grace < 0 {
		return s, cli.WrongUsage(cmd, "--grace is %s, want 0s or more", r.grace)
	}
	if r.since == "" {
		return s, nil
	}
	var ok bool
	if s.Since, ok = moment(r.since, now); !ok {
		return s, cli.WrongUsage(cmd, "--since is %q, want %s", r.since, momentForm)
	}
	if !s.Since.Before(s.Until) {
		return s, cli.WrongUsage(cmd, "--since is less than --grace (%s) ago: these events may still be on their way", r.grace)
	}
	return s, nil
}

// sinceDefault is how far back to look in a cell: not quite as far as its memory, which goes on fading.
func sinceDefault(cell manifest.Cell, now time.Time) time.Time {
	memory := time.Duration(cell.Settings.ResultTTL) - time.Minute
	return now.Add(-min(defaultSince, memory))
}

func (a *app) replay(ctx context.Context, r replayRequest, scope replay.Scope) error {
	s, cell, err := a.connectToCell(ctx, r.cell)
	if err != nil {
		return err
	}
	if r.since == "" {
		scope.Since = sinceDefault(cell, time.Now())
	}
	scope.Tenants = s.tenantsToReplay(cell)
	if scope.InDLQ, err = s.letters().Events(ctx, cell); err != nil {
		return err
	}
	p := a.progress("lost events:", 0)
	o := replay.Options{Rate: r.rate, DryRun: r.dryRun, Progress: func(done replay.Summary) { p.at(int64(done.Found)) }}
	summary, err := (&replay.Replayer{DynamoDB: s.dynamo, Home: s.home()}).Run(ctx, cell, scope, o)
	p.end()
	if err != nil && summary.Found == 0 {
		return err
	}
	v := viewOfReplay(summary, cell, scope, r.dryRun)
	if err := errors.Join(err, a.print(v)); err != nil {
		return err
	}
	return a.explainReplay(summary, v, r.grace)
}

// explainReplay tells what the table does not. Its error says that events were found that cannot be sent.
func (a *app) explainReplay(r replay.Summary, v replayView, grace time.Duration) error {
	switch {
	case r.Found > 0:
	case v.InDLQ+v.TooRecent > 0:
		a.note("Nothing to replay now of the events that cell %s accepted from %s to %s.", v.Cell, v.Since, v.Until)
	default:
		a.note("Nothing to replay: of the events that cell %s accepted from %s to %s, none was lost.", v.Cell, v.Since, v.Until)
	}
	if n := v.TooRecent; n > 0 {
		a.note("%s skipped: accepted, or last failed, after %s, %s may still be on the way. Replay again in %s, or with a shorter --grace.",
			counted(n, "event")+plural(n, " was", " were"), v.Until, plural(n, "it", "they"), short(grace))
	}
	if n := v.InDLQ; n > 0 {
		a.note("%s skipped: a DLQ has a message about %s. 'cellctl dlq redrive --cell %s' sends what can be sent.",
			counted(n, "event")+plural(n, " was", " were"), plural(n, "it", "each"), v.Cell)
	}
	if n := v.Dropped; n > 0 {
		a.note("%s dropped by an operator, and left alone.", counted(n, "event")+plural(n, " was", " were"))
	}
	later, never := 0, 0
	for verdict, n := range r.Verdicts {
		switch {
		case verdict.NeedsOperator():
			never += n
		case verdict == resend.Moving:
			later += n
		}
	}
	if later > 0 {
		a.note("%s not be sent now: replay again later.", counted(later, "event")+" can")
	}
	if never > 0 {
		return fmt.Errorf("%s found that cannot be sent", counted(never, "event")+plural(never, " was", " were"))
	}
	return nil
}

// tenantsToReplay pages through the tenants of a cell, without the one that it is probed with: nobody misses a probe, and one is under way
// at most times.
func (s *session) tenantsToReplay(cell manifest.Cell) func(ctx context.Context, after string) ([]string, string, error) {
	return func(ctx context.Context, after string) ([]string, string, error) {
		page, next, err := s.placement.Page(ctx, cell.ID, after, placement.MaxPage)
		ids := make([]string, 0, len(page))
		for _, m := range page {
			ids = append(ids, m.TenantID)
		}
		return ids, next, err
	}
}

func viewOfReplay(r replay.Summary, cell manifest.Cell, scope replay.Scope, dryRun bool) replayView {
	v := replayView{
		Cell: cell.ID, Since: event.FormatTime(scope.Since), Until: event.FormatTime(scope.Until), DryRun: dryRun,
		Found: r.Found, Dropped: r.Skipped.Dropped, InDLQ: r.Skipped.InDLQ, TooRecent: r.Skipped.TooRecent, Reasons: r.Reasons, Verdicts: r.Verdicts, Events: []replayedView{},
	}
	for _, e := range r.First {
		row := replayedView{Key: e.Key, Reason: e.Reason, Verdict: e.Verdict}
		if e.Problem != nil {
			row.Problem = new(strings.ReplaceAll(e.Problem.Error(), "\n", "; "))
		}
		v.Events = append(v.Events, row)
	}
	return v
}
