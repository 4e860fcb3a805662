package restore

import (
	"context"
	"fmt"
	"time"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// CellReport is what became of what a cell had at the time.
type CellReport struct {
	Outcomes, State, Events Part

	// Differing are the first maxListed keys of business state that is there with other content.
	Differing []string
	// Tenants are the first maxListed tenants of which something was left alone because of where the tenant is.
	Tenants []TenantLeft

	// LostFences is how many fences the cell had and has no more. They do not come back: what they said may be wrong by now.
	LostFences int

	// Unsettled is how many of the events that this run, or one before it, put back have no outcome in the ledger, and are
	// young enough to be replayed. Oldest is when the first of them was accepted. In a dry run: will have.
	Unsettled int
	Oldest    time.Time
}

// TenantLeft is a tenant of which something was left alone.
type TenantLeft struct {
	TenantID string
	Cell     string // where it is now; "" for nowhere
	Reason   Reason
}

// PutBack is how many items were put back.
func (r CellReport) PutBack() int {
	return r.Outcomes.PutBack + r.State.PutBack + r.Events.PutBack
}

// LeftAlone is how many items were left alone for a reason.
func (r CellReport) LeftAlone(why Reason) int {
	return r.Outcomes.LeftAlone[why] + r.State.LeftAlone[why] + r.Events.LeftAlone[why]
}

// Again is how many items were left alone that another run may put back.
func (r CellReport) Again() int {
	n := 0
	for _, p := range []Part{r.Outcomes, r.State, r.Events} {
		for why, items := range p.LeftAlone {
			if why.Again() {
				n += items
			}
		}
	}
	return n
}

// Cell puts back what a cell lacks of what its tenants had in it, out of the scratch tables of its two tables.
func (r *Restorer) Cell(ctx context.Context, cell manifest.Cell, data, results Scratch, o Options) (CellReport, error) {
	c := &cellRun{Restorer: r, cell: cell, data: data, results: results, options: o, limit: limiter(o), listed: map[string]bool{}}
	// The outcomes first: between an event's return and its outcome's, a replay would apply it again. Then the state,
	// which an event that is delivered late would otherwise change before its outcome is there to stop it.
	for _, part := range []struct {
		pages   pages
		restore func(context.Context, []tenantdata.Item) error
	}{
		{r.resultPages(results.Name, o.Tenant), c.outcomes},
		{r.resultPages(results.Name, o.Tenant), c.state},
		{r.eventPages(data.Name, o.Tenant), c.events},
	} {
		err := part.pages(ctx, func(items []tenantdata.Item) error {
			if err := part.restore(ctx, items); err != nil {
				return err
			}
			c.looked += int64(len(items))
			if o.Progress != nil {
				o.Progress(c.looked)
			}
			return nil
		})
		if err != nil {
			return c.report, fmt.Errorf("restore cell %s: %w", cell.ID, err)
		}
	}
	return c.report, nil
}
