package guard_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/guard"
)

// process is one of a pool that answers one request at a time, as Lambda's do.
type process struct {
	cells  *guard.Cells
	freeAt time.Time
	leave  func() // ends its call into the cell that hangs; nil where it is in none
}

// The pool is as small as it can be for a hang to matter, and its processes learn of the hang each for itself. Probes must not
// bring its first seconds back: breakers that opened together let them through together.
func TestI10AHangOfMinutesLeavesTheProcessesToTheOtherCells(t *testing.T) {
	const (
		processes, cells = 16, 20
		rate             = 200.0 // requests per second, evenly over the cells, of which one hangs
		service          = 2 * time.Millisecond
		window           = 3 * time.Second
		lasts            = 2 * time.Minute
	)
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 1))
		config := unlimited(3, 1)
		config.Random = random.Float64
		start := time.Unix(1, 0)
		var idle, busy []*process // the one that was idle for the shortest time is last
		for range processes {
			p := &process{cells: newCells(t, config)}
			pass, _, _ := p.cells.Enter(start, "hanging")
			pass.Leave(start, guard.Succeeded, service)
			idle = append(idle, p)
		}
		arrived, refused := make([]int, lasts/window+1), make([]int, lasts/window+1)
		for now := start; now.Sub(start) < lasts; now = now.Add(time.Duration(random.ExpFloat64() / rate * float64(time.Second))) {
			var still []*process
			for _, p := range busy {
				if p.freeAt.After(now) {
					still = append(still, p)
					continue
				}
				if p.leave != nil {
					p.leave()
				}
				idle = append(idle, p)
			}
			busy = still
			hanging, in := random.IntN(cells) == 0, now.Sub(start)/window
			if !hanging {
				arrived[in]++
			}
			if len(idle) == 0 {
				if !hanging {
					refused[in]++
				}
				continue
			}
			p := idle[len(idle)-1]
			idle = idle[:len(idle)-1]
			p.leave, p.freeAt = nil, now.Add(service)
			if hanging {
				pass, _, ok := p.cells.Enter(now, "hanging")
				if ok {
					p.freeAt = now.Add(pass.Patience)
					p.leave = func() { pass.Leave(p.freeAt, guard.TimedOut, pass.Patience) }
				}
			}
			busy = append(busy, p)
		}
		for i, n := range refused {
			require.LessOrEqual(t, n*20, arrived[i], "seed %d: %d of the %d requests to others were refused in the %s from %s on",
				seed, n, arrived[i], window, time.Duration(i)*window)
		}
	}
}
