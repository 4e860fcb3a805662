package ledger

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
)

// The indexes of a results table, keys-only. ShardIndex (hash event.AttrTenantShard, range event.AttrKey) has the outcomes.
// TenantIndex (hash event.AttrTenantID, range event.AttrKey) has what the business logic keeps for a tenant, and the outcomes
// that the version before has written. What belongs to a tenant, and is to move with it, is in one of the two. WaitingIndex
// (hash AttrWaiting, range event.AttrKey) has the diverted events that wait to be sent to their tenant's cell, and nothing else.
const (
	ShardIndex   = "by-shard"
	TenantIndex  = "by-tenant"
	WaitingIndex = "waiting"
)

// OfTenant asks for the keys of all that a results table holds of a tenant, in the order of the keys: one query for each index key.
func OfTenant(table, tenantID string) []*dynamodb.QueryInput {
	queries := []*dynamodb.QueryInput{byHash(table, TenantIndex, event.AttrTenantID, tenantID)}
	for _, shard := range event.TenantShards(tenantID) {
		queries = append(queries, byHash(table, ShardIndex, event.AttrTenantShard, shard))
	}
	return queries
}

// StateOf asks for the keys of what the business logic keeps for a tenant, in their order. Such items are in TenantIndex alone, and
// their keys are told from those of outcomes by how they begin.
func StateOf(table, tenantID string) []*dynamodb.QueryInput {
	query := byHash(table, TenantIndex, event.AttrTenantID, tenantID)
	query.KeyConditionExpression = aws.String("#hash = :hash AND begins_with(#key, :prefix)")
	query.ExpressionAttributeNames["#key"] = event.AttrKey
	query.ExpressionAttributeValues[":prefix"] = text(StatePrefix)
	return []*dynamodb.QueryInput{query}
}

// WaitingOf asks for the keys of a tenant's diverted events that wait in a cell, like OfTenant. The version before has them
// wait under the tenant itself.
func WaitingOf(table, tenantID string) []*dynamodb.QueryInput {
	var queries []*dynamodb.QueryInput
	for _, key := range append(event.TenantShards(tenantID), tenantID) {
		queries = append(queries, byHash(table, WaitingIndex, AttrWaiting, key))
	}
	return queries
}

func byHash(table, index, attribute, value string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 aws.String(table),
		IndexName:                 aws.String(index),
		KeyConditionExpression:    aws.String("#hash = :hash"),
		ExpressionAttributeNames:  map[string]string{"#hash": attribute},
		ExpressionAttributeValues: Item{":hash": text(value)},
	}
}

// AllWaiting asks for the keys of all diverted events that wait in a cell.
func AllWaiting(table string) *dynamodb.ScanInput {
	return &dynamodb.ScanInput{TableName: aws.String(table), IndexName: aws.String(WaitingIndex)}
}

// WaitingTenant is the tenant of an item that waits, also as the index shows it, or "" where it does not wait.
func WaitingTenant(attributes Item) string {
	return event.TenantOfShard(textOf(attributes, AttrWaiting))
}

// Sharded returns an outcome with the index keys that this version writes; see event.Sharded. Any other item is returned as it is.
func Sharded(outcome Item) Item {
	sharded := event.Sharded(outcome)
	if sharded[AttrWaiting] == nil || sharded[event.AttrTenantShard] == nil {
		return sharded
	}
	sharded = maps.Clone(sharded)
	sharded[AttrWaiting] = sharded[event.AttrTenantShard]
	return sharded
}
