package cloudwatch

import (
	"encoding/json"
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

// maxWidgets is how many widgets a dashboard may have: CloudWatch's quotas.
const maxWidgets = 500

// widgetTypes are the types of widgets: user guide, "Dashboard body structure and syntax".
var widgetTypes = []string{"metric", "text", "log", "alarm", "explorer", "custom"}

// CheckDashboard returns why PutDashboard refuses the body of a dashboard.
func CheckDashboard(body string) error {
	var parsed struct {
		Widgets []struct {
			Type                string
			X, Y, Width, Height *float64
			Properties          map[string]any
		}
	}
	if err := json.Unmarshal([]byte(body), &parsed); err != nil {
		return fmt.Errorf("the dashboard's body is no JSON of a dashboard: %w", err)
	}
	switch {
	case parsed.Widgets == nil:
		return fmt.Errorf("the dashboard's body has no list of widgets")
	case len(parsed.Widgets) > maxWidgets:
		return fmt.Errorf("the dashboard has %d widgets, want at most %d", len(parsed.Widgets), maxWidgets)
	}
	for i, w := range parsed.Widgets {
		switch {
		case !slices.Contains(widgetTypes, w.Type):
			return fmt.Errorf("widget %d is of type %q, want one of %v", i, w.Type, widgetTypes)
		case w.Properties == nil:
			return fmt.Errorf("widget %d has no properties", i)
		case (w.X == nil) != (w.Y == nil):
			return fmt.Errorf("widget %d has one of x and y, want both or neither", i)
		case outside(w.X, 0, 23), outside(w.Width, 1, 24), outside(w.Y, 0, 1_000), outside(w.Height, 1, 1_000):
			return fmt.Errorf("widget %d is outside of the grid: want x 0 to 23, width 1 to 24, y from 0 and height from 1 to 1000", i)
		}
	}
	return nil
}

func outside(n *float64, least, most float64) bool { return n != nil && (*n < least || *n > most) }

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
