// Package ratecounter gives the items in which the router's processes count what the tenants of a cell ask of them. The
// program makes the table, the router writes it, and nothing else may.
package ratecounter

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
)

// The attributes of a counter. Versions of the router that run at a time share them.
const (
	AttrTenantID  = "tenant_id"  // S, the key
	AttrAsked     = "asked"      // N, requests that processes have reported
	AttrShare     = "share"      // N, the share of the requests that a process reported last, in millionths
	AttrSharedAt  = "shared_at"  // N, when it was measured: milliseconds since 1970
	AttrExpiresAt = "expires_at" // N, the table's TTL attribute: seconds since 1970
)

// Keep is how long a counter is kept after the last report. It holds nothing that is needed for longer than seconds.
const Keep = time.Hour

const millionths = 1_000_000

// Count is what a tenant's counter holds.
type Count struct {
	Asked    int64
	Share    float64   // from 0 to 1
	SharedAt time.Time // zero where there is no share
}

// Add returns the update that adds a count to a tenant's counter, sets the share where the count has one, and answers
// with the item.
func Add(table, tenantID string, count Count, now time.Time) *dynamodb.UpdateItemInput {
	in := &dynamodb.UpdateItemInput{
		TableName:        aws.String(table),
		Key:              map[string]types.AttributeValue{AttrTenantID: item.Text(tenantID)},
		UpdateExpression: aws.String("ADD " + AttrAsked + " :asked SET " + AttrExpiresAt + " = :expires"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":asked": item.Number(count.Asked), ":expires": item.Number(now.Add(Keep).Unix()),
		},
		ReturnValues: types.ReturnValueAllNew,
	}
	if !count.SharedAt.IsZero() {
		*in.UpdateExpression += ", #share = :share, " + AttrSharedAt + " = :at"
		in.ExpressionAttributeNames = map[string]string{"#share": AttrShare} // SHARE is a reserved word
		in.ExpressionAttributeValues[":share"] = item.Number(int64(count.Share * millionths))
		in.ExpressionAttributeValues[":at"] = item.Number(count.SharedAt.UnixMilli())
	}
	return in
}

// FromItem reads a counter.
func FromItem(attributes map[string]types.AttributeValue) (Count, error) {
	r := item.Read(attributes)
	count := Count{Asked: r.Int(AttrAsked, 0)}
	if attributes[AttrShare] != nil {
		share, at := r.Int(AttrShare, 0), r.Int(AttrSharedAt, 0)
		if share > millionths {
			return Count{}, fmt.Errorf("attribute %s is %d, want at most %d", AttrShare, share, millionths)
		}
		count.Share, count.SharedAt = float64(share)/millionths, time.UnixMilli(at)
	}
	if err := r.Err(); err != nil {
		return Count{}, fmt.Errorf("the counter is malformed: %w", err)
	}
	return count, nil
}
