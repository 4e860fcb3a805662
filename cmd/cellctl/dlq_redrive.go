package main

import (
	"github.com/spf13/cobra"

	"cellular/internal/deadletter"
)

// defaultRate is how many events per second are sent again at most, where nothing else is asked for: slow enough for a
// consumer of ten at a time that takes half a second for each, beside its ordinary work.
const defaultRate = 10.0

func newDLQRedrive(a *app) *cobra.Command {
	var sel selection
	var rate float64
	cmd := &cobra.Command{
		Use:   "redrive CELL",
		Short: "Send the events in a cell's DLQs again, to where their tenants are now",
		Long: `redrive sends the events of the messages in the DLQs of CELL to the cells that own their tenants now, and deletes each
message of which nothing is left to be done. An event that was applied before has no second effect. A message that cannot
be redriven stays, and the summary says why. An interrupted redrive is finished by the same command.`,
		Example: `  cellctl dlq redrive c01
  cellctl dlq redrive c01 --kind consumer --tenant acme --rate 100`,
		Args: named("CELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds, err := sel.parse(cmd)
			if err != nil {
				return err
			}
			if rate <= 0 {
				return wrongUsage(cmd, "--rate is %v, want more than 0", rate)
			}
			return a.redrive(cmd, args[0], &sel, kinds, rate)
		},
	}
	sel.registerFilter(a, cmd)
	cmd.Flags().Float64Var(&rate, "rate", defaultRate, "how many events are sent per second at most")
	return cmd
}

// redriveView is what a redrive did.
type redriveView struct {
	Received       int        `json:"received"`
	Redriven       int        `json:"redriven"`
	Kept           int        `json:"kept"`
	Sent           int        `json:"sent"`
	AlreadyApplied int        `json:"already_applied"`
	Gone           int        `json:"gone"`
	AsTheyAre      int        `json:"as_they_are"`
	Notes          []noteView `json:"notes"`
}

type noteView struct {
	Kind      deadletter.Kind `json:"kind"`
	MessageID string          `json:"message_id"`
	Event     *string         `json:"event"`
	Reason    string          `json:"reason"`
}

func (v redriveView) text(s *sheet) {
	s.row("RECEIVED", "REDRIVEN", "KEPT", "SENT", "ALREADY APPLIED", "GONE", "AS THEY ARE")
	s.row(v.Received, v.Redriven, v.Kept, v.Sent, v.AlreadyApplied, v.Gone, v.AsTheyAre)
	if len(v.Notes) == 0 {
		return
	}
	s.blank()
	s.row("DLQ", "MESSAGE", "EVENT", "KEPT BECAUSE")
	for _, n := range v.Notes {
		s.row(n.Kind, n.MessageID, orDash(n.Event), n.Reason)
	}
}

func viewOfRedrive(r deadletter.Summary) redriveView {
	v := redriveView{r.Received, r.Redriven, r.Kept, r.Sent, r.AlreadyApplied, r.Gone, r.AsTheyAre, []noteView{}}
	for _, n := range r.Notes {
		v.Notes = append(v.Notes, noteView{n.Kind, n.MessageID, orNull(n.Event), n.Reason})
	}
	return v
}

func (a *app) redrive(cmd *cobra.Command, id string, sel *selection, kinds []deadletter.Kind, rate float64) error {
	ctx := cmd.Context()
	s, cell, err := a.connectToCell(ctx, id)
	if err != nil {
		return err
	}
	if err := a.confirm(cmd, "Redrive what is "+sel.of(kinds, cell, s.Stack)+"?"); err != nil {
		return err
	}
	counts, err := s.letters().Counts(ctx, cell)
	if err != nil {
		return err
	}
	total := 0
	for _, k := range kinds {
		total += counts[k]
	}
	p := a.progress("redriving: message", int64(total))
	summary, err := s.letters().Redrive(ctx, cell, kinds, deadletter.Options{
		Filter: sel.filter(), Rate: rate, Progress: func(done deadletter.Summary) { p.at(int64(done.Received)) },
	})
	p.end()
	if printed := a.print(viewOfRedrive(summary)); err == nil {
		err = printed
	}
	return err
}
