package event

import (
	"fmt"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
)

// IndexShards is over how many index keys a tenant's events and outcomes are spread. One key of an index takes 1,000 writes
// a second, from "Partitions and data distribution" of the DynamoDB developer guide, and an index that is throttled
// throttles its table, for every tenant of the cell.
const IndexShards = 8

// TenantShard returns the index key of an event of a tenant, TENANT#SHARD.
func TenantShard(tenantID, eventID string) string {
	return tenantShard(tenantID, Shard(eventID, IndexShards))
}

func tenantShard(tenantID string, shard int) string {
	return fmt.Sprintf("%s%s%d", tenantID, keySeparator, shard)
}

// TenantShards returns all index keys of a tenant.
func TenantShards(tenantID string) []string {
	all := make([]string, IndexShards)
	for shard := range all {
		all[shard] = tenantShard(tenantID, shard)
	}
	return all
}

// TenantOfShard returns whose an index key is. The version before has tenants themselves for keys.
func TenantOfShard(indexKey string) string {
	tenantID, _, _ := strings.Cut(indexKey, keySeparator)
	return tenantID
}

// Sharded returns an item of an event or of an event's outcome with the index keys that this version writes. Whoever
// writes an item again that a version before may have written passes it through here. Any other item is returned as
// it is: business state is found by its tenant alone.
func Sharded(attributes map[string]types.AttributeValue) map[string]types.AttributeValue {
	key, _ := attributes[AttrKey].(*types.AttributeValueMemberS)
	if key == nil {
		return attributes
	}
	tenantID, eventID, err := ParseKey(key.Value)
	if err != nil {
		return attributes
	}
	sharded := maps.Clone(attributes)
	sharded[AttrTenantShard] = item.Text(TenantShard(tenantID, eventID))
	delete(sharded, AttrTenantID)
	return sharded
}
