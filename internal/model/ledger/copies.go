package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/transact"
)

// FenceCopies is how many copies of its floor a fence has. It cannot be changed: which copy an event's transaction checks follows
// from it.
//
// Transactions that check one item at the same time cancel each other. An event's takes some 8 ms, so that one item would let
// a hundred events of a tenant through in a second; with 64, those of a tenant with a thousand seldom meet.
const FenceCopies = 64

// FenceCopy is one of the copies of a fence's floor. A copy that is not there stands for the floor 1, which is below no epoch. A copy
// is never deleted.
type FenceCopy struct {
	Floor        int64 // the lowest epoch whose events of this copy's share the cell applies
	RemovedBelow int64 // as Fence.RemovedBelow
}

// none is what a copy that is not there stands for.
var none = FenceCopy{Floor: 1}

// Removed reports whether an event of this epoch belongs to a tenant that was removed.
func (c FenceCopy) Removed(epoch int64) bool { return epoch < c.RemovedBelow }

// SetFenceCopy writes one of the copies of a fence, as an operation of a transaction. It keeps the copy's AttrRemovedBelow, unless f has
// one.
func SetFenceCopy(resultsTable string, f Fence, n int) types.TransactWriteItem {
	update := &types.Update{
		TableName:                aws.String(resultsTable),
		Key:                      itemKey(copyKey(f.TenantID, n)),
		UpdateExpression:         aws.String("SET #tenant = :tenant, #floor = :floor, #updated = :updated"),
		ExpressionAttributeNames: map[string]string{"#tenant": AttrFencedTenant, "#floor": AttrFloor, "#updated": AttrFencedAt},
		ExpressionAttributeValues: Item{
			":tenant": text(f.TenantID), ":floor": number(f.Floor), ":updated": text(event.FormatTime(f.UpdatedAt)),
		},
	}
	setRemoved(update, f)
	return types.TransactWriteItem{Update: update}
}

// setRemoved adds AttrRemovedBelow to what an update sets, if f has one.
func setRemoved(update *types.Update, f Fence) {
	if f.RemovedBelow == 0 {
		return
	}
	*update.UpdateExpression += ", #removed = :removed"
	update.ExpressionAttributeNames["#removed"] = AttrRemovedBelow
	update.ExpressionAttributeValues[":removed"] = number(f.RemovedBelow)
}

// ReadFenceCopy reads the copy that decides on an event, consistently.
func ReadFenceCopy(ctx context.Context, client Getter, resultsTable, tenantID, eventID string) (FenceCopy, error) {
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(resultsTable),
		Key:            itemKey(FenceCopyKey(tenantID, eventID)),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return FenceCopy{}, err
	}
	return copyFrom(out.Item)
}

func copyFrom(attributes Item) (FenceCopy, error) {
	if len(attributes) == 0 {
		return none, nil
	}
	r := item.Read(attributes)
	c := FenceCopy{Floor: r.Int(AttrFloor, 1)}
	if attributes[AttrRemovedBelow] != nil {
		c.RemovedBelow = r.Int(AttrRemovedBelow, 1)
	}
	if err := r.Err(); err != nil {
		return FenceCopy{}, fmt.Errorf("%w: copy %q: %w", ErrMalformedFence, r.String(event.AttrKey), err)
	}
	return c, nil
}

// ReadFenceCopies reads all copies of a tenant's fence, each consistently, by their numbers.
func ReadFenceCopies(ctx context.Context, client transact.BatchReader, resultsTable, tenantID string) ([FenceCopies]FenceCopy, error) {
	var copies [FenceCopies]FenceCopy
	var keys []Item
	for n := range copies {
		copies[n] = none
		keys = append(keys, itemKey(copyKey(tenantID, n)))
	}
	err := transact.Retrier{}.ReadAll(ctx, client, resultsTable, keys, func(found Item) error {
		n, err := copyNumber(item.Read(found).String(event.AttrKey), tenantID)
		if err == nil {
			copies[n], err = copyFrom(found)
		}
		return err
	})
	if err != nil {
		return copies, fmt.Errorf("read the copies of the fence of tenant %q in table %s: %w", tenantID, resultsTable, err)
	}
	return copies, nil
}

// HighestCopy returns the highest floor, or the highest epoch below which a tenant was removed, that a copy of a tenant's fence has; 0
// where there are no copies. It is above the fence's while a move or a removal has raised copies, and not yet the fence.
func HighestCopy(ctx context.Context, client transact.BatchReader, resultsTable, tenantID string) (int64, error) {
	copies, err := ReadFenceCopies(ctx, client, resultsTable, tenantID)
	if err != nil {
		return 0, err
	}
	var highest int64
	for _, c := range copies {
		if c != none {
			highest = max(highest, c.Floor, c.RemovedBelow)
		}
	}
	return highest, nil
}

func copyNumber(key, tenantID string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(key, FenceKey(tenantID)+fenceCopySeparator))
	if err != nil || n < 0 || n >= FenceCopies {
		return 0, fmt.Errorf("%w: key %q is none of a copy", ErrMalformedFence, key)
	}
	return n, nil
}

// Says reports whether a copy says what a fence does.
func (c FenceCopy) Says(f Fence) bool { return c.Floor == f.Floor && c.RemovedBelow >= f.RemovedBelow }
