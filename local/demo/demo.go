// Package demo shows the whole system at work on the local cloud, and checks what can be seen of its invariants: it
// deploys the program, sends the sample events through the router, moves a tenant under this load, looks at whom the poison
// among them pages, mends what could not be applied and redrives it, takes the control plane away, compares what was answered with what the cells hold, and takes
// everything down.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/terminal"
	"cellular/local"
)

const (
	settleTimeout  = 2 * time.Minute        // for everything accepted to be applied or ejected; seconds are usual
	settleInterval = 300 * time.Millisecond // between two looks at the cells
	outageOrders   = 60                     // sample orders kept back for the outage of the control plane
	outageInterval = 50 * time.Millisecond  // between two looks at the router's log
)

// The router of the demo keeps its mappings for a short time only. A move waits until no router can know the old cell any
// more, which takes the hard TTL; the outage of the control plane has to last longer than the soft one, and less than
// the hard one.
const (
	softTTL = time.Second
	hardTTL = 7 * time.Second
)

// refreshTimeout is longer than usual: a router that has just started knows no mapping that it could fall back on, and
// the machine may have a lot else to do.
const refreshTimeout = 2 * time.Second

var config = map[string]any{
	"cellular:router": map[string]any{"softTTL": softTTL.String(), "hardTTL": hardTTL.String(), "refreshTimeout": refreshTimeout.String()},
}

// Options of Run.
type Options struct {
	Examples Examples
	Dir      string // of the local cloud; empty: .local in the project's root
	Out      io.Writer
	Pictures string // directory in which the dashboards are drawn; empty: they are not
	Live     bool   // Out is a terminal: progress replaces its own line
}

// Run runs the demo. It fails if an invariant did not hold, or if the demo could not be run to its end; everything that
// it started is gone in either case.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{out: &stage{w: terminal.NewWriter(o.Out), live: o.Live}, examples: o.Examples, pictures: o.Pictures}
	fmt.Fprintln(d.out.w, "Cellular on this machine: the real program, engine and functions; no AWS account is used.")
	d.out.blank()

	d.out.begin("start", "the local cloud")
	if d.cloud, err = local.Start(ctx, local.Options{Dir: o.Dir, Config: config, Schedules: true, Progress: d.out.note}); err != nil {
		return err
	}
	defer func() {
		// After a success there is nothing to hide behind: what does not go down cleanly is a failure.
		err = errors.Join(err, d.takeDown(err != nil))
	}()
	d.out.end("emulator and functions on 127.0.0.1, engine Pulumi v%s", d.cloud.Engine().Version)

	if err := d.run(ctx); err != nil {
		return fmt.Errorf("%w\nthe logs of this run are in %s/logs", err, d.cloud.Dir)
	}
	return nil
}

// takeDown closes the cloud, and says so where the demo has not come to the end that says it.
func (d *demo) takeDown(early bool) error {
	if !early {
		return d.cloud.Close()
	}
	d.out.begin("take down", "everything")
	err := d.cloud.Close()
	if err == nil {
		d.out.end("everything is down")
	}
	return err
}

type demo struct {
	out      *stage
	examples Examples
	pictures string
	cloud    *local.Cloud
	cells    *observer
	operator *operator
	outputs  local.Outputs
	moving   *relocation
	ejected  map[string]string // event key -> the cell in whose DLQ it was before the fix
	paged    []error           // alarms that had no reason to fire
	findings []finding
}

func (d *demo) run(ctx context.Context) error {
	if err := d.deploy(ctx); err != nil {
		return err
	}
	t := newTally(d.examples)
	if err := d.prepareMove(t); err != nil {
		return err
	}
	defer d.moving.abandon()
	if err := d.work(ctx, t); err != nil {
		return err
	}
	states, err := d.settle(ctx, t)
	if err != nil {
		return err
	}
	applied, err := d.applied()
	if err != nil {
		return err
	}
	d.found(t.isolation(states), t.nothingLost(states), t.containedPoison(d.ejected, d.paged, states),
		t.ownership(d.moving.move, applied, states, d.moving.reads, d.moving.wrong))
	cache, err := d.routerLookups()
	if err != nil {
		return err
	}
	if err := d.destroy(ctx); err != nil {
		return err
	}
	d.out.blank()
	writeCells(d.out.w, t, states)
	fmt.Fprintln(d.out.w, cache)
	d.out.blank()
	return writeFindings(d.out.w, d.findings)
}

// work is what happens while the move goes on, up to the outage. The outage takes the mapping table away, which the move
// and the redrive need.
func (d *demo) work(ctx context.Context, t *tally) error {
	for _, step := range []func(context.Context, *tally) error{d.send, d.refuse, d.eject, d.page, d.probed, d.draw, d.fix, d.redrive, d.drop, d.finishMove, d.calm, d.outage} {
		if err := step(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) found(f ...finding) { d.findings = append(d.findings, f...) }

// deploy brings the stack up, and checks what the engine can tell of I1 and I3.
func (d *demo) deploy(ctx context.Context) error {
	d.out.begin("pulumi up", "the program of main.go")
	outputs, changes, err := d.cloud.Up(ctx, nil)
	if err != nil {
		return err
	}
	d.outputs = outputs
	d.cells = newObserver(d.cloud.AWS, naming.Stack(local.StackName))
	d.out.end("%d resources created for %d cells; the router is at %s", changes["create"], len(outputs.Cells), outputs.URL)

	d.out.begin("preview", "one more cell")
	stamp, err := d.stamp(ctx)
	if err != nil {
		return err
	}
	preview, err := d.cloud.Preview(ctx, map[string]any{"cellular:cells": d.oneMoreCell()})
	if err != nil {
		return err
	}
	d.found(stamp, containedChange(preview))
	d.out.end("%d resources to create, %d untouched", preview["create"], preview["same"])

	d.out.begin("place", "tenants")
	if err := Place(ctx, d.cloud, outputs, d.examples.Tenants); err != nil {
		return err
	}
	d.out.end("%d tenants in %d cells", len(d.examples.Tenants), len(outputs.Cells))

	d.operator, err = newOperator(ctx, d.cloud.Operator(), naming.Stack(local.StackName), func(m move.Move) { d.moving.latest.Store(&m) })
	return err
}

// Place puts tenants into cells, as they are in the sample.
func Place(ctx context.Context, cloud *local.Cloud, outputs local.Outputs, placements []Placement) error {
	store := placement.NewStore(dynamodb.NewFromConfig(cloud.Operator()), manifest.ControlPlane{
		MappingTable: outputs.MappingTable, CellTable: naming.Stack(local.StackName).CellTable(), MoveTable: naming.Stack(local.StackName).MoveTable(),
	})
	cells := slices.Collect(maps.Values(outputs.Cells))
	for _, p := range placements {
		if _, err := store.Assign(ctx, cells, placement.Request{TenantID: p.TenantID, CellID: p.CellID}); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) allCells() []string { return slices.Sorted(maps.Keys(d.outputs.Cells)) }

// oneMoreCell is the list of cells that are up, and another.
func (d *demo) oneMoreCell() []any {
	var cells []any
	for _, id := range d.allCells() {
		c := d.outputs.Cells[id]
		cells = append(cells, map[string]any{"id": id, "wave": c.Wave, "tier": c.Tier, "maxTenants": c.MaxTenants})
	}
	return append(cells, map[string]any{"id": "one-more"})
}

// send sends the sample orders, with the poison among them. After a quarter of them a tenant begins to move.
func (d *demo) send(ctx context.Context, t *tally) error {
	now := d.examples.Orders[:len(d.examples.Orders)-outageOrders]
	mixed := interleave(now, d.examples.Poison)

	sent := 0
	d.out.begin("send", fmt.Sprintf("%d events", len(mixed)))
	answers, err := newSender(d.outputs.URL).postAll(ctx, mixed, func(a answer) {
		sent++
		d.out.progress(sent, len(mixed))
		d.moving.answered(a)
		if sent >= len(mixed)/4 {
			d.moving.start(ctx, d.operator.mover)
		}
	})
	if err != nil {
		return err
	}
	t.add(answers)
	d.out.end("%d orders and %d poisonous events through the router", len(now), len(d.examples.Poison))
	return nil
}

// refuse sends what the router must not take.
func (d *demo) refuse(ctx context.Context, _ *tally) error {
	s := newSender(d.outputs.URL)
	d.out.begin("refuse", "bad requests")
	var wrong []error
	var statuses []string
	for _, r := range d.examples.Refused {
		a, err := s.post(ctx, r.Request)
		if err != nil {
			return err
		}
		if a.Status != r.Status {
			wrong = append(wrong, fmt.Errorf("request %s: status %d, want %d: %s", r.Request.Body, a.Status, r.Status, a.Body))
		}
		statuses = append(statuses, fmt.Sprint(a.Status))
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	d.out.end("%d bad requests refused with %s", len(statuses), strings.Join(statuses, ", "))
	return nil
}

// settle waits until everything accepted was applied or ejected; I4, because the control plane is gone by now.
func (d *demo) settle(ctx context.Context, t *tally) (map[string]*cellState, error) {
	d.out.begin("process", "what was accepted")
	states, err := d.await(ctx, "everything accepted is applied or ejected", d.allCells(), t.unsettled)
	if err != nil {
		return nil, err
	}
	all := 0
	for _, keys := range t.accepted {
		all += len(keys)
	}
	d.found(finding{"I4 Autonomy", "without the mapping table the cells processed everything they had accepted", nil})
	d.out.end("%d events applied or ejected", all)
	return states, nil
}

// await looks at cells until nothing is missing, and returns what it saw last.
func (d *demo) await(ctx context.Context, what string, cells []string, missing func(map[string]*cellState) []string) (states map[string]*cellState, err error) {
	err = until(ctx, what, func() (lacking []string, err error) {
		states = map[string]*cellState{}
		for _, id := range cells {
			if states[id], err = d.cells.cell(ctx, id); err != nil {
				return nil, err
			}
		}
		if lacking = missing(states); len(lacking) > 0 {
			d.out.transient("%d to go", len(lacking))
		}
		return lacking, nil
	})
	if err != nil {
		return nil, err
	}
	return states, nil
}

// until looks until nothing is lacking. Where that takes longer than settleTimeout, its error says what is.
func until(ctx context.Context, what string, look func() (lacking []string, err error)) error {
	late := time.After(settleTimeout)
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for {
		lacking, err := look()
		if err != nil || len(lacking) == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("not within %s: %s:\n%s", settleTimeout, what, strings.Join(lacking, "\n"))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *demo) destroy(ctx context.Context) error {
	d.out.begin("destroy", "everything")
	changes, err := d.cloud.Destroy(ctx)
	if err != nil {
		return err
	}
	d.out.end("%d resources deleted", changes["delete"])
	return nil
}

// interleave spreads extra evenly among requests.
func interleave(requests, extra []Request) []Request {
	mixed := slices.Clone(requests)
	for i, r := range extra {
		mixed = slices.Insert(mixed, (i+1)*len(mixed)/(len(extra)+1), r)
	}
	return mixed
}

func firstOf(requests []Request, tenant string) Request {
	return requests[slices.IndexFunc(requests, func(r Request) bool { return r.TenantID == tenant })]
}
