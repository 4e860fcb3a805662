package cloudwatch

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Dashboard is a dashboard as it was put. Its body is JSON.
type Dashboard struct {
	Name, ARN, Body string
	Changed         time.Time
}

// Dashboards keeps dashboards. It is safe for concurrent use.
type Dashboards struct {
	prefix string // of dashboards' ARNs, which have no Region

	mu  sync.Mutex
	all map[string]Dashboard
}

// NewDashboards returns an empty set of dashboards.
func NewDashboards(account string) *Dashboards {
	return &Dashboards{prefix: "arn:aws:cloudwatch::" + account + ":dashboard/", all: map[string]Dashboard{}}
}

var dashboardName = regexp.MustCompile(`\A[A-Za-z0-9_-]{1,255}\z`)

// Put makes a dashboard, or replaces one.
func (d *Dashboards) Put(name, body string, now time.Time) error {
	if !dashboardName.MatchString(name) {
		return fmt.Errorf("dashboard name %q: want 1 to 255 letters, digits, _ and -", name)
	}
	if err := CheckDashboard(body); err != nil {
		return fmt.Errorf("dashboard %q: %w", name, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all[name] = Dashboard{name, d.prefix + name, body, now}
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
