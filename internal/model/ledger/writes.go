package ledger

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
)

// The conditions below are among the outcomes of one acceptance of an id: see Outcome.unlessLater, which completes them.

// unlessSettled is the condition of what the consumer writes: the event has been neither applied nor diverted. What was
// given up on may be tried again: that is what a redrive from the dead letter queue does. What was diverted may be, too,
// if it has been sent again since: then it carries a newer epoch. A delivery of the epoch that was diverted is a duplicate.
const unlessSettled = "#status = :failed OR (#status = :diverted AND #epoch < :epoch)"

// unlessOutdated is the condition of a diversion: unlessSettled, and that the event was not given up on under a newer epoch.
// Such an event was sent to its tenant's cell and tried there, so that a delivery from before is a duplicate. Were it to
// wait, it would wait in a cell that the tenant has come back to, where no move is under way that sends it on.
const unlessOutdated = "(#status = :failed AND attribute_not_exists(#epoch)) OR " +
	"(#status = :failed AND #epoch <= :epoch) OR (#status = :diverted AND #epoch < :epoch)"

// unlessKnown is the condition of a failure of a message that nobody could read: there is no outcome yet, or one of such a message.
// The failure of a message that could be read has an epoch, which a late delivery of an older one is told by.
const unlessKnown = "#status = :failed AND attribute_not_exists(#epoch)"

// Record writes what a consumer has to say of a delivery, unless the event is settled: by an outcome that is final, or by a
// diversion under the same epoch or a later one. An outcome without an epoch is taken as older than any. An outcome of an earlier
// acceptance of the id settles nothing, and one of a later acceptance settles all deliveries of this one.
func Record(table string, o Outcome) types.TransactWriteItem {
	names := map[string]string{"#key": event.AttrKey, "#status": AttrStatus, "#epoch": event.AttrEpoch}
	if o.Status == Failed && o.Epoch == 0 {
		values := Item{":failed": text(string(Failed))}
		return put(table, o.Item(), o.unlessLater(unlessKnown, names, values), names, values)
	}
	condition := unlessSettled
	if o.Status == Diverted {
		condition = unlessOutdated
	}
	values := Item{":failed": text(string(Failed)), ":diverted": text(string(Diverted)), ":epoch": number(o.Epoch)}
	return put(table, o.Item(), o.unlessLater(condition, names, values), names, values)
}

// PutUnlessThere writes an outcome unless the event has one, other than of the given statuses. One of an earlier acceptance is
// none of the event's; one of a later acceptance stays, whatever its status is.
func PutUnlessThere(table string, o Outcome, but ...Status) types.TransactWriteItem {
	names, values := map[string]string{"#key": event.AttrKey}, Item{}
	var among []string
	for i, status := range but {
		names["#status"] = AttrStatus
		name := fmt.Sprintf(":status%d", i)
		among = append(among, "#status = "+name)
		values[name] = text(string(status))
	}
	return put(table, o.Item(), o.unlessLater(strings.Join(among, " OR "), names, values), names, values)
}

// Copy writes an outcome of another cell as it is, but for its index keys. What has been applied stays applied, and of two
// acceptances the later one's outcome stays.
func Copy(table string, outcome Item) types.TransactWriteItem {
	names, values := map[string]string{"#key": event.AttrKey, "#status": AttrStatus}, Item{":processed": text(string(Processed))}
	return put(table, Sharded(outcome), Peek(outcome).unlessLater("#status <> :processed", names, values), names, values)
}

// MarkDropped notes in the outcome of an event that failed why it is not sent again. It never writes over an outcome that
// came meanwhile, and makes no entry again that a move or a removal has deleted: it would be the next thing that a tenant of the
// name reads there. The epoch tells an event from one of the same id of a later tenant, and accepted_at from one that was accepted later.
func MarkDropped(table string, outcome Item) types.TransactWriteItem {
	update := &types.Update{
		TableName:                 aws.String(table),
		Key:                       Item{event.AttrKey: outcome[event.AttrKey]},
		UpdateExpression:          aws.String("SET #reason = :dropped"),
		ConditionExpression:       aws.String("#status = :failed AND attribute_not_exists(#epoch)"), // of a message that nobody could read
		ExpressionAttributeNames:  map[string]string{"#reason": AttrReason, "#status": AttrStatus, "#epoch": event.AttrEpoch},
		ExpressionAttributeValues: Item{":dropped": text(ReasonDropped), ":failed": text(string(Failed))},
	}
	if epoch := outcome[event.AttrEpoch]; epoch != nil {
		*update.ConditionExpression = "#status = :failed AND #epoch = :epoch"
		update.ExpressionAttributeValues[":epoch"] = epoch
	}
	ifAccepted(update, outcome)
	return types.TransactWriteItem{Update: update}
}

// MarkSent notes that a diverted event, whose outcome was read, has been sent on under an epoch. It waits no more, and its entry stands
// for all deliveries under older epochs: one that comes late is a duplicate, and does not have the event wait again. An entry that a
// later acceptance of the id has left since is none of the event's, and waits on.
func MarkSent(table string, outcome Item, epoch int64) types.TransactWriteItem {
	update := &types.Update{
		TableName:                 aws.String(table),
		Key:                       Item{event.AttrKey: outcome[event.AttrKey]},
		UpdateExpression:          aws.String("SET #epoch = :before REMOVE #waiting"),
		ConditionExpression:       aws.String("#status = :diverted AND #epoch <= :before"),
		ExpressionAttributeNames:  map[string]string{"#waiting": AttrWaiting, "#status": AttrStatus, "#epoch": event.AttrEpoch},
		ExpressionAttributeValues: Item{":before": number(epoch - 1), ":diverted": text(string(Diverted))},
	}
	ifAccepted(update, outcome)
	return types.TransactWriteItem{Update: update}
}

// ifAccepted adds the condition that an entry is of the acceptance that an outcome is of, where that says of which it is.
func ifAccepted(update *types.Update, outcome Item) {
	if accepted := outcome[event.AttrAcceptedAt]; accepted != nil {
		*update.ConditionExpression += " AND #accepted = :accepted"
		update.ExpressionAttributeNames["#accepted"] = event.AttrAcceptedAt
		update.ExpressionAttributeValues[":accepted"] = accepted
	}
}

// EndWait takes a diverted event out of the index of those that wait, unless it has been applied meanwhile, or diverted once
// more under another epoch, because the tenant came back and left again.
func EndWait(table, key string, epoch int64) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName:                 aws.String(table),
		Key:                       itemKey(key),
		UpdateExpression:          aws.String("REMOVE #waiting"),
		ConditionExpression:       aws.String("#status = :diverted AND #epoch = :epoch"),
		ExpressionAttributeNames:  map[string]string{"#waiting": AttrWaiting, "#status": AttrStatus, "#epoch": event.AttrEpoch},
		ExpressionAttributeValues: Item{":diverted": text(string(Diverted)), ":epoch": number(epoch)},
	}
}

// DeleteDiverted deletes the note of a diverted event of a tenant that was removed up to an epoch, unless it was diverted once more
// for the tenant that has the name now. A consumer of a version that does not know what was removed makes such notes, of
// messages that come late.
func DeleteDiverted(table, key string, removed int64) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName:                 aws.String(table),
		Key:                       itemKey(key),
		ConditionExpression:       aws.String("#status = :diverted AND #epoch <= :removed"),
		ExpressionAttributeNames:  map[string]string{"#status": AttrStatus, "#epoch": event.AttrEpoch},
		ExpressionAttributeValues: Item{":removed": number(removed), ":diverted": text(string(Diverted))},
	}}
}

// DeleteOutcome deletes an outcome, if it still has the status and does not wait.
func DeleteOutcome(table, key string, status Status) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{
		TableName:                 aws.String(table),
		Key:                       itemKey(key),
		ConditionExpression:       aws.String("#status = :status AND attribute_not_exists(#waiting)"),
		ExpressionAttributeNames:  map[string]string{"#status": AttrStatus, "#waiting": AttrWaiting},
		ExpressionAttributeValues: Item{":status": text(string(status))},
	}}
}

func put(table string, attributes Item, condition string, names map[string]string, values Item) types.TransactWriteItem {
	if len(values) == 0 {
		values = nil // DynamoDB refuses an empty object
	}
	return types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String(table), Item: attributes, ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}
}
