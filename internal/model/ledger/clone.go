package ledger

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
)

// NoteClone notes in a results table that the move under this epoch has cloned its tenant's final outcomes into it. A table that was
// made again, or restored from a time before, does not have the note.
func NoteClone(table, tenantID string, epoch int64, expires time.Time) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(table), Item: Item{
		event.AttrKey: text(clonePrefix + tenantID), event.AttrEpoch: number(epoch), AttrExpiresAt: number(expires.Unix()),
	}}}
}

// CloneNoted is the condition, as an operation of a transaction, that a results table has the note of NoteClone.
func CloneNoted(table, tenantID string, epoch int64) types.TransactWriteItem {
	return check(table, clonePrefix+tenantID, "#epoch = :epoch", map[string]string{"#epoch": event.AttrEpoch}, Item{":epoch": number(epoch)})
}

// ReadCloneNote reports whether a results table has the note of NoteClone, by a consistent read.
func ReadCloneNote(ctx context.Context, client Getter, table, tenantID string, epoch int64) (bool, error) {
	out, err := client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(table), Key: itemKey(clonePrefix + tenantID), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return false, err
	}
	return numberOf(out.Item, event.AttrEpoch) == epoch, nil
}

// DeleteCloneNote deletes the note of NoteClone.
func DeleteCloneNote(table, tenantID string) types.TransactWriteItem {
	return types.TransactWriteItem{Delete: &types.Delete{TableName: aws.String(table), Key: itemKey(clonePrefix + tenantID)}}
}
