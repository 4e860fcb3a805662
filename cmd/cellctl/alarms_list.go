package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/alarm"
)

func newAlarmsList(a *app) *cobra.Command {
	var cell string
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the alarms that fire, since when and why",
		Long: `list prints the alarms that are in ALARM, and those that have had no data for an hour or more: first those of the control
plane and the router, which may be the cause of the cells'. With --all it prints every one, of a thousand cells in some twenty
seconds.

The alarm health of a cell, the router or the control plane fires while one of its others does; it alone pages. A health that
is SUPPRESSED pages nobody, for the one that is named: a cell's for the router's, the router's for the control plane's. "wait
for" that one: the page is held for one period of the alarms, until it is clear that the other does not fire, too. "extension
of" that one: it has just gone back to OK, and the page is held for two periods more, in which this one may follow. A health
that fires while none of the others does was set by hand, or they have just gone back: 'cellctl doctor' says how to mend it.

RUNBOOK is the heading in docs/operations.md under which is what to do. REASON is what CloudWatch says, shortened; --output
json has all of it.`,
		Example: `  cellctl alarms list
  cellctl alarms list --cell c01 --all
  cellctl alarms list --output json | jq -r '.alarms[] | select(.state == "ALARM") | .name'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listAlarms(cmd, cell, all) },
	}
	cmd.Flags().StringVar(&cell, "cell", "", "the only cell whose alarms are listed")
	cmd.Flags().BoolVar(&all, "all", false, "list every alarm, whatever its state")
	_ = cmd.RegisterFlagCompletionFunc("cell", a.completeCells())
	return onlyLooks(cmd)
}

// dataless is how long an alarm has no data before it is listed. One that was just made has none, nor has one while the first
// datapoints after it come late.
const dataless = time.Hour

// runbooksPage is left out of a table's runbooks: all are on it.
const runbooksPage = "docs/operations.md#"

type alarmsView struct {
	Alarms []alarmView `json:"alarms"`

	now time.Time
}

type alarmView struct {
	Name         string  `json:"name"`
	Owner        string  `json:"owner"` // cell, router or control-plane
	Cell         *string `json:"cell"`
	Part         *string `json:"part"` // null of a health
	State        string  `json:"state"`
	Since        *string `json:"since"`
	Reason       string  `json:"reason"`
	SuppressedBy *string `json:"suppressed_by"`
	Runbook      *string `json:"runbook"`
	Description  string  `json:"description"`

	alarm alarm.Alarm
}

func (a *app) listAlarms(cmd *cobra.Command, cell string, all bool) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	r := alarm.NewReader(s.cloudwatch, s.Stack)
	var alarms []alarm.Alarm
	switch {
	case cell != "":
		if _, err := s.Cell(ctx, cell); err != nil {
			return s.explainUnknown(ctx, err, cell)
		}
		alarms, err = r.Of(ctx, alarm.Cell(cell))
	case all:
		alarms, err = r.All(ctx)
	default:
		alarms, err = r.Current(ctx, alarm.Firing, alarm.Insufficient)
	}
	if err != nil {
		return err
	}
	v := alarmsView{Alarms: []alarmView{}, now: time.Now()}
	for _, found := range alarms {
		if all || listed(found, v.now) {
			v.Alarms = append(v.Alarms, viewOfAlarm(found))
		}
	}
	if err := a.print(v); err != nil {
		return err
	}
	if !slices.ContainsFunc(alarms, alarm.Alarm.Composite) {
		a.note("There are no alarms: 'cellctl doctor' says what is missing.")
	}
	return nil
}

// listed reports whether an alarm is one that an operator looks for.
func listed(a alarm.Alarm, now time.Time) bool {
	return a.State == alarm.Firing || a.State == alarm.Insufficient && now.Sub(a.Since) >= dataless
}

func viewOfAlarm(a alarm.Alarm) alarmView {
	return alarmView{
		Name: a.Name, Owner: string(a.Subject.Owner), Cell: orNull(a.Subject.Cell), Part: orNull(a.Part), State: string(a.State), Since: jsonTime(a.Since),
		Reason: a.Reason, SuppressedBy: orNull(a.SuppressedBy), Runbook: orNull(a.Runbook), Description: a.Description, alarm: a,
	}
}

func (v alarmsView) text(s *sheet) {
	s.row("OF", "ALARM", "STATE", "SINCE", "SUPPRESSED BY", "RUNBOOK", "REASON")
	for _, a := range v.Alarms {
		part := alarm.Health
		if a.Part != nil {
			part = *a.Part
		}
		s.row(a.of(), part, alarmState(a.alarm.State), ago(a.alarm.Since, v.now), orDash(a.SuppressedBy), strings.TrimPrefix(orDash(a.Runbook), runbooksPage), shortReason(a.Reason))
	}
}

// of is what the alarm is about, in a column.
func (v alarmView) of() string {
	switch v.alarm.Subject {
	case alarm.ControlPlane:
		return "control plane"
	case alarm.Router:
		return "router"
	case alarm.Probe:
		return "probe"
	}
	return "cell " + v.alarm.Subject.Cell
}

// alarmState colours a state.
func alarmState(s alarm.State) coloured {
	return coloured{string(s), map[alarm.State]colour{alarm.OK: green, alarm.Firing: red, alarm.Insufficient: yellow}[s]}
}
