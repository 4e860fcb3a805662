// Package counters counts each tenant's events by type, in items of the cell's results table. It is the pattern for
// business state that every event of a tenant writes to: it is sharded, so that a large tenant's events do not wait for
// each other, and bounded, whatever clients send.
package counters

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/app"
	"cellular/internal/model/transact"
)

// MaxTypes is how many of a tenant's event types one item counts by name. The names are the client's to make up, and an
// item may have 400 KB: these take 14 KB at most, and those of all items of a tenant 0.9 MB.
const MaxTypes = 100

const (
	keyPrefix  = app.KeyPrefix + "counters#"
	typePrefix = "type:"
	// otherTypes counts the events of all types beyond MaxTypes. No type has it as its counter: those have the prefix.
	otherTypes = "other_types"
)

// key is the key of the item that counts the events of a shard of a tenant.
func key(tenantID string, shard int) string {
	return fmt.Sprintf("%s%s#%d", keyPrefix, tenantID, shard)
}

// unsharded is the key of the one item in which the version before counts all events of a tenant. This version adds nothing
// to it, and sums it with the others.
func unsharded(tenantID string) string { return keyPrefix + tenantID }

// TenantOf returns whose events an item counts. It reports false for the key of an item that is no counter.
func TenantOf(key string) (tenantID string, ok bool) {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	tenantID, _, _ = strings.Cut(rest, "#") // no tenant id has a #
	return tenantID, ok
}

// Reader is the part of DynamoDB that Add needs.
type Reader interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
}

// Add returns the write that adds an event to the counters of its tenant. It names the tenant, so that a move to another
// cell takes the counters along.
//
// Whether a type is still counted by name is decided by what the item of the event's shard holds; a look at all items
// would cost 64 reads for each event. So a tenant with more than MaxTypes types may have one that is counted by name in some
// items, and under the others in the rest. Consumers that decide at the same moment may exceed MaxTypes by one each, which
// the item has room for, and each event is counted once all the same. A retry may decide otherwise than the attempt before
// it, whose effect was not applied.
func Add(ctx context.Context, tables Reader, table string, e app.Event) (types.TransactWriteItem, error) {
	key := itemKey(key(e.TenantID, app.Shard(e)))
	out, err := tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(table), Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return types.TransactWriteItem{}, fmt.Errorf("read the tenant's counters: %w", err)
	}
	return types.TransactWriteItem{Update: &types.Update{
		TableName:                aws.String(table),
		Key:                      key,
		UpdateExpression:         aws.String("SET #tenant = :tenant ADD #counter :one"),
		ExpressionAttributeNames: map[string]string{"#tenant": app.TenantAttribute, "#counter": counterOf(e.Type, out.Item)},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":tenant": &types.AttributeValueMemberS{Value: e.TenantID},
			":one":    &types.AttributeValueMemberN{Value: "1"},
		},
	}}, nil
}

func itemKey(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{app.KeyAttribute: &types.AttributeValueMemberS{Value: key}}
}

// counterOf returns the attribute that counts events of a type, beside the counters that an item has.
func counterOf(eventType string, counters map[string]types.AttributeValue) string {
	name := typePrefix + eventType
	if _, counted := counters[name]; counted {
		return name
	}
	n := 0
	for other := range counters {
		if strings.HasPrefix(other, typePrefix) {
			n++
		}
	}
	if n >= MaxTypes {
		return otherTypes
	}
	return name
}

// Counts are how many events of a tenant were applied.
type Counts struct {
	ByType map[string]int
	Others int // of types that are not counted by name
}

// Read sums the counters of a tenant, for readers outside of the consumer: that one's role has no dynamodb:BatchGetItem, and
// business logic that read 64 items for each event would cost more than it counts. The items are not read at one moment: what is applied meanwhile may be counted or not.
func Read(ctx context.Context, tables transact.BatchReader, table, tenantID string) (Counts, error) {
	keys := []transact.Item{itemKey(unsharded(tenantID))}
	for shard := range app.Shards {
		keys = append(keys, itemKey(key(tenantID, shard)))
	}
	counts := Counts{ByType: map[string]int{}}
	if err := (transact.Retrier{}).ReadAll(ctx, tables, table, keys, counts.Add); err != nil {
		return Counts{}, fmt.Errorf("read the counters of tenant %s: %w", tenantID, err)
	}
	return counts, nil
}

// Add adds what one item of a tenant has counted.
func (c *Counts) Add(item map[string]types.AttributeValue) error {
	for name, v := range item {
		eventType, named := strings.CutPrefix(name, typePrefix)
		if !named && name != otherTypes {
			continue
		}
		value, ok := v.(*types.AttributeValueMemberN)
		if !ok {
			return fmt.Errorf("counter %q is no number", name)
		}
		n, err := strconv.Atoi(value.Value)
		if err != nil {
			return fmt.Errorf("counter %q: %w", name, err)
		}
		if !named {
			c.Others += n
			continue
		}
		if c.ByType == nil {
			c.ByType = map[string]int{}
		}
		c.ByType[eventType] += n
	}
	return nil
}
