package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cellular/internal/operator/deadletter"
)

// redriveRate is events per second: far more than there are.
const redriveRate = 100

// eject waits until the poison is in the DLQs of its cells, and looks at what lies there.
func (d *demo) eject(ctx context.Context, t *tally) error {
	d.out.begin("eject", "the poisonous events")
	cells := slices.Sorted(maps.Keys(t.poisoned()))
	if _, err := d.await(ctx, "the poisonous events are in the DLQs of their cells", d.allCells(), t.poisonUnsettled); err != nil {
		return err
	}
	reasons := map[string]int{}
	d.ejected = map[string]string{}
	for _, id := range cells {
		letters, err := d.operator.letters.List(ctx, d.outputs.Cells[id], []deadletter.Kind{deadletter.Consumer}, deadletter.Filter{}, 0)
		if err != nil {
			return err
		}
		for _, l := range letters {
			d.ejected[strings.Join(l.Events, ",")] = id
			reasons[l.Reason]++
		}
	}
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		why = append(why, fmt.Sprintf("%d %s", reasons[reason], reason))
	}
	d.out.end("%d poisonous events are in the DLQ of cell %s (%s), nothing else is in any DLQ", len(d.ejected), strings.Join(cells, ", "), strings.Join(why, ", "))
	return nil
}

// fix deploys consumers without the injected faults, as one would deploy a mended function.
func (d *demo) fix(ctx context.Context, _ *tally) error {
	d.out.begin("fix", "the consumers")
	_, changes, err := d.cloud.Up(ctx, map[string]any{"cellular:functions": map[string]any{"faultInjection": false}})
	if err != nil {
		return err
	}
	d.out.end("pulumi up with the consumers' injected faults switched off: %d resources updated, %d untouched", changes["update"], changes["same"])
	return nil
}

// redrive sends what is in the DLQs of the cells with poison to the queues again. What the fix has mended is applied;
// what is malformed for good comes back.
func (d *demo) redrive(ctx context.Context, t *tally) error {
	d.out.begin("redrive", "the poisonous events")
	t.mend()
	poisoned := t.poisoned()
	cells := slices.Sorted(maps.Keys(poisoned))
	for _, id := range cells {
		done, err := d.operator.letters.Redrive(ctx, d.outputs.Cells[id], []deadletter.Kind{deadletter.Consumer}, deadletter.Options{Rate: redriveRate})
		if err != nil {
			return err
		}
		if done.Sent != poisoned[id] {
			return fmt.Errorf("redrive of cell %s: %d of %d poisonous events were sent: %+v", id, done.Sent, poisoned[id], done)
		}
	}
	if _, err := d.await(ctx, "the redriven events are applied or in the DLQ again", cells, t.poisonUnsettled); err != nil {
		return err
	}
	d.out.end("%d of %d poisonous events applied after the fix; %d malformed orders are in the DLQ again",
		len(t.mended), len(t.mended)+len(t.poison), len(t.poison))
	return nil
}
