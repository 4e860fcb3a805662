package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cellular/local/gate/policy"
)

// dynamoDBInput is what decides of the inputs of DynamoDB and its streams.
type dynamoDBInput struct {
	TableName       string
	IndexName       string
	ResourceArn     string
	ResourcePolicy  string
	Policy          string
	StreamArn       string
	ShardIterator   string
	SourceTableName string
	SourceTableArn  string
	TargetTableName string
	RequestItems    map[string]json.RawMessage
	TransactItems   []transactItem
	Item, Key       item
	KeySchema       []struct{ AttributeName, KeyType string }
}

// item is an item of a table, or its key, as far as it is text: a hash key is.
type item map[string]struct{ S *string }

// transactItem is one of a transaction's operations.
type transactItem struct{ Put, Update, Delete, ConditionCheck, Get *struct{ TableName string } }

// operations are the tables by the actions on them. A valid item has one.
func (t transactItem) operations() map[string]string {
	found := map[string]string{}
	for action, on := range map[string]*struct{ TableName string }{
		"PutItem": t.Put, "UpdateItem": t.Update, "DeleteItem": t.Delete, "ConditionCheckItem": t.ConditionCheck, "GetItem": t.Get,
	} {
		if on != nil {
			found[action] = on.TableName
		}
	}
	return found
}

// restored are the actions on the table that a restore makes and fills in the caller's name, from "Using IAM with
// DynamoDB backup and restore" of the developer guide.
var restored = []string{
	"dynamodb:RestoreTableToPointInTime", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
	"dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
}

func readDynamoDB(c *call) error {
	var in dynamoDBInput
	if err := json.Unmarshal(c.body, &in); err != nil {
		return failure{400, "SerializationException", err.Error()}
	}
	c.tables, c.index = in.tables(), in.IndexName
	action := "dynamodb:" + c.operation
	switch c.operation {
	case "GetItem", "PutItem", "UpdateItem", "DeleteItem":
		c.item = in.Key
		if c.operation == "PutItem" {
			c.item = in.Item
		}
		c.requests = c.one(action, c.table(in.TableName))
	case "DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups", "UpdateTable":
		c.requests = c.one(action, c.table(in.TableName))
	case "CreateTable":
		if in.ResourcePolicy != "" {
			return c.notEnforced()
		}
		table := c.table(in.TableName)
		c.change = func(d *deployed, _ []byte) {
			for _, key := range in.KeySchema {
				if key.KeyType == "HASH" {
					d.hashKeys[table] = key.AttributeName
				}
			}
		}
	case "DeleteTable":
		table := c.table(in.TableName)
		c.requests = c.one(action, table)
		c.change = func(d *deployed, _ []byte) {
			delete(d.policies, table)
			delete(d.hashKeys, table)
		}
	case "Query", "Scan":
		resource := c.table(in.TableName)
		if in.IndexName != "" {
			resource += "/index/" + in.IndexName
		}
		c.requests = c.one(action, resource)
	case "BatchGetItem", "BatchWriteItem":
		c.requests = func() ([]request, error) {
			var all []request
			for _, table := range slices.Sorted(maps.Keys(in.RequestItems)) {
				all = append(all, request{action, c.table(table)})
			}
			return all, notNone(all)
		}
	case "TransactWriteItems", "TransactGetItems":
		c.requests = func() ([]request, error) { return c.transaction(in) }
	case "GetResourcePolicy":
		c.requests = c.one(action, in.ResourceArn)
	case "PutResourcePolicy":
		p, err := policy.Parse(policy.Resource, in.Policy)
		if err != nil {
			return malformed(err)
		}
		c.requests = c.one(action, in.ResourceArn)
		c.change = func(d *deployed, _ []byte) { d.policies[in.ResourceArn] = p }
	case "DeleteResourcePolicy":
		c.requests = c.one(action, in.ResourceArn)
		c.change = func(d *deployed, _ []byte) { delete(d.policies, in.ResourceArn) }
	case "ListTables":
		c.requests = c.one(action, "*")
	case "RestoreTableToPointInTime":
		source := in.SourceTableArn
		if source == "" {
			source = c.table(in.SourceTableName)
		}
		c.requests = func() ([]request, error) {
			all := []request{{action, source}}
			for _, a := range restored {
				all = append(all, request{a, c.table(in.TargetTableName)})
			}
			return all, nil
		}
	case "DescribeStream", "GetShardIterator":
		c.requests = c.one(action, in.StreamArn)
	case "GetRecords":
		stream, _, _ := strings.Cut(in.ShardIterator, "|") // AWS's iterators begin so, and moto's
		c.requests = c.one(action, stream)
	}
	return nil
}

// table is the ARN of a table, which may be named by it.
func (c call) table(name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return c.arn("dynamodb", "table/"+name)
}

// transaction asks for the action of each of its operations.
func (c call) transaction(in dynamoDBInput) ([]request, error) {
	var all []request
	for i, item := range in.TransactItems {
		operations := item.operations()
		if len(operations) != 1 {
			return nil, fmt.Errorf("item %d of the transaction has %d operations, want 1", i, len(operations))
		}
		for action, table := range operations {
			all = append(all, request{"dynamodb:" + action, c.table(table)})
		}
	}
	return all, notNone(all)
}

func notNone(all []request) error {
	if len(all) == 0 {
		return errors.New("the request names no table")
	}
	return nil
}
