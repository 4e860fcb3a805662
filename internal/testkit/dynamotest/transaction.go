package dynamotest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// The limits of a transaction, from the API reference of TransactWriteItems.
const (
	maxTransactItems = 100
	maxTransactBytes = 4 << 20
)

// TransactWriteItems does all of its writes, or none.
func (db *DB) TransactWriteItems(
	ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.TransactWriteItemsOutput, error) {
	var targets []target
	for _, w := range in.TransactItems {
		targets = append(targets, targetOf(w))
	}
	return run(ctx, db, db.call("TransactWriteItems", targets...), func() (*dynamodb.TransactWriteItemsOutput, error) {
		if err := only(in, "TransactItems", "ClientRequestToken"); err != nil {
			return nil, err
		}
		if n := len(in.TransactItems); n == 0 || n > maxTransactItems {
			return nil, invalid("Member must have length between 1 and %d: transactItems has %d", maxTransactItems, n)
		}
		mutations, err := db.mutations(in.TransactItems)
		if err != nil {
			return nil, err
		}
		if in.ClientRequestToken != nil {
			if before, ok := db.tokens[*in.ClientRequestToken]; ok {
				if !reflect.DeepEqual(before, in.TransactItems) {
					return nil, &types.IdempotentParameterMismatchException{Message: new("the token was used with other parameters")}
				}
				return &dynamodb.TransactWriteItemsOutput{}, nil
			}
		}
		if err := db.transact(mutations); err != nil {
			return nil, err
		}
		if in.ClientRequestToken != nil {
			db.tokens[*in.ClientRequestToken] = in.TransactItems
		}
		return &dynamodb.TransactWriteItemsOutput{}, nil
	})
}

func targetOf(w types.TransactWriteItem) target {
	switch {
	case w.Put != nil:
		return target{w.Put.TableName, w.Put.Item}
	case w.Update != nil:
		return target{w.Update.TableName, w.Update.Key}
	case w.Delete != nil:
		return target{w.Delete.TableName, w.Delete.Key}
	case w.ConditionCheck != nil:
		return target{w.ConditionCheck.TableName, w.ConditionCheck.Key}
	}
	return target{}
}

// mutations finds out whether the service takes the request, whatever its tables hold.
func (db *DB) mutations(writes []types.TransactWriteItem) ([]mutation, error) {
	var mutations []mutation
	seen := map[string]bool{}
	bytes := 0
	for i, w := range writes {
		m, err := db.mutation(w)
		if err != nil {
			return nil, fmt.Errorf("transactItems[%d]: %w", i, err)
		}
		at := *targetOf(w).table + "\x00" + primary(m.table.base.table, m.key)
		if seen[at] {
			return nil, invalid("Transaction request cannot include multiple operations on one item: %s",
				strings.ReplaceAll(at, "\x00", "/"))
		}
		seen[at] = true
		bytes += size(m.key)
		mutations = append(mutations, m)
	}
	if bytes > maxTransactBytes {
		return nil, invalid("Transaction request has %d bytes, and may have %d", bytes, maxTransactBytes)
	}
	return mutations, nil
}

func (db *DB) mutation(w types.TransactWriteItem) (mutation, error) {
	var operations []any
	for _, o := range []any{w.Put, w.Update, w.Delete, w.ConditionCheck} {
		if !reflect.ValueOf(o).IsNil() {
			operations = append(operations, o)
		}
	}
	if len(operations) != 1 {
		return mutation{}, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	}
	switch o := operations[0].(type) {
	case *types.Put:
		return db.put(written{
			o.TableName, o.ConditionExpression, o.ExpressionAttributeNames, o.ExpressionAttributeValues, o.ReturnValuesOnConditionCheckFailure,
		}, o.Item)
	case *types.Delete:
		return db.remove(written{
			o.TableName, o.ConditionExpression, o.ExpressionAttributeNames, o.ExpressionAttributeValues, o.ReturnValuesOnConditionCheckFailure,
		}, o.Key, false)
	case *types.Update:
		if o.UpdateExpression == nil {
			return mutation{}, invalid("The parameter 'UpdateExpression' is required but was not present in the request")
		}
		m, _, err := db.update(written{
			o.TableName, o.ConditionExpression, o.ExpressionAttributeNames, o.ExpressionAttributeValues, o.ReturnValuesOnConditionCheckFailure,
		}, o.Key, o.UpdateExpression)
		return m, err
	default:
		check := w.ConditionCheck
		if check.ConditionExpression == nil {
			return mutation{}, invalid("The parameter 'ConditionExpression' is required but was not present in the request")
		}
		return db.remove(written{
			check.TableName, check.ConditionExpression, check.ExpressionAttributeNames, check.ExpressionAttributeValues,
			check.ReturnValuesOnConditionCheckFailure,
		}, check.Key, true)
	}
}

// transact does all, or says for each what was in its way.
func (db *DB) transact(mutations []mutation) error {
	changes := make([]change, len(mutations))
	reasons := make([]types.CancellationReason, len(mutations))
	codes := make([]string, len(mutations))
	canceled := false
	for i, m := range mutations {
		c, holds, err := m.decide()
		changes[i] = c
		switch codes[i] = "None"; {
		case err != nil:
			refused, ok := errors.AsType[*smithy.GenericAPIError](err)
			if !ok {
				return err
			}
			codes[i], canceled = "ValidationError", true
			reasons[i].Message = new(refused.Message)
		case !holds:
			codes[i], canceled = "ConditionalCheckFailed", true
			reasons[i].Message = new("The conditional request failed")
			if m.returnOld == types.ReturnValuesOnConditionCheckFailureAllOld {
				reasons[i].Item = cloneItem(c.old)
			}
		}
		reasons[i].Code = new(codes[i])
	}
	if canceled {
		return &types.TransactionCanceledException{
			Message:             new("Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"),
			CancellationReasons: reasons,
		}
	}
	for i, m := range mutations {
		db.store(m.table, changes[i])
	}
	return nil
}
