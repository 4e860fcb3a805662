package lambda

import (
	"os"
	"sync"
)

// function is a function and its environments.
type function struct {
	service *Service
	logs    *sink

	mu         sync.Mutex
	view       Function
	generation *generation
	busy       int // environments that work, or start
	deleted    bool
}

// generation is a function's code and configuration between two changes. Its environments outlive it only to finish
// what they work on.
type generation struct {
	config FunctionConfig
	arn    string
	dir    string // of the code; removed with the last environment
	logs   *sink

	// Guarded by the function's mutex.
	idle    []*environment // the one that worked last is at the end, and is the next to work
	users   int            // environments, and one for being the current generation
	current bool
}

// limit is the number of environments that may work at the same time. The caller holds the mutex.
func (f *function) limit() int {
	if reserved := f.view.Config.ReservedConcurrency; reserved != unreserved {
		return reserved
	}
	return f.service.options.MaxConcurrency
}

// acquire takes an idle environment, or the right to start one: then the environment is nil. Both end with release.
func (f *function) acquire() (*generation, *environment, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deleted {
		return nil, nil, ErrNotFound
	}
	if f.busy >= f.limit() {
		return nil, nil, ErrThrottled
	}
	f.busy++
	g := f.generation
	if last := len(g.idle) - 1; last >= 0 {
		e := g.idle[last]
		g.idle = g.idle[:last]
		return g, e, nil
	}
	g.users++
	return g, nil, nil
}

// release gives back what acquire took. A healthy environment waits for more work, unless its time is over.
func (f *function) release(g *generation, e *environment, healthy bool) {
	f.mu.Lock()
	f.busy--
	if healthy && g.current {
		g.idle = append(g.idle, e)
		f.mu.Unlock()
		return
	}
	f.mu.Unlock()
	if e != nil {
		f.service.end(e)
	}
	f.leave(g, 1)
}

// leave takes users off a generation, and removes its code with the last of them.
func (f *function) leave(g *generation, users int) {
	f.mu.Lock()
	g.users -= users
	last := g.users == 0
	f.mu.Unlock()
	if last {
		_ = os.RemoveAll(g.dir) // what stays is removed by Close, or by the next New
	}
}

// replace makes a generation the current one; nil deletes the function. Idle environments of the one before end, busy
// ones finish.
func (f *function) replace(next *generation) {
	f.mu.Lock()
	before := f.generation
	f.generation = next
	f.deleted = next == nil
	if next != nil {
		next.current = true
		next.users++
	}
	var idle []*environment
	if before != nil {
		before.current = false
		idle, before.idle = before.idle, nil
	}
	f.mu.Unlock()

	for _, e := range idle {
		f.service.end(e)
	}
	if before != nil {
		f.leave(before, len(idle)+1)
	}
}
