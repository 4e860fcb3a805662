package move

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/tenantdata"
)

// Lack is what one cell of a move lacks of what the move needs there. Until it has it again, the move goes neither on nor
// back.
type Lack struct {
	Cell  string
	Parts []string // for people to read; empty where nothing is missing
	// Ledger says that the cell's results table is gone, or was made again without what it held, and with it the tenant's
	// outcomes, fence and business state. No other part takes anything of the tenant with it that a move cannot do without:
	// a 'pulumi up' makes it again.
	Ledger bool
	Table  bool // a table is among the parts: made again, it lacks what it held

	causes []error // what AWS said
}

func (l Lack) String() string { return "cell " + l.Cell + " lacks " + strings.Join(l.Parts, ", ") }

// LackError is the error of a way that cannot be gone because of what the cells lack.
type LackError struct{ Lacks []Lack }

func (e *LackError) Error() string {
	var all []string
	for _, l := range e.Lacks {
		all = append(all, l.String())
	}
	return strings.Join(all, "; ")
}

// Lacks looks into both cells of a move for the parts that it needs to go on, or back, and returns those cells that lack any.
func (m *Mover) Lacks(ctx context.Context, move Move, back bool) ([]Lack, error) {
	target := move.To // whose queue the move sends to
	if back {
		target = move.From
	}
	var lacks []Lack
	for _, id := range []string{move.From, move.To} {
		lack, err := m.lackOf(ctx, move, id, id == target)
		if err != nil {
			return nil, fmt.Errorf("look into cell %s: %w", id, err)
		}
		if len(lack.Parts) > 0 {
			lacks = append(lacks, lack)
		}
	}
	return lacks, nil
}

// whole returns a LackError if any of the cells lacks something.
func (m *Mover) whole(ctx context.Context, move Move, back bool) error {
	lacks, err := m.Lacks(ctx, move, back)
	if err != nil || len(lacks) == 0 {
		return err
	}
	for _, l := range lacks {
		for _, cause := range l.causes {
			return fmt.Errorf("%w: %w", &LackError{lacks}, cause)
		}
	}
	return &LackError{lacks}
}

// lackOf says what a cell lacks; of its queue, only where that is needed.
func (m *Mover) lackOf(ctx context.Context, move Move, id string, queue bool) (Lack, error) {
	lack := Lack{Cell: id}
	cell, err := m.Cell(ctx, id)
	if errors.Is(err, fleet.ErrUnknownCell) {
		return Lack{Cell: id, Parts: []string{"everything: the stack has no such cell"}, Ledger: true, causes: []error{err}}, nil
	}
	if err != nil {
		return Lack{}, err
	}
	look := func(table, kind string, indexes ...string) (there bool, err error) {
		for _, index := range indexes {
			err := tenantdata.CheckIndex(ctx, m.DynamoDB, table, index, move.TenantID)
			_, noIndex := errors.AsType[*tenantdata.IndexError](err)
			switch {
			case err == nil:
			case isNoTable(err):
				lack.Parts, lack.Table, lack.causes = append(lack.Parts, kind+" "+table), true, append(lack.causes, err)
				return false, nil
			case noIndex:
				lack.Parts, lack.causes = append(lack.Parts, "the index "+index+" of "+table), append(lack.causes, err)
			default:
				return false, err
			}
		}
		return true, nil
	}
	if _, err := look(cell.DataTable, "the data table", event.ShardTimeIndex, event.TenantTimeIndex); err != nil {
		return Lack{}, err
	}
	there, err := look(cell.ResultsTable, "the results table", ledger.ShardIndex, ledger.TenantIndex, ledger.WaitingIndex)
	if err != nil {
		return Lack{}, err
	}
	lack.Ledger = !there
	if there {
		if fenced, err := m.hasFence(ctx, move, cell); err != nil || !fenced {
			lack.Ledger = true
			lack.Parts = append(lack.Parts, "what the results table "+cell.ResultsTable+" held of the tenant, which was made again since")
			return lack, err
		}
	}
	if queue && m.HasQueue != nil {
		there, err := m.HasQueue(ctx, cell.QueueURL)
		if err != nil {
			return Lack{}, err
		}
		if !there {
			lack.Parts = append(lack.Parts, "the queue "+cell.QueueURL)
		}
	}
	return lack, nil
}

// isNoTable reports whether an error says that a table is not there.
func isNoTable(err error) bool {
	_, none := errors.AsType[*types.ResourceNotFoundException](err)
	return none
}

// hasFence reports whether a cell has the tenant's fence, or need not have one at this point of the move. A results table
// that was made again has none.
func (m *Mover) hasFence(ctx context.Context, move Move, cell manifest.Cell) (bool, error) {
	if !move.fenced(cell.ID) {
		return true, nil
	}
	_, there, err := ledger.ReadFence(ctx, m.DynamoDB, cell.ResultsTable, move.TenantID)
	return there, err
}

// fenced reports whether a cell of the move must have a fence for the tenant.
func (m Move) fenced(cellID string) bool {
	switch m.Phase {
	case Clone, Fence, GiveBack:
		return m.BackingOut || cellID == m.From && m.OldFloor > 1
	case Abandon:
		return false
	}
	return true
}

// checkFences ends a phase that relies on the fences before it begins, where one is gone: the results table that it stood
// in was made again, and knows neither outcomes nor state.
func (r *run) checkFences(ctx context.Context) error {
	for _, cell := range []manifest.Cell{r.from, r.to} {
		there, err := r.mover().hasFence(ctx, r.move, cell)
		if err != nil {
			return fmt.Errorf("read the fence in cell %s: %w", cell.ID, err)
		}
		if !there {
			return fmt.Errorf("%w: the tenant's fence is not in the results table %s, which was made again since", ErrStuck, cell.ResultsTable)
		}
		// A table that was restored while it was written to may have the fence, and not all of the copies that were raised before it.
		if err := r.raise(ctx, cell); err != nil {
			return err
		}
	}
	return nil
}

// raise raises those copies of a cell's fence that are below the move's epoch.
func (r *run) raise(ctx context.Context, cell manifest.Cell) error {
	copies, err := ledger.ReadFenceCopies(ctx, r.DynamoDB, cell.ResultsTable, r.move.TenantID)
	if err != nil {
		return err
	}
	for n, c := range copies {
		if c.Floor >= r.move.Epoch {
			continue
		}
		w := ledger.SetFenceCopy(cell.ResultsTable, r.fenceOf("", r.move.Epoch, ""), n)
		if err := r.write(ctx, []types.TransactWriteItem{w}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) mover() *Mover { return &Mover{*r.Options} }

// mustBeFenced is the condition, as operations of a transaction, that both cells still have the fences that the move wrote.
func (r *run) mustBeFenced() []types.TransactWriteItem {
	return []types.TransactWriteItem{
		ledger.FloorAtLeast(r.from.ResultsTable, r.move.TenantID, r.move.Epoch),
		ledger.FloorAtLeast(r.to.ResultsTable, r.move.TenantID, r.move.Epoch),
	}
}
