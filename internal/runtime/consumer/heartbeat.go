package consumer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// beatEvery is how often one process says, at most, that the cell applies events. It is what an operator who asks how
// long ago that was gets to see as the error, and what keeps the one item from being written with every batch.
const beatEvery = 5 * time.Second

// heartbeat keeps the time of a process's last beat. It is safe for concurrent use.
type heartbeat struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether it is time for a beat, and counts on it being made. Time is the wall clock's: the monotonic one may
// stand still while Lambda has the process frozen, and a process that works for milliseconds a minute would hardly beat.
func (h *heartbeat) due(now time.Time) bool {
	now = now.Round(0)
	h.mu.Lock()
	defer h.mu.Unlock()
	if since := now.Sub(h.last); since >= 0 && since < beatEvery {
		return false
	}
	h.last = now
	return true
}

// beat notes that the cell has just applied the event with a key; "" is none. It is made as well as
// it can be: where it fails, the events are applied all the same.
func (c *Consumer) beat(ctx context.Context, key string) {
	now := c.Now()
	if key == "" || !c.heart.due(now) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	_, err := transact.Single(ctx, transact.Retrier{}, c.Tables.UpdateItem, ledger.SetApplied(c.ResultsTable, now, key))
	if err != nil {
		c.Logger.LogAttrs(ctx, slog.LevelWarn, "the time of the last applied event is not up to date",
			slog.String("error", err.Error()))
	}
}
