package placement

import (
	"context"
	"time"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
)

// statesFresh is how long a Chooser uses the states that it has read. An evacuation of a thousand tenants in a fleet of a
// thousand cells reads each state once in that time then, rather than a thousand times.
const statesFresh = 5 * time.Second

// Chooser names cells for many tenants, one after the other. It reads the cells' states once in a while and counts what it
// has chosen since. What others place meanwhile it learns late: the cap of a cell is a condition of every placement, and
// who is refused asks again. It is safe for concurrent use.
type Chooser struct {
	store *Store
	cells []manifest.Cell

	turn   chan struct{} // full while somebody is choosing: who waits for a turn heeds its context
	states map[string]CellState
	read   time.Time
	chosen map[string]string // the cells that tenants were sent to since, by tenant
}

// NewChooser returns a Chooser of the cells.
func (s *Store) NewChooser(cells []manifest.Cell) *Chooser {
	return &Chooser{store: s, cells: cells, turn: make(chan struct{}, 1)}
}

// Best names the best cell for a tenant besides the one that it is in: see Others. Who asks again for a tenant was refused,
// or the tenant has come back: the states are read again then. So they are where they show no room.
func (c *Chooser) Best(ctx context.Context, m mapping.Mapping) (string, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	_, again := c.chosen[m.TenantID]
	fresh := c.states != nil && !again && c.store.now().Sub(c.read) < statesFresh
	if fresh {
		if best, err := c.best(m); err == nil {
			return best, nil
		}
	}
	states, err := c.store.States(ctx, cellIDs(c.cells))
	if err != nil {
		return "", err
	}
	c.states, c.read, c.chosen = states, c.store.now(), map[string]string{}
	return c.best(m)
}

func (c *Chooser) best(m mapping.Mapping) (string, error) {
	candidates, err := Others(c.cells, c.states, m)
	if err != nil {
		return "", err
	}
	best := candidates[0].ID
	state := c.states[best]
	state.Tenants++
	c.states[best], c.chosen[m.TenantID] = state, best
	return best, nil
}
