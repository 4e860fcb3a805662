package stream

import (
	"context"
	"time"

	"cellular/local/lambda/source"
)

// lane takes the records of some items of a shard, in order, makes batches of them and works on one batch at a time. It
// holds at most a batch and two pages of records.
type lane struct {
	*shard
	in chan []record // never empty; closed when the shard has ended
}

func newLane(s *shard) *lane {
	return &lane{shard: s, in: make(chan []record, 1)}
}

func (l *lane) run(ctx context.Context, stop <-chan struct{}) {
	for held := l.gather(ctx, stop, nil); len(held) > 0; held = l.gather(ctx, stop, held) {
		n, _ := source.Fit(held, l.config.BatchSize, record.size)
		if !l.process(ctx, stop, held[:n]) {
			return
		}
		held = held[n:]
	}
}

// gather adds to the records that are held until they fill a batch, or the first of them has waited for the batch
// window. It returns none when the poller is to end, and at the end of the shard.
func (l *lane) gather(ctx context.Context, stop <-chan struct{}, held []record) []record {
	if len(held) == 0 {
		select {
		case page, ok := <-l.in:
			if !ok {
				return nil
			}
			held = page
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	window := time.NewTimer(l.config.BatchWindow)
	defer window.Stop()
	for {
		if _, full := source.Fit(held, l.config.BatchSize, record.size); full {
			return held
		}
		// What is there already is taken even if the window is zero.
		select {
		case page, ok := <-l.in:
			if !ok {
				return held
			}
			held = append(held, page...)
			continue
		default:
		}
		select {
		case page, ok := <-l.in:
			if !ok {
				return held
			}
			held = append(held, page...)
		case <-window.C:
			return held
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}
