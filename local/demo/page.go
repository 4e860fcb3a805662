package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cellular/internal/model/naming"
	"cellular/internal/operator/alarm"
	"cellular/internal/operator/deadletter"
)

// page waits until the alarms of the cells with poison fire, because something is in their DLQs.
func (d *demo) page(ctx context.Context, t *tally) error {
	d.out.begin("page", "the alarm")
	cells := slices.Sorted(maps.Keys(t.poisoned()))
	if err := d.awaitAlarms(ctx, "their consumers' DLQs have fired the alarms of "+strings.Join(cells, ", "), cells, func(parts []string) bool {
		return slices.Contains(parts, naming.AlarmConsumerDLQ)
	}); err != nil {
		return err
	}
	d.out.end("the alarm %s of cell %s fires, and no other alarm of any cell, the router or the control plane", naming.AlarmConsumerDLQ, strings.Join(cells, ", "))
	return nil
}

// drop gives up what is malformed for good, so that the DLQs are empty.
func (d *demo) drop(ctx context.Context, t *tally) error {
	d.out.begin("drop", "what nothing mends")
	dropped := 0
	for _, id := range slices.Sorted(maps.Keys(t.poisoned())) {
		done, err := d.operator.letters.Drop(ctx, d.outputs.Cells[id], []deadletter.Kind{deadletter.Consumer}, deadletter.Dropping{All: true})
		if err != nil {
			return err
		}
		if done.Kept > 0 {
			return fmt.Errorf("drop from the DLQ of cell %s: %d letters were kept: %+v", id, done.Kept, done.Notes)
		}
		dropped += done.Dropped[deadletter.Consumer]
	}
	t.dropped = true
	d.out.end("%d malformed orders dropped; the DLQs are empty", dropped)
	return nil
}

// calm waits until no alarm fires any more.
func (d *demo) calm(ctx context.Context, t *tally) error {
	d.out.begin("calm", "the alarms")
	cells := slices.Sorted(maps.Keys(t.poisoned()))
	if err := d.awaitAlarms(ctx, "no alarm fires any more", cells, func(parts []string) bool { return len(parts) == 0 }); err != nil {
		return err
	}
	d.out.end("no alarm fires any more")
	return nil
}

// awaitAlarms looks at the alarms until the firing parts of each of the cells are as wanted. It notes alarms of others that fire.
func (d *demo) awaitAlarms(ctx context.Context, what string, cells []string, wanted func(parts []string) bool) error {
	return until(ctx, what, func() ([]string, error) {
		alarms, err := d.operator.alarms.Current(ctx, alarm.Firing)
		if err != nil {
			return nil, err
		}
		d.noteStray(alarms, cells)
		firing := alarm.FiringParts(alarms)
		if slices.ContainsFunc(cells, func(id string) bool { return !wanted(firing[alarm.Cell(id)]) }) {
			return []string{fmt.Sprintf("firing are %v", firing)}, nil
		}
		return nil, nil
	})
}

// noteStray notes the alarms that fire for another reason than poison in the cells that have it.
func (d *demo) noteStray(alarms []alarm.Alarm, cells []string) {
	for _, a := range alarms {
		if a.State != alarm.Firing || a.Composite() {
			continue
		}
		if a.Subject.Owner == naming.OwnerCell && slices.Contains(cells, a.Subject.Cell) && a.Part == naming.AlarmConsumerDLQ {
			continue
		}
		stray := fmt.Errorf("the alarm %s of %s fired: %s", a.Part, a.Subject, a.Reason)
		if !slices.ContainsFunc(d.paged, func(e error) bool { return e.Error() == stray.Error() }) {
			d.paged = append(d.paged, stray)
		}
	}
}
