package dynamotest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// GetItem reads one item.
func (db *DB) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	call := db.call("GetItem", target{in.TableName, in.Key})
	return run(ctx, db, call, func() (*dynamodb.GetItemOutput, error) {
		if err := only(in, "TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"); err != nil {
			return nil, err
		}
		items, err := db.read(in.TableName, []Item{in.Key}, aws.ToBool(in.ConsistentRead), in.ProjectionExpression, in.ExpressionAttributeNames)
		if err != nil || len(items) == 0 {
			return &dynamodb.GetItemOutput{}, err
		}
		return &dynamodb.GetItemOutput{Item: items[0]}, nil
	})
}

// read returns the items with the given keys that are there.
func (db *DB) read(name *string, keys []Item, consistent bool, projected *string, names map[string]string) ([]Item, error) {
	t, err := db.find(name)
	if err != nil {
		return nil, err
	}
	from, err := db.side(t, consistent)
	if err != nil {
		return nil, err
	}
	terms, err := newTerms(names, nil)
	if err != nil {
		return nil, err
	}
	projection, err := terms.projection(projected)
	if err != nil {
		return nil, err
	}
	if err := terms.done(); err != nil {
		return nil, err
	}
	var items []Item
	for _, key := range keys {
		accepted, err := acceptItem(key)
		if err != nil {
			return nil, err
		}
		if err := t.exactly(accepted); err != nil {
			return nil, err
		}
		item := from.lookup(accepted)
		if err := db.payRead(t.name, "", scalar(accepted[t.base.hash.Name]), size(item), consistent); err != nil {
			return nil, err
		}
		if item != nil {
			items = append(items, projection.of(item))
		}
	}
	return items, nil
}

// side is what a read of a table sees.
func (db *DB) side(t *table, consistent bool) (*view, error) {
	switch {
	case consistent:
		return &t.base, nil
	case db.consistentOnly:
		return nil, unknown("reads that are not consistent, of a database made by New")
	}
	return &t.replica, nil
}

// PutItem writes one item.
func (db *DB) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	call := db.call("PutItem", target{in.TableName, in.Item})
	return run(ctx, db, call, func() (*dynamodb.PutItemOutput, error) {
		if err := only(in, "TableName", "Item", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
			"ReturnValues", "ReturnValuesOnConditionCheckFailure"); err != nil {
			return nil, err
		}
		if err := noneOrOld(in.ReturnValues); err != nil {
			return nil, err
		}
		m, err := db.put(written{
			in.TableName, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues,
			in.ReturnValuesOnConditionCheckFailure,
		}, in.Item)
		if err != nil {
			return nil, err
		}
		c, err := db.mutate(m)
		return &dynamodb.PutItemOutput{Attributes: returned(in.ReturnValues, c, update{})}, err
	})
}

// DeleteItem deletes one item.
func (db *DB) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	call := db.call("DeleteItem", target{in.TableName, in.Key})
	return run(ctx, db, call, func() (*dynamodb.DeleteItemOutput, error) {
		if err := only(in, "TableName", "Key", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
			"ReturnValues", "ReturnValuesOnConditionCheckFailure"); err != nil {
			return nil, err
		}
		if err := noneOrOld(in.ReturnValues); err != nil {
			return nil, err
		}
		m, err := db.remove(written{
			in.TableName, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues,
			in.ReturnValuesOnConditionCheckFailure,
		}, in.Key, false)
		if err != nil {
			return nil, err
		}
		c, err := db.mutate(m)
		return &dynamodb.DeleteItemOutput{Attributes: returned(in.ReturnValues, c, update{})}, err
	})
}

// UpdateItem changes one item, or makes it.
func (db *DB) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	call := db.call("UpdateItem", target{in.TableName, in.Key})
	return run(ctx, db, call, func() (*dynamodb.UpdateItemOutput, error) {
		if err := only(in, "TableName", "Key", "UpdateExpression", "ConditionExpression", "ExpressionAttributeNames",
			"ExpressionAttributeValues", "ReturnValues", "ReturnValuesOnConditionCheckFailure"); err != nil {
			return nil, err
		}
		m, u, err := db.update(written{
			in.TableName, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues,
			in.ReturnValuesOnConditionCheckFailure,
		}, in.Key, in.UpdateExpression)
		if err != nil {
			return nil, err
		}
		c, err := db.mutate(m)
		return &dynamodb.UpdateItemOutput{Attributes: returned(in.ReturnValues, c, u)}, err
	})
}

func noneOrOld(r types.ReturnValue) error {
	if r != "" && r != types.ReturnValueNone && r != types.ReturnValueAllOld {
		return invalid("Return values set to invalid value: %s", r)
	}
	return nil
}

// returned is what a request wants to have of a change; nil where that is nothing.
func returned(r types.ReturnValue, c change, u update) Item {
	var item Item
	switch r {
	case types.ReturnValueAllOld:
		item = c.old
	case types.ReturnValueAllNew:
		item = c.item
	case types.ReturnValueUpdatedOld:
		item = u.touched(c.old)
	case types.ReturnValueUpdatedNew:
		item = u.touched(c.item)
	}
	if len(item) == 0 {
		return nil
	}
	return cloneItem(item)
}
