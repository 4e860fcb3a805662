package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/follow"
)

// maxEvents is how many events are printed at most: some thousand units of reading.
const maxEvents = 1000

type eventsRequest struct {
	tenant, since, until, status string
	limit                        int
}

func newEventsList(a *app) *cobra.Command {
	var r eventsRequest
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the latest events of a tenant, and what became of each",
		Long: fmt.Sprintf(`list prints the latest events of a tenant, the newest first: when each was accepted, what it is, and what became of it. While the
tenant is moved, it looks into both cells. An event that was accepted a moment ago may be missing: the index lags by a second or so.

STATUS is accepted (on its way, or lost on it), processed, failed (given up on), diverted (it waits to be sent to the tenant's new cell),
expired (its data has, and it was never applied), or unreadable. REASON is the class of a failure, and the line below it what the
failure said, as far as it fits: 'cellctl events show' has all of it.

What it costs depends on --limit, not on how many events the tenant has. With --status it looks at no more than %d times as many events
as it may print; a note says how far back that was, and how to go on.`, follow.LooksPerEvent),
		Example: `  cellctl events list --tenant acme
  cellctl events list --tenant acme --status failed --since 2h
  cellctl events list --tenant acme --output json | jq -r '.events[] | select(.reason == "panic") | .event_id'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := r.filter(cmd, time.Now())
			if err != nil {
				return err
			}
			return a.listEvents(cmd, r.tenant, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.tenant, "tenant", "", "the tenant (required)")
	flags.StringVar(&r.status, "status", "", "only events of this status")
	flags.StringVar(&r.since, "since", "", "only events that were accepted since then, such as 90m or 7d ago, or at a time such as 2026-07-01T12:00:00Z")
	flags.StringVar(&r.until, "until", "", "only events that were accepted until then (default now)")
	flags.IntVar(&r.limit, "limit", 20, fmt.Sprintf("how many events are printed at most, up to %d", maxEvents))
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(words(follow.Statuses()), cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"since", "until", "limit"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return onlyLooks(cmd)
}

// filter reads the flags. Clocks differ a little: without --until, an event is listed that was accepted a little later than now.
func (r eventsRequest) filter(cmd *cobra.Command, now time.Time) (follow.Filter, error) {
	f := follow.Filter{Status: follow.Status(r.status), Limit: r.limit, Until: now.Add(time.Hour)}
	if r.tenant == "" {
		return f, cli.WrongUsage(cmd, "--tenant is missing")
	}
	if err := checkTenant(cmd, r.tenant); err != nil {
		return f, err
	}
	if f.Status != follow.None && !slices.Contains(follow.Statuses(), f.Status) {
		return f, cli.WrongUsage(cmd, "--status is %q, want one of %s", r.status, strings.Join(words(follow.Statuses()), ", "))
	}
	if r.limit < 1 || r.limit > maxEvents {
		return f, cli.WrongUsage(cmd, "--limit is %d, want 1 to %d", r.limit, maxEvents)
	}
	for _, t := range []struct {
		flag, text string
		into       *time.Time
	}{{"since", r.since, &f.Since}, {"until", r.until, &f.Until}} {
		if t.text == "" {
			continue
		}
		at, ok := moment(t.text, now)
		if !ok {
			return f, cli.WrongUsage(cmd, "--%s is %q, want %s", t.flag, t.text, momentForm)
		}
		*t.into = at
	}
	return f, nil
}

func (a *app) listEvents(cmd *cobra.Command, tenant string, f follow.Filter) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	list, err := s.finder().Latest(ctx, tenant, f)
	if err != nil {
		return s.explainNowhere(ctx, err, tenant)
	}
	v := eventsView{TenantID: tenant, Events: []eventView{}, Looked: list.Looked}
	for _, one := range list.Events {
		v.Events = append(v.Events, viewOfListed(one))
	}
	if list.More {
		v.Next = jsonTime(list.Next)
	}
	if err := a.print(v); err != nil {
		return err
	}
	switch {
	case list.More && f.Status != follow.None:
		a.note("Looked at the latest %d events, back to %s. To look further back: --until %s.", list.Looked, orDash(jsonTime(list.Oldest)), orDash(v.Next))
	case list.More:
		a.note("There are more: raise --limit, or add --until %s.", orDash(v.Next))
	case len(v.Events) == 0 && f.Status != follow.None && list.Looked > 0:
		a.note("Tenant %s has %s there, and none is %s.", tenant, counted(list.Looked, "event"), f.Status)
	case len(v.Events) == 0:
		a.note("Tenant %s has no event there.", tenant)
	}
	return nil
}

type eventsView struct {
	TenantID string      `json:"tenant_id"`
	Events   []eventView `json:"events"`
	Looked   int         `json:"looked"` // at how many events
	Next     *string     `json:"next"`   // what --until takes to go on; null where nothing older is left
}

// eventView is one event in a list.
type eventView struct {
	EventID       string        `json:"event_id"`
	Type          *string       `json:"type"`
	Status        follow.Status `json:"status"`
	Reason        *string       `json:"reason"`      // class of a failure
	ReasonText    *string       `json:"reason_text"` // what the failure said
	CellID        string        `json:"cell_id"`
	CorrelationID *string       `json:"correlation_id"`
	AcceptedAt    *string       `json:"accepted_at"`
	SettledAt     *string       `json:"settled_at"` // when it was applied or given up on; null for neither
}

func viewOfListed(one follow.Listed) eventView {
	v := eventView{
		EventID: one.Event.ID, Status: one.Status, CellID: one.Copy.CellID, Type: orNull(one.Event.Type), CorrelationID: orNull(one.Event.CorrelationID),
		AcceptedAt: jsonTime(one.AcceptedAt), Reason: orNull(one.Outcome.Reason), ReasonText: orNull(one.Outcome.ReasonText),
	}
	if v.EventID == "" { // of a key that is no event's
		v.EventID = one.Key
	}
	if one.Status == follow.Processed || one.Status == follow.Failed {
		v.SettledAt = jsonTime(one.Outcome.AppliedAt)
	}
	return v
}

func (v eventsView) text(s *sheet) {
	s.row("ACCEPTED", "EVENT", "TYPE", "STATUS", "REASON", "CELL")
	for _, e := range v.Events {
		s.row(orDash(e.AcceptedAt), e.EventID, orDash(e.Type), eventStatus(e.Status), reasonCell(orDash(e.Reason)), e.CellID)
		if e.Reason != nil {
			s.reasonText(*e.Reason, e.ReasonText)
		}
	}
}

// eventStatus colours the status of an event.
func eventStatus(status follow.Status) coloured {
	switch status {
	case follow.Processed:
		return coloured{string(status), green}
	case follow.Diverted:
		return coloured{string(status), yellow}
	case follow.Failed, follow.Expired, follow.Unreadable:
		return coloured{string(status), red}
	case follow.None, follow.Accepted:
	}
	return coloured{string(status), plain}
}
