package health

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/openwork"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/placement"
)

// Placement is what the control plane knows of tenants and cells. *placement.Store is one.
type Placement interface {
	States(ctx context.Context, cellIDs []string) (map[string]placement.CellState, error)
	Page(ctx context.Context, cellID, after string, limit int) (tenants []mapping.Mapping, next string, err error)
	Estimate(ctx context.Context, cellID string, open []placement.OpenMove) (int, error)
	Recount(ctx context.Context, cellID string, moves placement.Moves, lag time.Duration) (placement.Recount, error)
	Correct(context.Context, placement.Recount) error
	Stranded(ctx context.Context, cell manifest.Cell, limit int) (tenants []string, more bool, err error)
}

// Status reads what a cell has at hand. *cellstatus.Reader is one.
type Status interface {
	Read(context.Context, manifest.Cell) (cellstatus.Status, error)
}

// Control is the control plane.
type Control struct {
	Placement
	// OpenMoves lists the moves under way.
	OpenMoves func(context.Context) ([]Move, error)
	// Moves reads them for recounts.
	Moves placement.Moves
	// OpenRemovals lists the removals of tenants that are under way.
	OpenRemovals func(context.Context) ([]Removal, error)
}

// Move is a move under way.
type Move struct {
	TenantID, From, To string
	StartedAt          time.Time
	// Stalled says that nobody is at work on the move, in a phase in which no cell applies the tenant's events.
	Stalled bool
}

// Removal is a removal of a tenant under way.
type Removal struct {
	TenantID, Cell, Phase string
	StartedAt             time.Time
	Left                  bool   // nobody is at work on it
	Ways                  string // the commands by which it goes on
}

const (
	moveCheck    = "moves"
	removalCheck = "removals"
	stateCheck   = "cell state"
	countCheck   = "tenant count"
	lackCheck    = "lost mappings"
	contentCheck = "contents"
)

// drift finds where the control plane contradicts itself, or the cells.
func (d Doctor) drift(ctx context.Context, p published, leftovers []string) []Finding {
	if p.control == nil {
		return nil
	}
	c := d.Control(*p.control)
	moves, err := c.OpenMoves(ctx)
	l := d.look(moveCheck, string(d.Stack))
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	d.examineMoves(l, p, moves)
	found := l.end("%d under way, none for too long", len(moves))
	found = append(found, d.removals(ctx, c)...)
	found = append(found, d.strays(ctx, p, c, leftovers)...)
	found = append(found, d.states(ctx, p, c, moves)...)
	found = append(found, d.stranded(ctx, p, c)...)
	return append(found, d.contents(ctx, p, moves)...)
}

// removals finds those that nobody is at work on. Their tenants are suspended and can be nothing else.
func (d Doctor) removals(ctx context.Context, c Control) []Finding {
	l := d.look(removalCheck, string(d.Stack))
	open, err := c.OpenRemovals(ctx)
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	for _, m := range open {
		if m.Left {
			l.add(Warn, m.Ways, "tenant %s is being removed from cell %s since %s, phase %s, and nobody is at work on that",
				m.TenantID, m.Cell, event.FormatTime(m.StartedAt), m.Phase)
		}
	}
	return l.end("%d under way, each with a process at work", len(open))
}

func (d Doctor) examineMoves(l *look, p published, moves []Move) {
	l.fix = "'cellctl moves resume TENANT' carries a move on, 'cellctl moves show TENANT' says which other ways there are"
	for _, m := range moves {
		for _, id := range []string{m.From, m.To} {
			if p.listed && !slices.Contains(p.ids(), id) {
				l.fail("tenant %s moves from cell %s to cell %s, and %s is not there", m.TenantID, m.From, m.To, id)
			}
		}
		if m.Stalled {
			l.fail("the events of tenant %s wait: nobody is at work on its move from cell %s to cell %s", m.TenantID, m.From, m.To)
		}
		if p.router == nil {
			continue
		}
		limit := time.Duration(p.router.HardTTL) + openwork.Margin
		if open := d.Now().Sub(m.StartedAt); open > limit {
			l.warn("tenant %s moves from cell %s to cell %s for %s, longer than %s", m.TenantID, m.From, m.To, open.Round(time.Minute), limit)
		}
	}
}

// strays finds tenants that are mapped to a cell that is not there. Such a cell is known by what it has left: its state,
// a table or a queue.
func (d Doctor) strays(ctx context.Context, p published, c Control, leftovers []string) []Finding {
	l := d.look(stateCheck, "cells that are not there")
	if !p.listed {
		l.add(Skip, "", "not every cell's manifest could be read")
		return l.findings
	}
	const bringBack = "bring the cell back into cellular:cells, or see 'cellctl tenants show TENANT': it says how to go on without the cell"
	known, err := placement.KnownCells(ctx, d.DynamoDB, p.control.CellTable)
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(append(known, leftovers...)))) {
		if slices.Contains(p.ids(), id) {
			continue
		}
		tenant, err := aTenantOf(ctx, c, id)
		switch {
		case err != nil:
			l.unseen(err)
			return l.findings
		case tenant != "" && slices.Contains(leftovers, id):
			l.add(Fail, "where cellular:cells lists the cell, 'pulumi up --refresh -s "+string(d.Stack)+"' makes the parameter again; otherwise "+bringBack,
				"tenant %s, for one, is mapped to cell %s, whose parameter is not there, while tables or queues of it are", tenant, id)
		case tenant != "":
			l.add(Fail, bringBack, "tenant %s, for one, is mapped to cell %s, which is not there: its events are refused", tenant, id)
		}
	}
	return l.end("no tenant is mapped to one")
}

// aTenantOf is one of the tenants that are mapped to a cell; "" where there is none.
func aTenantOf(ctx context.Context, c Control, cellID string) (string, error) {
	after := ""
	for {
		tenants, next, err := c.Page(ctx, cellID, after, 100)
		if err != nil {
			return "", err
		}
		if len(tenants) > 0 {
			return tenants[0].TenantID, nil
		}
		if next == "" {
			return "", nil
		}
		after = next
	}
}

// states examines the cells' states: retired cells are empty, and every count is right.
func (d Doctor) states(ctx context.Context, p published, c Control, moves []Move) []Finding {
	states, err := c.States(ctx, p.ids())
	if err != nil {
		l := d.look(stateCheck, string(d.Stack))
		l.unseen(err)
		return l.findings
	}
	var found []Finding
	for _, cell := range p.cells {
		if states[cell.ID].Status == placement.Retired {
			found = append(found, d.retired(ctx, c, cell, states[cell.ID].UpdatedAt)...)
		}
	}
	return append(found, d.counts(ctx, p, c, moves, states)...)
}

// retired examines a cell that was retired at a time. Its state outlives it: one that left the configuration and was added
// again, which its tables are younger for, is still retired.
func (d Doctor) retired(ctx context.Context, c Control, cell manifest.Cell, at time.Time) []Finding {
	l := d.look(stateCheck, cell.ID)
	if out, err := d.DynamoDB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &cell.DataTable}); err == nil { // or the table check says so
		if made := aws.ToTime(out.Table.CreationDateTime); made.After(at) {
			l.add(Warn, "'cellctl cells activate "+cell.ID+"' has it take tenants", "it was added again on %s, and is retired since %s: no tenant is placed in it",
				event.FormatTime(made), event.FormatTime(at))
		}
	}
	tenant, err := aTenantOf(ctx, c, cell.ID)
	switch {
	case err != nil:
		l.unseen(err)
	case tenant != "":
		l.add(Fail, "'cellctl cells activate "+cell.ID+"', and move its tenants", "it is retired, and tenant %s, for one, is mapped to it", tenant)
	}
	return l.end("retired, and empty")
}

// statuses reads the cells, some at a time.
func (d Doctor) statuses(ctx context.Context, cells []manifest.Cell) ([]cellstatus.Status, []error) {
	statuses, errs := make([]cellstatus.Status, len(cells)), make([]error, len(cells))
	d.each("contents of cells", cells, func(i int, cell manifest.Cell) { statuses[i], errs[i] = d.Status.Read(ctx, cell) })
	return statuses, errs
}

// contents examines what waits in the cells for an operator: dead letters, and diverted events that no open move will
// send on.
func (d Doctor) contents(ctx context.Context, p published, moves []Move) []Finding {
	moving := map[string]bool{}
	for _, m := range moves {
		moving[m.TenantID] = true
	}
	statuses, errs := d.statuses(ctx, p.cells)
	var found []Finding
	for i, cell := range p.cells {
		l := d.look(contentCheck, cell.ID)
		status, err := statuses[i], errs[i]
		if err != nil {
			l.unseen(err)
			found = append(found, l.findings...)
			continue
		}
		for _, dlq := range []struct {
			url   string
			depth cellstatus.Depth
		}{{cell.ConsumerDLQURL, status.ConsumerDLQ}, {cell.SubscriptionDLQURL, status.SubscriptionDLQ}, {cell.StreamDLQURL, status.StreamDLQ}} {
			if n := dlq.depth.Total(); n > 0 {
				l.add(Warn, "'cellctl dlq list --cell "+cell.ID+"' shows them; redrive them once their cause is mended, or drop them, before they expire", "dead letters in %s: %d", lastSegment(dlq.url), n)
			}
		}
		for _, tenant := range slices.Sorted(maps.Keys(status.Waiting.ByTenant)) {
			if !moving[tenant] {
				l.add(Fail, "'cellctl replay --cell "+cell.ID+"' sends them to their tenant's cell",
					"%d diverted events of tenant %s wait, and no open move will send them on", status.Waiting.ByTenant[tenant], tenant)
			}
		}
		found = append(found, l.end("no dead letters; %d diverted events wait, all for open moves", status.Waiting.Total)...)
	}
	return found
}
