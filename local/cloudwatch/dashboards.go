package cloudwatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Dashboard is a dashboard as it was put. Its body is JSON.
type Dashboard struct {
	Name, Body string
	Changed    time.Time
}

// Dashboards keeps dashboards. It is safe for concurrent use.
type Dashboards struct {
	mu  sync.Mutex
	all map[string]Dashboard
}

// NewDashboards returns an empty set of dashboards.
func NewDashboards() *Dashboards { return &Dashboards{all: map[string]Dashboard{}} }

// Put makes a dashboard, or replaces one.
func (d *Dashboards) Put(name, body string, now time.Time) error {
	var parsed struct{ Widgets []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &parsed); err != nil {
		return fmt.Errorf("dashboard %q: its body is no JSON: %w", name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all[name] = Dashboard{name, body, now}
	return nil
}

// Get returns a dashboard; false if there is none of that name.
func (d *Dashboards) Get(name string) (Dashboard, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, ok := d.all[name]
	return found, ok
}

// List returns the dashboards in order of their names.
func (d *Dashboards) List() []Dashboard {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Dashboard
	for _, name := range slices.Sorted(maps.Keys(d.all)) {
		all = append(all, d.all[name])
	}
	return all
}

// Delete removes dashboards. Those that are not there are as good as removed.
func (d *Dashboards) Delete(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		delete(d.all, name)
	}
}
