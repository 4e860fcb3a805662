package resend

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/event"
	"cellular/internal/facts"
	"cellular/internal/item"
	"cellular/internal/mapping"
	"cellular/internal/ownership"
	"cellular/internal/tenantdata"
)

// Tables is the part of DynamoDB that a Home needs.
type Tables interface {
	tenantdata.DynamoDB
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Mappings tells where a tenant is, without a cache. Its error is mapping.ErrUnknownTenant for one that has no cell.
type Mappings interface {
	Get(ctx context.Context, tenantID string) (mapping.Mapping, error)
}

// Home sends events that a cell has accepted to wherever their tenant is at home now, stamped with the tenant's epoch of
// now.
//
// Nothing that happens meanwhile can lose or double an event. If the tenant leaves the cell after the mapping was read,
// the fence of that cell diverts the event, and the move, or a later replay, sends it on; the ledger, which moves with
// its tenant, makes any number of sendings one effect.
type Home struct {
	Tables   Tables
	Queue    Queue
	Mappings Mappings
	Cells    func(ctx context.Context, id string) (facts.Cell, error)
	Now      func() time.Time
}

// target is where a tenant's events go.
type target struct {
	from, owner facts.Cell
	epoch       int64
}

// Assess says, by key, what Send would do with events of one tenant that the cell from has accepted.
func (h *Home) Assess(ctx context.Context, from facts.Cell, tenantID string, wanted []Wanted) (map[string]Assessed, error) {
	assessed, _, err := h.assess(ctx, from, tenantID, wanted)
	return assessed, err
}

// Send sends those events of one tenant that are due, after making sure that the owner's data table has them. It answers
// by key. Its error means that events whose verdict would be Sent may, or may not, have been sent: try again.
func (h *Home) Send(ctx context.Context, from facts.Cell, tenantID string, wanted []Wanted) (map[string]Assessed, error) {
	assessed, to, err := h.assess(ctx, from, tenantID, wanted)
	if err != nil {
		return nil, err
	}
	var due []event.Event
	for _, w := range wanted {
		a := assessed[w.Key]
		if a.Verdict != Due {
			continue // or a key that was wanted twice
		}
		a.Verdict = Sent
		if a.clone != nil {
			switch cloned, err := h.clone(ctx, to, tenantID, a.clone); {
			case err != nil:
				return nil, fmt.Errorf("clone event %q into cell %s: %w", w.Key, to.owner.ID, err)
			case !cloned:
				a.Verdict = Moving
			}
		}
		assessed[w.Key] = a
		if a.Verdict == Sent {
			due = append(due, a.Event)
		}
	}
	if err := Events(ctx, h.Queue, to.owner.QueueURL, to.owner.Settings.InlinePayloadBytes, due); err != nil {
		return nil, fmt.Errorf("cell %s: %w", to.owner.ID, err)
	}
	return assessed, nil
}

func (h *Home) assess(ctx context.Context, from facts.Cell, tenantID string, wanted []Wanted) (map[string]Assessed, target, error) {
	assessed := make(map[string]Assessed, len(wanted))
	m, err := h.Mappings.Get(ctx, tenantID)
	if errors.Is(err, mapping.ErrUnknownTenant) {
		for _, w := range wanted {
			assessed[w.Key] = Assessed{Verdict: Unmapped}
		}
		return assessed, target{}, nil
	}
	if err != nil {
		return nil, target{}, err
	}
	to := target{from: from, owner: from, epoch: m.Epoch}
	if m.CellID != from.ID {
		if to.owner, err = h.Cells(ctx, m.CellID); err != nil {
			return nil, target{}, fmt.Errorf("find the cell of tenant %q: %w", tenantID, err)
		}
	}
	f, err := h.find(ctx, to, wanted)
	if err != nil {
		return nil, target{}, err
	}
	for _, w := range wanted {
		assessed[w.Key] = f.assess(w, to, h.Now())
	}
	return assessed, to, nil
}

// found is what the tables of a tenant's cell, and of the cell that accepted its events, have of these events.
type found struct {
	ownerLedger, fromLedger map[string]tenantdata.Item
	ownerData, fromData     map[string]tenantdata.Item
}

func (h *Home) find(ctx context.Context, to target, wanted []Wanted) (found, error) {
	var keys []string
	seen := map[string]bool{}
	for _, w := range wanted {
		if !seen[w.Key] { // BatchGetItem refuses a key that it is given twice
			seen[w.Key] = true
			keys = append(keys, w.Key)
		}
	}
	var f found
	reads := []struct {
		into  *map[string]tenantdata.Item
		table string
	}{
		{&f.ownerLedger, to.owner.ResultsTable}, {&f.ownerData, to.owner.DataTable},
		{&f.fromLedger, to.from.ResultsTable}, {&f.fromData, to.from.DataTable},
	}
	if to.owner.ID == to.from.ID {
		reads = reads[:2]
	}
	for _, r := range reads {
		items, err := tenantdata.Read(ctx, h.Tables, r.table, keys)
		if err != nil {
			return found{}, err
		}
		*r.into = items
	}
	return f, nil
}

func (f found) assess(w Wanted, to target, now time.Time) Assessed {
	status, divertedAt := ledgerEntry(f.ownerLedger[w.Key])
	earlier, _ := ledgerEntry(f.fromLedger[w.Key])
	switch {
	case status == event.Processed || earlier == event.Processed:
		return Assessed{Verdict: AlreadyApplied}
	case status == event.Diverted && divertedAt >= to.epoch:
		// The consumer would take it for a duplicate of what it has just diverted.
		return Assessed{Verdict: Moving}
	}
	stored, clone := f.item(w, to)
	if stored == nil {
		return Assessed{Verdict: Gone}
	}
	e, err := event.FromItem(stored)
	if err != nil {
		return Assessed{Verdict: Malformed}
	}
	// That the event has failed in its tenant's cell is proof that it was not applied, however old it is. Without that,
	// an outcome can have been there and expired.
	if status != event.Failed && now.Sub(e.AcceptedAt) >= to.memory() {
		return Assessed{Verdict: TooOld}
	}
	e.Epoch = to.epoch
	return Assessed{Verdict: Due, Event: e, clone: clone}
}

// item is the event's item, and the clone of it that the owner's data table lacks, or nil if it lacks none.
func (f found) item(w Wanted, to target) (stored, clone tenantdata.Item) {
	if stored = f.ownerData[w.Key]; stored != nil {
		return stored, nil
	}
	stored = f.fromData[w.Key]
	if stored == nil && w.Carried != nil {
		stored = w.Carried.Item()
	}
	if stored == nil {
		return nil, nil
	}
	clone = tenantdata.Item{}
	for name, v := range stored {
		clone[name] = v
	}
	clone[event.AttrClonedFrom] = &types.AttributeValueMemberS{Value: to.from.ID}
	return stored, clone
}

// memory is for how long both cells' ledgers have surely remembered an event since it was accepted.
func (t target) memory() time.Duration {
	return time.Duration(min(t.from.Settings.ResultTTL, t.owner.Settings.ResultTTL)) * time.Second
}

// ledgerEntry is an entry's status, "" for none, and the epoch that the event was stamped with, 0 for none.
func ledgerEntry(entry tenantdata.Item) (event.Status, int64) {
	status := item.Read(entry).OptionalString(event.AttrStatus)
	n, ok := entry[event.AttrEpoch].(*types.AttributeValueMemberN)
	if !ok {
		return event.Status(status), 0
	}
	epoch, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		epoch = 0
	}
	return event.Status(status), epoch
}

// cloneTries bounds how often a clone is tried while other transactions are at the same items: every event that the cell
// applies for the tenant looks at the fence too. The waits between add up to 5 s.
const cloneTries = 10

// clone puts an item into the data table of a tenant's cell, unless the cell has begun to give the tenant away: then it
// reports false, since the item could arrive behind the move that cleans up. That the item is there by now is fine.
func (h *Home) clone(ctx context.Context, to target, tenantID string, clone tenantdata.Item) (bool, error) {
	input := &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Put: &types.Put{
			TableName:                aws.String(to.owner.DataTable),
			Item:                     clone,
			ConditionExpression:      aws.String("attribute_not_exists(#key)"),
			ExpressionAttributeNames: map[string]string{"#key": event.AttrKey},
		}},
		ownership.MayApply(to.owner.ResultsTable, tenantID, to.epoch),
	}}
	for try := 1; ; try++ {
		_, err := h.Tables.TransactWriteItems(ctx, input)
		canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok {
			return err == nil, err
		}
		codes := reasons(canceled)
		switch {
		case codes[1] == "ConditionalCheckFailed":
			return false, nil
		case codes[0] == "ConditionalCheckFailed":
			return true, nil
		case codes[0] != "TransactionConflict" && codes[1] != "TransactionConflict", try == cloneTries:
			return false, err
		}
		if err := wait(ctx, 10*time.Millisecond<<(try-1)); err != nil {
			return false, err
		}
	}
}

// reasons are the codes of the two operations of a clone.
func reasons(canceled *types.TransactionCanceledException) (codes [2]string) {
	for i, r := range canceled.CancellationReasons[:min(2, len(canceled.CancellationReasons))] {
		codes[i] = aws.ToString(r.Code)
	}
	return codes
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
