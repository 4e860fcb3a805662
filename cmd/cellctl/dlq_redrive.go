package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/deadletter"
)

// defaultRate is how many events per second are sent again at most, where nothing else is asked for: slow enough for a
// consumer of ten at a time that takes half a second for each, beside its ordinary work.
const defaultRate = 10.0

func newDLQRedrive(a *app) *cobra.Command {
	var sel selection
	var rate float64
	cmd := &cobra.Command{
		Use:   "redrive",
		Short: "Send the events in a cell's DLQs again, to where their tenants are now",
		Long: `redrive sends the events of the messages in a cell's DLQs to the cells that own their tenants now, and deletes each message
of which nothing is left to be done. An event that was applied before has no second effect, so that redriving too much, or
twice, does no harm. An event that fails again comes back to the DLQ for the next redrive.

An event's data expires (cellular:pipeline dataTTL), and its id may be used again after that. A redrive keeps the data of what it
sends for as long as the message can be on its way. It never sends an event whose data has expired, or whose id was used again
since: drop such a message.

A message that cannot be redriven is kept, and the summary says why. An interrupted redrive is finished by the same command.

Exit codes: 0 nothing was kept but what a later redrive takes, 1 failed, or a message was kept that needs you to do something
about it, 2 wrong command line, 3 no such cell or message, 130 interrupted.`,
		Example: `  cellctl dlq redrive --cell c01
  cellctl dlq redrive --cell c01 --kind consumer --tenant acme --rate 100
  cellctl dlq redrive --cell c01 --tenant acme --event order-17
  cellctl dlq redrive --cell c01 --id 2d3f0c9e-7c1b-4a55-9b0e-52d0a1f0c7a1`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kinds, err := sel.parse(cmd)
			if err != nil {
				return err
			}
			if rate <= 0 {
				return cli.WrongUsage(cmd, "--rate is %v, want more than 0", rate)
			}
			return a.redrive(cmd.Context(), &sel, kinds, rate)
		},
	}
	sel.register(a, cmd)
	sel.registerEvent(cmd)
	sel.registerIDs(cmd)
	cmd.Flags().Float64Var(&rate, "rate", defaultRate, "how many events are sent per second at most")
	return a.changes(cmd)
}

func (a *app) redrive(ctx context.Context, sel *selection, kinds []deadletter.Kind, rate float64) error {
	s, cell, err := a.connectToCell(ctx, sel.cell)
	if err != nil {
		return err
	}
	v, err := a.redriveKinds(ctx, s, cell, kinds, deadletter.Options{Filter: sel.filter(), Rate: rate, Began: time.Now()})
	if err == nil {
		err = a.missing(ctx, s, cell, sel, kinds, v.sum.Received)
	}
	if err != nil && v.sum.Received == 0 {
		return err
	}
	if err := errors.Join(err, a.print(v)); err != nil {
		return err
	}
	return a.explainRedrive(v)
}

// redriveKinds redrives one DLQ after the other. What one of them sends and what then fails is not sent again from the next.
func (a *app) redriveKinds(ctx context.Context, s *session, cell manifest.Cell, kinds []deadletter.Kind, o deadletter.Options) (redriveView, error) {
	v := redriveView{Cell: cell.ID, Kinds: []redrivenView{}, Kept: []keptView{}}
	letters := s.letters()
	total := 0 // unknown where only some are meant
	if o.Filter.Everything() {
		counts, err := letters.Counts(ctx, cell)
		if err != nil {
			return v, err
		}
		for _, kind := range kinds {
			total += counts[kind]
		}
	}
	p := a.progress("redriven messages:", int64(total))
	defer p.end()
	for _, kind := range kinds {
		o.Progress = func(sum deadletter.Summary) {
			if sum.Redriven > 0 {
				p.at(int64(v.sum.Redriven + sum.Redriven))
			}
		}
		sum, err := letters.Redrive(ctx, cell, []deadletter.Kind{kind}, o)
		v.add(kind, sum)
		if err != nil {
			return v, err
		}
	}
	return v, nil
}

// explainRedrive tells what the table does not. Its error says that something was kept that needs the operator.
func (a *app) explainRedrive(v redriveView) error {
	a.notAllKept(v.sum.Kept, len(v.Kept))
	if n := v.sum.AsTheyAre; n > 0 {
		a.note("%s could not be read, and %s sent to the cell's queue unchanged.", counted(n, "message"), plural(n, "was", "were"))
	}
	if n := v.sum.Gone; n > 0 {
		a.note("%s of the stream %s been deleted since, and %s left out.", counted(n, "event"), plural(n, "has", "have"), plural(n, "is", "are"))
	}
	if n := v.sum.Kept - v.sum.NeedOperator; n > 0 {
		a.note("%s kept for now: redrive again later.", counted(n, "message")+plural(n, " is", " are"))
	}
	if n := v.sum.NeedOperator; n > 0 {
		return fmt.Errorf("%s kept that cannot be redriven; 'cellctl dlq show' prints one, 'cellctl dlq drop' gives it up",
			counted(n, "message")+plural(n, " was", " were"))
	}
	return nil
}

// redriveView is what a redrive did.
type redriveView struct {
	Cell  string         `json:"cell"`
	Kinds []redrivenView `json:"kinds"`
	Kept  []keptView     `json:"kept"` // the first hundred of each kind

	sum deadletter.Summary // of all kinds, without notes
}

type redrivenView struct {
	Kind           deadletter.Kind `json:"kind"`
	Received       int             `json:"received"` // messages that were looked at
	Redriven       int             `json:"redriven"` // messages that are done with
	Sent           int             `json:"sent"`     // events
	AlreadyApplied int             `json:"already_applied"`
	Gone           int             `json:"gone"`
	SentUnchanged  int             `json:"sent_unchanged"` // messages that cannot be read
	Kept           int             `json:"kept"`
	NeedOperator   int             `json:"need_operator"` // of those that were kept
}

func (v *redriveView) add(kind deadletter.Kind, s deadletter.Summary) {
	v.Kinds = append(v.Kinds, redrivenView{
		Kind: kind, Received: s.Received, Redriven: s.Redriven, Sent: s.Sent, AlreadyApplied: s.AlreadyApplied,
		Gone: s.Gone, SentUnchanged: s.AsTheyAre, Kept: s.Kept, NeedOperator: s.NeedOperator,
	})
	v.Kept = append(v.Kept, viewOfKept(s.Notes)...)
	v.sum.Received += s.Received
	v.sum.Redriven += s.Redriven
	v.sum.Kept += s.Kept
	v.sum.NeedOperator += s.NeedOperator
	v.sum.Gone += s.Gone
	v.sum.AsTheyAre += s.AsTheyAre
}

// text has nothing where nothing was there: a note says so.
func (v redriveView) text(s *sheet) {
	if v.sum.Received == 0 {
		return
	}
	s.row("KIND", "MESSAGES", "SENT", "ALREADY APPLIED", "KEPT")
	for _, k := range v.Kinds {
		s.row(k.Kind, k.Received, k.Sent+k.SentUnchanged, k.AlreadyApplied, trouble(k.Kept, fmt.Sprint(k.Kept)))
	}
	keptText(s, v.Kept)
}
