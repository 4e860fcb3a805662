package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/model/wait"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/placement"
)

func newCellsRetire(a *app) *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "retire CELL",
		Short: "Take an empty cell out of service, so that it can be removed",
		Long: `retire marks CELL, which must be draining, as one that holds nothing any more, and says how to remove it from the stack.

It refuses while the cell has tenants, messages in its queue, messages in a DLQ, or diverted events that wait to follow
their tenant. Where its queue is all that is not empty, it looks again for half a minute: the message may be the standing
probe's, which goes on until the cell is removed. It deletes nothing: the removal from the stack does. Until then 'cellctl cells activate' undoes it.`,
		Example: `  cellctl cells drain c01
  cellctl cells retire c01`,
		Args:              cli.Named("CELL"),
		ValidArgsFunction: first(a.completeCells()),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.retireCell(cmd, args[0]) },
	})
}

func (a *app) retireCell(cmd *cobra.Command, id string) error {
	ctx := cmd.Context()
	s, cell, err := a.connectToCell(ctx, id)
	if err != nil {
		return err
	}
	if err := a.checkEmpty(ctx, s, cell); err != nil {
		return err
	}
	if err := a.confirm(cmd, fmt.Sprintf("Retire cell %s of stack %s?", id, s.Stack)); err != nil {
		return err
	}
	if err := s.placement.RemoveProbe(ctx, id); err != nil {
		return err
	}
	if err := a.changeStatus(ctx, s, cell, placement.Retired); err != nil {
		return err
	}
	a.note("%s", removalOf(cell))
	return nil
}

// A queue that has a probe's message is empty a moment later, unless the cell is sick. Its counts follow within seconds as a rule.
const (
	queuePatience = 30 * time.Second
	queueEvery    = 2 * time.Second
)

// mayRetire is cellstatus.MayRetire of a cell as it is now. Where it is only the queue of a draining cell that is not empty, it looks
// again and again while the queue may be emptied yet.
func (a *app) mayRetire(ctx context.Context, s *session, cell manifest.Cell) error {
	for began, told := time.Now(), false; ; told = true {
		states, err := s.placement.States(ctx, []string{cell.ID})
		if err != nil {
			return err
		}
		read, err := s.status.Read(ctx, cell)
		if err != nil {
			return err
		}
		err = cellstatus.MayRetire(states[cell.ID], read)
		notEmpty, ok := errors.AsType[*cellstatus.NotEmptyError](err)
		if !ok || states[cell.ID].Status == placement.Active || !notEmpty.OnlyQueue() || time.Since(began) >= queuePatience {
			return err
		}
		if !told {
			a.note("Cell %s has %s in its queue, which may be the standing probe's: waiting up to %s until they are processed.",
				cell.ID, counted(read.Queue.Total(), "message"), short(queuePatience))
		}
		if err := wait.For(ctx, queueEvery); err != nil {
			return err
		}
	}
}

// checkEmpty says what keeps a cell from being retired, and what to do about each part of it. The number of tenants is checked
// once more, in the write that retires the cell.
func (a *app) checkEmpty(ctx context.Context, s *session, cell manifest.Cell) error {
	err := a.mayRetire(ctx, s, cell)
	if errors.Is(err, cellstatus.ErrActive) {
		return refused("cell %s is active and may be given tenants at any time; 'cellctl cells drain %[1]s' first", cell.ID)
	}
	notEmpty, ok := errors.AsType[*cellstatus.NotEmptyError](err)
	if !ok {
		return err
	}
	read := notEmpty.Status
	var left []string
	add := func(n int, format string, args ...any) {
		if n > 0 {
			left = append(left, fmt.Sprintf(format, args...))
		}
	}
	add(notEmpty.Tenants, "%s ('cellctl tenants list --cell %s'; 'cellctl moves list' has those that a move brings or takes)",
		counted(notEmpty.Tenants, "tenant"), cell.ID)
	add(read.Queue.Total(), "%s in its queue (wait until they are processed)", counted(read.Queue.Total(), "message"))
	for _, q := range []struct {
		name  string
		depth cellstatus.Depth
	}{{"stream", read.StreamDLQ}, {"subscription", read.SubscriptionDLQ}, {"consumer", read.ConsumerDLQ}} {
		add(q.depth.Total(), "%s in its %s DLQ (redrive or drop them)", counted(q.depth.Total(), "message"), q.name)
	}
	add(read.Waiting.Total, "%s to follow their tenant (finish the moves)", counted(read.Waiting.Total, "diverted event"))
	return refused("cell %s is not empty, it has %s; then retire it again", cell.ID, strings.Join(left, ", "))
}

// removalOf says how the cell's resources are removed. Where the cell is protected, the six of its resources that hold
// state are: two tables and four queues.
func removalOf(cell manifest.Cell) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Nothing of cell %s is needed any more.", cell.ID)
	if !cell.Settings.Protect {
		fmt.Fprintf(&b, " Remove its entry from cellular:cells of the stack's configuration, then:\n\n  pulumi up")
		return b.String()
	}
	fmt.Fprintf(&b, ` Its tables and queues are protected. To remove it, take the protection off them first:

  for part in data results queue consumer-dlq subscription-dlq stream-dlq; do
    pulumi state unprotect --yes "$(pulumi stack --show-urns | grep -o "urn:.*::cell-%s-$part$")"
  done
  aws dynamodb update-table --table-name %s --no-deletion-protection-enabled
  aws dynamodb update-table --table-name %s --no-deletion-protection-enabled

Then remove its entry from cellular:cells of the stack's configuration, and:

  pulumi up`, cell.ID, cell.DataTable, cell.ResultsTable)
	return b.String()
}
