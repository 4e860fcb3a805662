// Package console shows the local cloud's log to a person: one aligned line for each step of an event, and for each alarm that
// changes. It takes the lines as the cloud writes them, "PART | LINE" (local.Options.Logs), where LINE is what a function, API
// Gateway's access log, Lambda or CloudWatch has to say.
//
// Not shown are lines that have nothing but metrics, requests in the access log that the router has a line of its own for, alarms
// that change without one of their states being ALARM, and what goes well of the standing probe. Lines of trouble that repeat are
// summed; see flood.
//
// No text of others gets to the terminal as it is: what is not printable is escaped, and a line stays one line.
package console

import (
	"io"
	"sync"
	"time"
)

// tick is how often it is checked whether the sum of held lines is due.
const tick = time.Second

// Console writes lines for a person. Each Write is one line. It is safe for concurrent use.
type Console struct {
	mu     sync.Mutex
	to     io.Writer
	layout layout
	flood  flood

	stop chan struct{}
	done sync.WaitGroup
}

// New returns a console that writes to a stream, with colours or without, until it is closed.
func New(to io.Writer, colours bool) *Console {
	c := &Console{to: to, layout: newLayout(colours), flood: newFlood(), stop: make(chan struct{})}
	c.done.Go(c.watch)
	return c
}

// Write shows one line of the log. The stream's errors are its own: the log goes on.
func (c *Console) Write(line []byte) (int, error) {
	now := time.Now()
	e, shown := read(string(line), now)
	if !shown {
		return len(line), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flood.admits(e, now) {
		c.print(e)
	}
	return len(line), nil
}

// Close shows the sums of what is still held back.
func (c *Console) Close() {
	close(c.stop)
	c.done.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.print(c.flood.end(time.Now())...)
}

// watch shows sums when they are due.
func (c *Console) watch() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case now := <-ticker.C:
			c.mu.Lock()
			c.print(c.flood.due(now)...)
			c.mu.Unlock()
		}
	}
}

// print writes entries. The caller holds the mutex.
func (c *Console) print(entries ...entry) {
	for _, e := range entries {
		_, _ = io.WriteString(c.to, c.layout.line(e)) // a terminal that is gone must not stop the functions
	}
}
