package restore

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"golang.org/x/time/rate"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// cellRun is one call of Cell.
type cellRun struct {
	*Restorer
	cell          manifest.Cell
	data, results Scratch
	options       Options
	limit         *rate.Limiter
	report        CellReport
	listed        map[string]bool // the tenants of the report
	looked        int64
}

// outcomes puts the outcomes of a page back. Any outcome that is there is at least as new.
func (c *cellRun) outcomes(ctx context.Context, items []tenantdata.Item) error {
	part, now := &c.report.Outcomes, c.Now()
	items = slices.DeleteFunc(slices.Clone(items), func(i tenantdata.Item) bool { return ledger.IsState(tenantdata.Key(i)) })
	found := sort(part, items, func(i tenantdata.Item) (candidate, Reason) { return outcomeOf(i, now) })
	lacking, live, err := c.compare(ctx, c.cell.ResultsTable, found)
	if err != nil {
		return err
	}
	part.There += len(live)
	return c.putBack(ctx, part, c.cell.ResultsTable, lacking)
}

// state puts back what the business logic kept. Where something is there, nobody but the business logic could say what
// the two make together.
func (c *cellRun) state(ctx context.Context, items []tenantdata.Item) error {
	part := &c.report.State
	var fences []string
	items = slices.DeleteFunc(slices.Clone(items), func(i tenantdata.Item) bool {
		key := tenantdata.Key(i)
		if ledger.IsFence(key) {
			fences = append(fences, key)
		}
		return ledger.Reserved(key)
	})
	there, err := tenantdata.Read(ctx, c.DynamoDB, c.cell.ResultsTable, fences)
	if err != nil {
		return err
	}
	c.report.LostFences += len(fences) - len(there)
	found := sort(part, items, stateOf)
	lacking, live, err := c.compare(ctx, c.cell.ResultsTable, found)
	if err != nil {
		return err
	}
	for _, f := range found {
		switch live := live[f.key]; {
		case live == nil:
		case reflect.DeepEqual(live, f.item):
			part.There++
		default:
			part.leave(Differs)
			if len(c.report.Differing) < maxListed {
				c.report.Differing = append(c.report.Differing, f.key)
			}
		}
	}
	return c.putBack(ctx, part, c.cell.ResultsTable, lacking)
}

// events puts the events of a page back whose outcomes are.
func (c *cellRun) events(ctx context.Context, items []tenantdata.Item) error {
	part := &c.report.Events
	found := sort(part, items, func(i tenantdata.Item) (candidate, Reason) { return eventOf(i, c.cell.ID, c.Now()) })
	lacking, live, err := c.compare(ctx, c.cell.DataTable, found)
	if err != nil {
		return err
	}
	part.There += len(live)
	var back []candidate // those that an earlier run put back, and this one
	for _, f := range found {
		if item := live[f.key]; item != nil && reflect.DeepEqual(item[event.AttrClonedFrom], f.item[event.AttrClonedFrom]) {
			back = append(back, f)
		}
	}
	entries, err := c.ledger(ctx, slices.Concat(back, lacking))
	if err != nil {
		return err
	}
	lacking, homes, err := c.atHome(ctx, part, lacking)
	if err != nil {
		return err
	}
	lacking = slices.DeleteFunc(lacking, func(f candidate) bool {
		if !entries.lost(f, c.Now()) || c.options.DryRun {
			return false
		}
		part.leave(NoOutcome)
		return true
	})
	put, err := c.putAll(ctx, part, c.cell.DataTable, lacking, homes)
	for _, f := range slices.Concat(back, put) {
		if err := c.noteUnsettled(f, entries); err != nil {
			return err
		}
	}
	return err
}

// sort takes the candidates out of a page, and counts the other items.
func sort(part *Part, items []tenantdata.Item, classify func(tenantdata.Item) (candidate, Reason)) []candidate {
	var found []candidate
	for _, i := range items {
		part.Found++
		f, why := classify(i)
		if why != "" {
			part.leave(why)
			continue
		}
		found = append(found, f)
	}
	return found
}

// compare looks which candidates a live table has.
func (c *cellRun) compare(ctx context.Context, table string, found []candidate) (lacking []candidate, live map[string]tenantdata.Item, err error) {
	live, err = tenantdata.Read(ctx, c.DynamoDB, table, keys(found))
	if err != nil {
		return nil, nil, err
	}
	for _, f := range found {
		if live[f.key] == nil {
			lacking = append(lacking, f)
		}
	}
	return lacking, live, nil
}

func keys(found []candidate) []string {
	all := make([]string, 0, len(found))
	for _, f := range found {
		all = append(all, f.key)
	}
	return all
}

// putBack puts candidates into a live table as far as their tenants are at home.
func (c *cellRun) putBack(ctx context.Context, part *Part, table string, lacking []candidate) error {
	lacking, homes, err := c.atHome(ctx, part, lacking)
	if err != nil {
		return err
	}
	_, err = c.putAll(ctx, part, table, lacking, homes)
	return err
}

// atHome are the candidates whose tenants are at home in the cell, in the life that they belong to. It counts the others.
func (c *cellRun) atHome(ctx context.Context, part *Part, lacking []candidate) ([]candidate, map[string]home, error) {
	homes, err := c.homes(ctx, lacking)
	if err != nil {
		return nil, nil, err
	}
	var back []candidate
	for _, f := range lacking {
		at := homes[f.tenant]
		if at.why == "" {
			at.why = at.life.judge(f, c.results.At)
		}
		switch {
		case at.why != "":
			c.leave(part, f, at)
			continue
		case f.epoch > 0 && f.epoch < at.life.first:
			f = f.under(at.epoch)
		}
		back = append(back, f)
	}
	return back, homes, nil
}

// putAll puts candidates into a live table, and returns those that it has put, or in a dry run would have. What it returns
// with an error is there.
func (c *cellRun) putAll(ctx context.Context, part *Part, table string, lacking []candidate, homes map[string]home) (put []candidate, err error) {
	for batch := range slices.Chunk(lacking, putBatch) {
		if c.options.DryRun {
			part.PutBack += len(batch)
			put = append(put, batch...)
			continue
		}
		if err := c.limit.WaitN(ctx, len(batch)); err != nil {
			return put, err
		}
		done, err := c.putBatch(ctx, part, table, batch, homes)
		put = append(put, done...)
		if err != nil {
			return put, err
		}
	}
	return put, nil
}

func (c *cellRun) putBatch(ctx context.Context, part *Part, table string, batch []candidate, homes map[string]home) (put []candidate, err error) {
	items := make([]missing, 0, len(batch))
	for _, f := range batch {
		items = append(items, missing{f.tenant, f.item})
	}
	outcomes, err := c.putMissing(ctx, table, event.AttrKey, items, c.stillThere(homes))
	if err != nil {
		return nil, err
	}
	for i, f := range batch {
		switch outcomes[i] {
		case written:
			part.PutBack++
			put = append(put, f)
		case taken:
			part.There++
		case forbidden:
			c.leave(part, f, home{why: Changed, cell: homes[f.tenant].cell})
		}
	}
	return put, nil
}

// leave leaves an item alone because of where its tenant is.
func (c *cellRun) leave(part *Part, f candidate, at home) {
	part.leave(at.why)
	if !c.listed[f.tenant] && len(c.listed) < maxListed {
		c.listed[f.tenant] = true
		c.report.Tenants = append(c.report.Tenants, TenantLeft{f.tenant, at.cell, at.why})
	}
}

// noteUnsettled counts an event that was put back and that no ledger knows the end of, unless it is so old that its
// outcome may have expired: that one is never sent again.
func (c *cellRun) noteUnsettled(f candidate, entries ledgers) error {
	e, err := event.FromItem(f.item)
	if err != nil {
		return fmt.Errorf("event %q: %w", f.key, err)
	}
	live := ledger.Peek(entries.live[f.key])
	known := live.Settled(c.Now()) && !live.Before(e) || c.options.DryRun && entries.lost(f, c.Now())
	if known || c.Now().Sub(e.AcceptedAt) >= ledger.Memory(c.cell) {
		return nil
	}
	c.report.Unsettled++
	if c.report.Oldest.IsZero() || e.AcceptedAt.Before(c.report.Oldest) {
		c.report.Oldest = e.AcceptedAt
	}
	return nil
}
