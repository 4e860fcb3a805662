package ledger

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
)

// The indexes of a results table, keys-only. TenantIndex (hash event.AttrTenantID, range event.AttrKey) has all that belongs to a
// tenant and is to move with it: outcomes, and what the business logic keeps. WaitingIndex (hash AttrWaiting, range
// event.AttrKey) has the diverted events that wait to be sent to their tenant's cell, and nothing else.
const (
	TenantIndex  = "by-tenant"
	WaitingIndex = "waiting"
)

// OfTenant asks for the keys of all that a results table holds of a tenant.
func OfTenant(table, tenantID string) *dynamodb.QueryInput {
	return byHash(table, TenantIndex, event.AttrTenantID, tenantID)
}

// WaitingOf asks for the keys of a tenant's diverted events that wait in a cell.
func WaitingOf(table, tenantID string) *dynamodb.QueryInput {
	return byHash(table, WaitingIndex, AttrWaiting, tenantID)
}

// AllWaiting asks for the keys of all diverted events that wait in a cell.
func AllWaiting(table string) *dynamodb.ScanInput {
	return &dynamodb.ScanInput{TableName: aws.String(table), IndexName: aws.String(WaitingIndex)}
}

// WaitingTenant is the tenant of an item that waits, also as the index shows it, or "" where it does not wait.
func WaitingTenant(attributes Item) string { return textOf(attributes, AttrWaiting) }

func byHash(table, index, attribute, tenantID string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 aws.String(table),
		IndexName:                 aws.String(index),
		KeyConditionExpression:    aws.String("#tenant = :tenant"),
		ExpressionAttributeNames:  map[string]string{"#tenant": attribute},
		ExpressionAttributeValues: Item{":tenant": text(tenantID)},
	}
}
