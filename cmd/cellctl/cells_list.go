package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/alarm"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/placement"
)

func newCellsList(a *app) *cobra.Command {
	return onlyLooks(&cobra.Command{
		Use:   "list",
		Short: "List the cells with their tenants, and what waits in each",
		Long: `list prints one line per cell, by wave.

TENANTS is how many are placed, or on their way, of how many may be. QUEUE is how many messages are to be received, +N are
being processed; OLDEST is the age of the oldest, as CloudWatch last had it. The DLQs hold what was given up on. WAITING
counts events that wait to follow their tenant to its new cell. LAST APPLIED is when the cell last applied an event. ALARMS are
the parts of the cell that are in alarm, health where that alarm fires without them, or ok; 'cellctl alarms list' says since
when and why.

Notes name the cells that are retired, and those that are not there any more while tenants are mapped to them, and say whether
the router or the control plane is in alarm. A retired cell that was taken out of the configuration and added again is retired
still.

A - stands for nothing, a ? for what could not be read; why not stands on stderr.`,
		Example: `  cellctl cells list
  cellctl cells list --output json | jq -r '.cells[] | select(.consumer_dlq > 0) | .id'
  cellctl cells list --output json | jq -r '.cells[] | select(.alarms != []) | .id'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listCells(cmd) },
	})
}

// cloudwatchPatience bounds how long cells are not shown for what CloudWatch adds to them. It is some times what it takes to read
// the alarms of a thousand cells.
const cloudwatchPatience = 15 * time.Second

type cellsView struct {
	Cells        []cellView `json:"cells"`
	Router       []string   `json:"router_alarms"`        // what of the router is in alarm, as Alarms of a cell; null where that is not known
	ControlPlane []string   `json:"control_plane_alarms"` // and of the control plane

	now time.Time
}

func (a *app) listCells(cmd *cobra.Command) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	at, end := a.liveProgressOfParts()
	defer end()
	var cells []manifest.Cell
	if err := s.Pages(ctx, func(page []manifest.Cell) {
		cells = append(cells, page...)
		at("manifests of cells", len(cells), 0)
	}); err != nil {
		return err
	}
	cells = byWave(cells)
	states, err := s.placement.States(ctx, cellIDs(cells))
	if err != nil {
		return err
	}
	v := cellsView{Cells: []cellView{}, now: time.Now()}
	watched, cancel := context.WithTimeout(ctx, cloudwatchPatience)
	defer cancel()
	alarms := s.readAlarms(func(r *alarm.Reader) ([]alarm.Alarm, error) { return r.Current(watched, alarm.Firing) })
	ages, noAges := cellstatus.Oldest(watched, s.cloudwatch, cells, v.now)
	unread, ageless := 0, false
	results := s.status.ReadAll(ctx, cells, func(done int) { at("cells", done, len(cells)) })
	firing, noAlarms := alarms()
	end()
	for i, result := range results {
		view := viewOfCell(cells[i], states[cells[i].ID])
		if result.Err != nil {
			unread++
			a.note("cell %s: %v", cells[i].ID, result.Err)
		} else {
			view.add(result.Status)
			view.addAge(ages)
			ageless = ageless || view.oldest() == "?"
		}
		view.addAlarms(firing, noAlarms)
		v.Cells = append(v.Cells, view)
	}
	v.Router, v.ControlPlane = firing[alarm.Router], firing[alarm.ControlPlane]
	if noAlarms != nil {
		a.note("no alarms: %v", noAlarms)
	}
	if noAges != nil && ageless {
		a.note("no ages: %v", noAges)
	}
	if err := a.print(v); err != nil {
		return err
	}
	a.noteAlarms("The control plane", v.ControlPlane)
	a.noteAlarms("The router", v.Router)
	a.noteRetired(v)
	a.noteLostCells(ctx, s, cellIDs(cells))
	if unread > 0 {
		return fmt.Errorf("%d of %d cells could not be read; the lines above say why", unread, len(cells))
	}
	return nil
}

// noteAlarms says what of the global plane is in alarm.
func (a *app) noteAlarms(what string, parts []string) {
	if len(parts) > 0 {
		a.note("%s is in alarm: %s. 'cellctl alarms list' says since when and why.", what, strings.Join(parts, ", "))
	}
}

// noteRetired says how a cell takes tenants that is retired. One that left the configuration and was added again is: its state
// outlives it.
func (a *app) noteRetired(v cellsView) {
	for _, c := range v.Cells {
		if c.Status == placement.Retired {
			a.note("Cell %s is retired: no tenant is placed in it. If it was added again, 'cellctl cells activate %[1]s' has it take tenants.", c.ID)
		}
	}
}

// noteLostCells names the cells that are not there and that tenants are mapped to. That it cannot find out fails nothing.
func (a *app) noteLostCells(ctx context.Context, s *session, there []string) {
	lost, err := s.lostCells(ctx, there)
	for _, id := range lost {
		mapped, failed := s.placement.HasTenant(ctx, id)
		err = errors.Join(err, failed)
		if mapped {
			a.note("Cell %s is not there, and tenants are mapped to it: 'cellctl tenants list --cell %[1]s' lists them.", id)
		}
	}
	if err != nil {
		a.note("Whether tenants are mapped to cells that are not there is not known: %v", err)
	}
}

// addAge adds the age of the oldest message. CloudWatch may still have one of a queue that has just been emptied.
func (v *cellView) addAge(ages map[string]time.Duration) {
	if age, known := ages[v.ID]; known && v.read.Queue.Total() > 0 {
		v.Oldest = new(manifest.Duration(age.Truncate(time.Second)))
	}
}

func (v cellsView) text(s *sheet) {
	s.row("CELL", "WAVE", "TIER", "STATUS", "TENANTS", "QUEUE", "OLDEST", "STREAM-DLQ", "SUB-DLQ", "CONSUMER-DLQ", "WAITING", "LAST APPLIED", "ALARMS")
	for _, c := range v.Cells {
		cells := []any{c.ID, c.Wave, c.Tier, status(string(c.Status)), tenantsOf(c.Tenants, c.MaxTenants)}
		if c.read == nil {
			s.row(append(cells, "?", "?", "?", "?", "?", "?", "?", c.alarms())...)
			continue
		}
		s.row(append(cells,
			depth(c.read.Queue), c.oldest(),
			dlq(c.read.StreamDLQ), dlq(c.read.SubscriptionDLQ), dlq(c.read.ConsumerDLQ),
			waiting(c.read.Waiting), ago(c.read.AppliedAt, v.now), c.alarms())...)
	}
}

func (v cellView) oldest() string {
	switch {
	case v.read.Queue.Total() == 0:
		return "-"
	case v.Oldest == nil:
		return "?"
	}
	return short(time.Duration(*v.Oldest))
}

func depth(d cellstatus.Depth) string {
	text := strconv.Itoa(d.Visible + d.Delayed)
	if d.InFlight > 0 {
		text += fmt.Sprintf("+%d", d.InFlight)
	}
	return text
}

func dlq(d cellstatus.Depth) coloured { return trouble(d.Total(), strconv.Itoa(d.Total())) }

func waiting(w cellstatus.Waiting) string {
	if w.AtLeast {
		return strconv.Itoa(w.Total) + " or more"
	}
	return strconv.Itoa(w.Total)
}
