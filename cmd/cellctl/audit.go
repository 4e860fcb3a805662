package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/audit"
)

// maxActs is how many acts are printed at most: what fits a screen's memory, and some thousand units of reading.
const maxActs = 1000

type auditRequest struct {
	since, before    string
	tenant, cell, by string
	limit            int
}

func newAudit(a *app) *cobra.Command {
	var r auditRequest
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List who changed what with cellctl, and what came of it",
		Long: fmt.Sprintf(`audit prints what operators did with cellctl, the newest first: when, who, the command line, how long it took, and what came of it.
An act is kept before its first change and again at its end, for %d days. One that changed nothing is not kept: a dry run,
a question that was answered with no, a command that was refused before it wrote anything.

OUTCOME is done, failed, refused (by the state that things were in, once it had begun), or interrupted. It is started for an act that
is under way, or whose process died: what it did until then was done. BY is who AWS says it was; JSON has the whole ARN.
What 'pulumi up' and others than cellctl did is not here: AWS CloudTrail has that.

--since is how long ago, such as 7d or 90m, or a time such as 2026-07-01T12:00:00Z. --tenant and --cell find the acts whose command line
names it; 'cells drain --evacuate' and 'moves resume --all' name no tenant. Where there are more than --limit, a note says how to go
on; in JSON, next is what --before takes, null at the end.`, int(audit.Kept.Hours())/24),
		Example: `  cellctl audit
  cellctl audit --since 30d --tenant acme
  cellctl audit --by ada --output json | jq -r '.acts[] | select(.outcome == "failed") | .command'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := r.filter(cmd, time.Now())
			if err != nil {
				return err
			}
			return a.listActs(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.since, "since", "7d", "list what was done since then")
	flags.StringVar(&r.before, "before", "", "go on where the page before ended, or before a time")
	flags.StringVar(&r.tenant, "tenant", "", "only what names this tenant")
	flags.StringVar(&r.cell, "cell", "", "only what names this cell")
	flags.StringVar(&r.by, "by", "", "only what somebody did whose ARN has this in it")
	flags.IntVar(&r.limit, "limit", 100, fmt.Sprintf("how many acts are printed at most, up to %d", maxActs))
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants())
	_ = cmd.RegisterFlagCompletionFunc("cell", a.completeCells())
	for _, name := range []string{"since", "before", "by", "limit"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	return onlyLooks(cmd)
}

func (r auditRequest) filter(cmd *cobra.Command, now time.Time) (audit.Filter, error) {
	f := audit.Filter{Before: r.before, Tenant: r.tenant, Cell: r.cell, By: r.by, Limit: r.limit}
	if err := checkTenant(cmd, r.tenant); err != nil {
		return f, err
	}
	if r.limit < 1 || r.limit > maxActs {
		return f, cli.WrongUsage(cmd, "--limit is %d, want 1 to %d", r.limit, maxActs)
	}
	var ok bool
	if f.Since, ok = moment(r.since, now); !ok {
		return f, cli.WrongUsage(cmd, "--since is %q, want %s", r.since, momentForm)
	}
	if r.before != "" && !audit.ValidBefore(r.before) {
		at, ok := moment(r.before, now)
		if !ok {
			return f, cli.WrongUsage(cmd, "--before is %q, want what the page before said, or %s", r.before, momentForm)
		}
		f.Before = event.FormatTime(at)
	}
	return f, nil
}

func (a *app) listActs(cmd *cobra.Command, f audit.Filter) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	if s.ControlPlane.AuditTable == "" {
		return refused("stack %s keeps no audit: the version that deployed its global plane knows none; 'pulumi up' of this version adds it", s.Stack)
	}
	acts, next, err := audit.Trail{DynamoDB: s.audit, Table: s.ControlPlane.AuditTable}.List(ctx, f)
	if err != nil {
		return fmt.Errorf("list the audit: %w", err)
	}
	v := auditView{Acts: []actView{}, Next: orNull(next)}
	for _, one := range acts {
		v.Acts = append(v.Acts, viewOfAct(one))
	}
	if err := a.print(v); err != nil {
		return err
	}
	if next != "" {
		a.note("There are more: add --before %s.", next)
	}
	return nil
}

type auditView struct {
	Acts []actView `json:"acts"`
	Next *string   `json:"next"`
}

type actView struct {
	ID      string             `json:"id"`
	At      *string            `json:"at"`
	By      *string            `json:"by"`      // ARN; null where STS did not say it
	Process string             `json:"process"` // HOST:PID
	Command string             `json:"command"` // without "cellctl"
	Tenants []string           `json:"tenants"`
	Cells   []string           `json:"cells"`
	Outcome audit.Outcome      `json:"outcome"`
	Took    *manifest.Duration `json:"took"` // null for one that has not ended
	Error   *string            `json:"error"`
}

func viewOfAct(a audit.Act) actView {
	v := actView{
		ID: a.ID, At: jsonTime(a.StartedAt), By: orNull(a.Caller), Process: a.Process, Command: a.Command,
		Tenants: append([]string{}, a.Tenants...), Cells: append([]string{}, a.Cells...), Outcome: a.Outcome, Error: orNull(a.Error),
	}
	if !a.EndedAt.IsZero() {
		v.Took = new(manifest.Duration(a.EndedAt.Sub(a.StartedAt)))
	}
	return v
}

func (v auditView) text(s *sheet) {
	s.row("AT", "BY", "OUTCOME", "TOOK", "COMMAND", "ERROR")
	for _, a := range v.Acts {
		took := "-"
		if a.Took != nil {
			took = a.Took.String()
		}
		s.row(orDash(a.At), a.by(), a.outcome(), took, a.Command, firstLine(a.Error))
	}
}

// by is the caller without what is the same for all of an account: "assumed-role/ops/ada".
func (a actView) by() string {
	if a.By == nil {
		return "-"
	}
	parsed, err := arn.Parse(*a.By)
	if err != nil {
		return *a.By
	}
	return parsed.Resource
}

func (a actView) outcome() coloured {
	//exhaustive:enforce
	switch a.Outcome {
	case audit.Done:
		return coloured{string(a.Outcome), green}
	case audit.Started, audit.Refused, audit.Interrupted:
		return coloured{string(a.Outcome), yellow}
	case audit.Failed, audit.Unreadable:
		return coloured{string(a.Outcome), red}
	}
	return coloured{string(a.Outcome), plain}
}

// momentForm says what moment takes.
const momentForm = "a time such as 2026-07-01T12:00:00Z, or how long ago it was, such as 90m or 7d"

// moment reads a time, or how long ago it was.
func moment(text string, now time.Time) (time.Time, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 13) // more than anything is kept, and no more than a time.Duration holds
		return now.Add(-time.Duration(n) * 24 * time.Hour), err == nil && n > 0
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}
