package move

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
)

// Item is an item of a table.
type Item = map[string]types.AttributeValue

// side is what one cell has under some keys.
type side struct {
	cell          manifest.Cell
	data, results map[string]Item
}

// plan is what there is to do about some events.
type plan struct {
	writes    []types.TransactWriteItem
	counts    Counts
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
		if data == nil {
			continue // forgotten already
		}
		if _, err := event.FromItem(data); err != nil {
			p.counts.Unreadable++
			continue
		}
		status := statusOf(outcome)
		if settledOnly && status != event.Processed {
			continue
		}
		if there := to.data[key]; there == nil {
			p.writes = append(p.writes, putClone(to.cell, data, from.cell.ID))
			p.counts.Events++
		} else if !sameContent(data, there) {
			if status != event.Failed {
				p.conflicts = append(p.conflicts, key)
			}
			continue
		}
		switch status {
		case event.Processed, event.Failed:
			p.copyOutcome(key, outcome, to)
		case event.Diverted:
			if unsent(outcome, epoch) {
				p.send = append(p.send, key)
			}
		default:
			if hasExpired(data, from.cell, now) {
				p.counts.Expired++
				continue
			}
			p.writes = append(p.writes, putDiverted(from.cell, data, now))
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
		if outcome := from.results[key]; outcome != nil && !isState(key) {
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
		case item == nil || !isState(key):
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
	if statusOf(outcome) == event.Diverted || there == event.Processed || there == statusOf(outcome) {
		return
	}
	p.writes = append(p.writes, types.TransactWriteItem{Put: &types.Put{
		TableName:                 aws.String(to.cell.ResultsTable),
		Item:                      outcome,
		ConditionExpression:       aws.String("attribute_not_exists(#key) OR #status <> :processed"),
		ExpressionAttributeNames:  map[string]string{"#key": event.AttrKey, "#status": event.AttrStatus},
		ExpressionAttributeValues: Item{":processed": item.Text(string(event.Processed))},
	}})
	p.counts.Outcomes++
}

// putClone copies an event, marked so that it is not published again, unless its id is taken.
func putClone(to manifest.Cell, data Item, fromCell string) types.TransactWriteItem {
	clone := maps.Clone(data)
	clone[event.AttrClonedFrom] = item.Text(fromCell)
	return types.TransactWriteItem{Put: &types.Put{
		TableName:                aws.String(to.DataTable),
		Item:                     clone,
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": event.AttrKey},
	}}
}

// putDiverted writes into a fenced cell's ledger that an event was not applied there, as the cell's consumer does, unless
// there is an outcome.
func putDiverted(cell manifest.Cell, data Item, now time.Time) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String(cell.ResultsTable),
		Item: Item{
			event.AttrKey: data[event.AttrKey], event.AttrTenantID: data[event.AttrTenantID], event.AttrID: data[event.AttrID],
			event.AttrType: data[event.AttrType], event.AttrEpoch: data[event.AttrEpoch],
			event.AttrStatus:    item.Text(string(event.Diverted)),
			event.AttrWaiting:   data[event.AttrTenantID],
			event.AttrAppliedAt: item.Text(event.FormatTime(now)),
			event.AttrExpiresAt: item.Number(now.Add(resultTTL(cell)).Unix()),
		},
		ConditionExpression:      aws.String("attribute_not_exists(#key)"),
		ExpressionAttributeNames: map[string]string{"#key": event.AttrKey},
	}}
}

// unsent reports whether a diverted event is still to be sent on under an epoch: it waits, or it was sent under an earlier
// one, to a cell that the tenant leaves again, and has not been applied there. See markSent.
func unsent(outcome Item, epoch int64) bool {
	if statusOf(outcome) != event.Diverted {
		return false
	}
	return outcome[event.AttrWaiting] != nil || epochOf(outcome) < epoch-1
}

// epochOf is the epoch of an outcome; 0 where it has none that can be read.
func epochOf(outcome Item) int64 {
	n, _ := outcome[event.AttrEpoch].(*types.AttributeValueMemberN)
	if n == nil {
		return 0
	}
	epoch, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0
	}
	return epoch
}

// remove deletes an item.
func remove(table, key string) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(table), Key: Item{event.AttrKey: item.Text(key)}}}
}

// isState reports whether a key of a results table is the business logic's, and no event's.
func isState(key string) bool { return strings.HasPrefix(key, "#") }

func statusOf(outcome Item) event.Status {
	if s, ok := outcome[event.AttrStatus].(*types.AttributeValueMemberS); ok {
		return event.Status(s.Value)
	}
	return ""
}

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

// hasExpired reports whether an event is so old that its outcome may have been deleted by the table's TTL. Without an
// outcome it cannot be told whether it was applied, and it must not be sent again. An outcome is written after its event
// was accepted and kept for the ResultTTL, so that a younger event without one has not been applied.
func hasExpired(data Item, cell manifest.Cell, now time.Time) bool {
	accepted, err := time.Parse(event.TimeLayout, stringOf(data[event.AttrAcceptedAt]))
	return err != nil || now.Sub(accepted) >= resultTTL(cell)
}

func resultTTL(cell manifest.Cell) time.Duration {
	return time.Duration(cell.Settings.ResultTTL)
}
