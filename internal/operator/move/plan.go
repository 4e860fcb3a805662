package move

import (
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
)

// Item is an item of a table.
type Item = map[string]types.AttributeValue

// side is what one cell has under some keys.
type side struct {
	cell          manifest.Cell
	data, results map[string]Item

	endedData, endedResults map[string]Item // of acceptances that have ended: see present
}

// plan is what there is to do about some events.
type plan struct {
	writes    []types.TransactWriteItem
	counts    Counts
	open      []string // keys of what may still change
	send      []string // keys of diverted events of the old cell that are to be sent on
	conflicts []string // keys of events of the old cell whose id the new one has with other content
}

// planEvents says what the new cell lacks of some events of the old one. An item that is no event stays where it is: it
// never was accepted from a client, and its record is in the old cell's stream DLQ. With settledOnly it leaves alone what may still
// change, which is all that the old cell has not applied. Otherwise the old cell must be fenced: an event that it has
// not applied is then taken over, which is to divert it as the cell's consumer would.
func planEvents(keys []string, from, to side, epoch int64, now time.Time, settledOnly bool) plan {
	var p plan
	for _, key := range keys {
		data, outcome := from.data[key], from.results[key]
		status := statusOf(outcome)
		if settledOnly && outcome != nil && status != ledger.Processed {
			p.open = append(p.open, key)
			continue
		}
		if data == nil { // forgotten already, or lost
			p.copyOutcome(key, outcome, to)
			continue
		}
		e, err := event.FromItem(data)
		if err != nil {
			p.counts.Unreadable++
			p.copyOutcome(key, outcome, to)
			continue
		}
		if settledOnly && outcome == nil && !ledger.Forgotten(data, from.cell, now) {
			p.open = append(p.open, key)
			continue
		}
		if there := to.data[key]; there == nil {
			p.writes = append(p.writes, putClone(to.cell, data, from.cell.ID))
			p.counts.Events++
		} else if !sameContent(data, there) {
			if status != ledger.Failed {
				p.conflicts = append(p.conflicts, key)
			}
			p.copyOutcome(key, outcome, to)
			continue
		} else if mine, theirs := stampsOf(data), stampsOf(there); outlives(mine, theirs) {
			p.writes = append(p.writes, outlive(to.cell, key, mine, theirs))
		}
		switch status {
		case ledger.Processed, ledger.Failed:
			p.copyOutcome(key, outcome, to)
		case ledger.Diverted:
			if ledger.Peek(outcome).Unsent(epoch) {
				p.send = append(p.send, key)
			}
		default:
			if ledger.Forgotten(data, from.cell, now) {
				p.counts.Expired++
				continue
			}
			p.writes = append(p.writes, putDiverted(from.cell, e, now))
			p.counts.TakenOver++
			p.send = append(p.send, key)
		}
	}
	return p
}

// planOutcomes says which outcomes the new cell lacks. It finds those whose event the old cell does not have, too.
func planOutcomes(keys []string, from, to side) plan {
	var p plan
	for _, key := range keys {
		if outcome := from.results[key]; outcome != nil && !ledger.IsState(key) {
			p.copyOutcome(key, outcome, to)
		}
	}
	return p
}

// planState says which items of the business logic the new cell lacks, or has with other content. It is for the time
// before the flip alone, when the old cell is fenced and the new one does not work for the tenant yet.
func planState(keys []string, from, to side) plan {
	var p plan
	for _, key := range keys {
		item := from.results[key]
		switch {
		case item == nil || !ledger.IsState(key):
		case to.results[key] == nil || sumOf(item) != sumOf(to.results[key]):
			p.writes = append(p.writes, types.TransactWriteItem{Put: &types.Put{TableName: aws.String(to.cell.ResultsTable), Item: item}})
			p.counts.State++
		}
	}
	return p
}

// copyOutcome writes an outcome into the new cell, unless that one has one that is as final. What has been applied
// stays applied.
func (p *plan) copyOutcome(key string, outcome Item, to side) {
	there := statusOf(to.results[key])
	if outcome == nil || statusOf(outcome) == ledger.Diverted || there == ledger.Processed || there == statusOf(outcome) {
		return
	}
	p.writes = append(p.writes, ledger.Copy(to.cell.ResultsTable, outcome))
	p.counts.Outcomes++
}

// putClone copies an event, marked so that it is not published again, unless its id is taken. By an earlier acceptance it is not.
func putClone(to manifest.Cell, data Item, fromCell string) types.TransactWriteItem {
	clone := maps.Clone(event.Sharded(data))
	clone[event.AttrClonedFrom] = item.Text(fromCell)
	put := &types.Put{
		TableName:                aws.String(to.DataTable),
		Item:                     clone,
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": event.AttrKey},
	}
	if e := stampsOf(data); !e.AcceptedAt.IsZero() { // as event.Event.Follows
		*put.ConditionExpression += " OR #expires <= :begun"
		put.ExpressionAttributeNames["#expires"] = event.AttrExpiresAt
		put.ExpressionAttributeValues = Item{":begun": item.Number(e.AcceptedAt.Add(event.ClockMargin).Unix())}
	}
	return types.TransactWriteItem{Put: put}
}

// outlives reports whether the item of an event that both cells have is kept for longer than the other cell's.
func outlives(mine, theirs event.Event) bool {
	return !theirs.ExpiresAt.IsZero() && (mine.ExpiresAt.IsZero() || mine.ExpiresAt.After(theirs.ExpiresAt))
}

// outlive lets the new cell's item of an event live for as long as the old cell's: the outcome that is copied may say that the event
// does, and an event that uses the id again any sooner would be taken for the same.
func outlive(to manifest.Cell, key string, mine, theirs event.Event) types.TransactWriteItem {
	update := &types.Update{
		TableName:                aws.String(to.DataTable),
		Key:                      Item{event.AttrKey: item.Text(key)},
		UpdateExpression:         aws.String("REMOVE #expires"),
		ConditionExpression:      aws.String("#accepted = :accepted AND #expires = :expires"),
		ExpressionAttributeNames: map[string]string{"#accepted": event.AttrAcceptedAt, "#expires": event.AttrExpiresAt},
		ExpressionAttributeValues: Item{
			":accepted": item.Text(event.FormatTime(theirs.AcceptedAt)), ":expires": item.Number(theirs.ExpiresAt.Unix()),
		},
	}
	if !mine.ExpiresAt.IsZero() {
		update.UpdateExpression = aws.String("SET #expires = :until")
		update.ExpressionAttributeValues[":until"] = item.Number(mine.ExpiresAt.Unix())
	}
	return types.TransactWriteItem{Update: update}
}

// putDiverted writes into a fenced cell's ledger that an event was not applied there, as the cell's consumer does, unless
// there is an outcome.
func putDiverted(cell manifest.Cell, e event.Event, now time.Time) types.TransactWriteItem {
	return ledger.PutUnlessThere(cell.ResultsTable, ledger.Of(e, ledger.Diverted, now, ledger.Memory(cell)))
}

// remove deletes an item.
func remove(table, key string) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(table), Key: Item{event.AttrKey: item.Text(key)}}}
}

func statusOf(outcome Item) ledger.Status { return ledger.Peek(outcome).Status }

// sameContent reports whether two items are the same event: what the router asks before it calls a second one a conflict.
func sameContent(a, b Item) bool {
	typeA, typeB, payloadA, payloadB := a[event.AttrType], b[event.AttrType], a[event.AttrPayload], b[event.AttrPayload]
	return event.SameContent(stringOf(typeA), []byte(stringOf(payloadA)), stringOf(typeB), []byte(stringOf(payloadB)))
}

func stringOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
