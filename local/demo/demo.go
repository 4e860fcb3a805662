// Package demo shows the whole system at work on the local cloud, and checks what can be seen of its invariants: it
// deploys the program, sends the sample events through the router, takes the control plane away, compares what was
// answered with what the cells hold, and takes everything down.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/event"
	"cellular/internal/facts"
	"cellular/internal/naming"
	"cellular/internal/placement"
	"cellular/local"
)

const (
	settleTimeout  = 40 * time.Second       // for everything accepted to be applied or ejected; seconds are usual
	settleInterval = 300 * time.Millisecond // between two looks at the cells
	outageOrders   = 60                     // sample orders kept back for the outage of the control plane
)

// Options of Run.
type Options struct {
	Examples Examples
	Dir      string // of the local cloud; empty: .local in the project's root
	Out      io.Writer
	Live     bool // Out is a terminal: progress replaces its own line
}

// Run runs the demo. It fails if an invariant did not hold, or if the demo could not be run to its end; everything that
// it started is gone in either case.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{out: &stage{w: o.Out, live: o.Live}, examples: o.Examples}
	fmt.Fprintln(o.Out, "Cellular on this machine: the real program, engine and functions; no AWS account is used.")
	fmt.Fprintln(o.Out)

	d.out.begin("start", "the local cloud")
	if d.cloud, err = local.Start(ctx, local.Options{Dir: o.Dir, Progress: d.out.note}); err != nil {
		return err
	}
	defer func() {
		// After a success there is nothing to hide behind: what does not go down cleanly is a failure.
		err = errors.Join(err, d.cloud.Close())
	}()
	d.out.end("emulator and functions on 127.0.0.1, engine Pulumi v%s", d.cloud.Engine().Version)

	if err := d.run(ctx); err != nil {
		return fmt.Errorf("%w\nthe logs of this run are in %s/logs", err, d.cloud.Dir)
	}
	return nil
}

type demo struct {
	out      *stage
	examples Examples
	cloud    *local.Cloud
	cells    *observer
	outputs  local.Outputs
	findings []finding
}

func (d *demo) run(ctx context.Context) error {
	if err := d.deploy(ctx); err != nil {
		return err
	}
	t := newTally(d.examples)
	if err := d.events(ctx, t); err != nil {
		return err
	}
	if err := d.outage(ctx, t); err != nil {
		return err
	}
	states, err := d.settle(ctx, t)
	if err != nil {
		return err
	}
	d.found(t.isolation(states), t.nothingLost(states), t.containedPoison(states))
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
	return nil
}

// Place puts tenants into cells, as they are in the sample.
func Place(ctx context.Context, cloud *local.Cloud, outputs local.Outputs, placements []Placement) error {
	store := placement.NewStore(dynamodb.NewFromConfig(cloud.AWS), facts.ControlPlane{
		MappingTable: outputs.MappingTable, CellTable: naming.Stack(local.StackName).CellTable(),
	})
	cells := slices.Collect(maps.Values(outputs.Cells))
	for _, p := range placements {
		if _, err := store.Assign(ctx, cells, placement.Request{TenantID: p.TenantID, CellID: p.CellID}); err != nil {
			return err
		}
	}
	return nil
}

// oneMoreCell is the list of cells that are up, and another.
func (d *demo) oneMoreCell() []any {
	var cells []any
	for _, id := range slices.Sorted(maps.Keys(d.outputs.Cells)) {
		c := d.outputs.Cells[id]
		cells = append(cells, map[string]any{"id": id, "wave": c.Wave, "tier": c.Tier, "maxTenants": c.MaxTenants})
	}
	return append(cells, map[string]any{"id": "one-more"})
}

// events sends the sample orders, with the poison among them, and then what has to be refused.
func (d *demo) events(ctx context.Context, t *tally) error {
	s := newSender(d.outputs.URL)
	now := d.examples.Orders[:len(d.examples.Orders)-outageOrders]
	mixed := interleave(now, d.examples.Poison)

	sent := 0
	d.out.begin("send", fmt.Sprintf("%d events", len(mixed)))
	answers, err := s.postAll(ctx, mixed, func() { sent++; d.out.progress(sent, len(mixed)) })
	if err != nil {
		return err
	}
	t.add(answers)
	d.out.end("%d orders and %d poisonous events through the router", len(now), len(d.examples.Poison))

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

// outage deletes the mapping table and sends on: known tenants are routed, an unknown one is not guessed.
func (d *demo) outage(ctx context.Context, t *tally) error {
	s := newSender(d.outputs.URL)
	d.out.begin("outage", "of the control plane")
	// One request at a time lands in one environment of the router, which then knows every tenant.
	for _, p := range d.examples.Tenants {
		if _, err := s.post(ctx, firstOf(d.examples.Orders, p.TenantID)); err != nil {
			return err
		}
	}
	tables := dynamodb.NewFromConfig(d.cloud.AWS)
	if _, err := tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &d.outputs.MappingTable}); err != nil {
		return fmt.Errorf("take the mapping table away: %w", err)
	}
	rest := d.examples.Orders[len(d.examples.Orders)-outageOrders:]
	var known []answer
	for i, r := range rest {
		a, err := s.post(ctx, r)
		if err != nil {
			return err
		}
		known = append(known, a)
		d.out.progress(i+1, len(rest))
	}
	stranger := rest[0]
	stranger.Body = []byte(strings.Replace(string(stranger.Body), stranger.TenantID, "stranger", 1))
	unknown, err := s.post(ctx, stranger)
	if err != nil {
		return err
	}
	t.add(known)
	d.found(staticStability(known, unknown))
	d.out.end("mapping table deleted; %d more orders of known tenants accepted, an unknown tenant got %d", accepted(known), unknown.Status)
	return nil
}

// settle waits until everything accepted was applied or ejected; I4, because the control plane is gone by now.
func (d *demo) settle(ctx context.Context, t *tally) (map[string]*cellState, error) {
	d.out.begin("process", "what was accepted")
	late := time.After(settleTimeout)
	tick := time.NewTicker(settleInterval)
	defer tick.Stop()
	for {
		states := map[string]*cellState{}
		done, all := 0, 0
		for _, id := range slices.Sorted(maps.Keys(d.outputs.Cells)) {
			s, err := d.cells.cell(ctx, id)
			if err != nil {
				return nil, err
			}
			states[id] = s
			done += len(s.Processed) + s.ejected()
			all += len(t.accepted[id])
		}
		d.out.progress(done, all)
		missing := t.unsettled(states)
		if len(missing) == 0 {
			d.found(finding{"I4 Autonomy", "without the mapping table the cells processed everything they had accepted", nil})
			d.out.end("%d events applied or ejected", all)
			return states, nil
		}
		select {
		case <-tick.C:
		case <-late:
			return nil, fmt.Errorf("not everything accepted was applied or ejected within %s:\n%s", settleTimeout, strings.Join(missing, "\n"))
		case <-ctx.Done():
			return nil, ctx.Err()
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

func accepted(answers []answer) int {
	n := 0
	for _, a := range answers {
		if a.Status == http.StatusAccepted {
			n++
		}
	}
	return n
}

func staticStability(known []answer, unknown answer) finding {
	var errs []error
	for _, a := range known {
		if a.Status != http.StatusAccepted {
			errs = append(errs, fmt.Errorf("event %s of a known tenant: status %d: %s", event.Key(a.Request.TenantID, a.Request.EventID), a.Status, a.Body))
		}
	}
	if unknown.Status != http.StatusServiceUnavailable {
		errs = append(errs, fmt.Errorf("an unknown tenant got %d, want 503", unknown.Status))
	}
	return finding{"I5 Static stability", fmt.Sprintf("without the mapping table %d of %d events of known tenants were routed, an unknown tenant got %d",
		accepted(known), len(known), unknown.Status), errors.Join(errs...)}
}
