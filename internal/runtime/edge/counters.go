package edge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/ratecounter"
	"cellular/internal/runtime/guard"
)

// Counters add up what a tenant asks of all processes of the router. Each cell has those of its tenants.
type Counters interface {
	// Add adds a report to a tenant's counter in the report's cell and returns the total.
	Add(ctx context.Context, tenantID string, report guard.Report) (guard.Total, error)
}

// CounterTables are the counters as the cells' tables of them.
type CounterTables struct {
	Client interface {
		UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	}
	Prefix string // a cell's table is this prefix and the cell's id
}

// Add implements Counters with one update.
func (t CounterTables) Add(ctx context.Context, tenantID string, r guard.Report) (guard.Total, error) {
	count := ratecounter.Count{Asked: r.Asked, Share: r.Of, SharedAt: r.At}
	out, err := t.Client.UpdateItem(ctx, ratecounter.Add(t.Prefix+r.CellID, tenantID, count, time.Now()))
	if err != nil {
		return guard.Total{}, fmt.Errorf("count requests in cell %s: %w", r.CellID, err)
	}
	total, err := ratecounter.FromItem(out.Attributes)
	if err != nil {
		return guard.Total{}, fmt.Errorf("read the requests that cell %s counted: %w", r.CellID, err)
	}
	return guard.Total{Asked: total.Asked, Share: guard.Share{Of: total.Share, At: total.SharedAt}}, nil
}

// counted is the end of a report.
type counted struct {
	total guard.Total
	err   error
}

// beginReport begins to report the tenant's requests, where a report is due, and leaves its end to the exchange. The
// report and the call into the cell are made at the same time, so that a counter that answers costs the request
// nothing. Without a cell's id the report goes where the last one went. Probes are no tenant's: each process limits them alone.
func (h *Handler) beginReport(ctx context.Context, x *exchange, cellID string) {
	if h.config.Counters == nil || x.probe {
		return
	}
	report, due := h.tenants.Due(h.config.Now(), x.tenantID, cellID)
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, h.config.CounterTimeout)
	answer := make(chan counted, 1) // nobody may be there to receive it
	tenantID := x.tenantID
	go func() {
		total, err := h.addSafely(ctx, tenantID, report)
		answer <- counted{total, err}
	}()
	x.endReport = func() {
		defer cancel()
		var c counted
		select {
		case c = <-answer:
		case <-ctx.Done():
			c.err = context.Cause(ctx)
		}
		if x.counterErr = c.err; c.err != nil {
			h.tenants.Miss(tenantID, errors.Is(c.err, context.DeadlineExceeded) || errors.Is(c.err, context.Canceled))
			return
		}
		h.tenants.Learn(h.config.Now(), tenantID, c.total)
	}
}

// addSafely turns a panic into an error, as serveSafely does for the rest of a request.
func (h *Handler) addSafely(ctx context.Context, tenantID string, report guard.Report) (total guard.Total, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return h.config.Counters.Add(ctx, tenantID, report)
}
