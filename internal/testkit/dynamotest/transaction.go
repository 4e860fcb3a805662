package dynamotest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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
		if err := db.transact(ctx, mutations, in); err != nil {
			return nil, err
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

// prepared is a transaction after its first phase.
type prepared struct {
	mutations []mutation
	changes   []change
	free      []mutation // those whose items no other transaction is at, and whose conditions hold
	canceled  error      // what was in the way, for each
}

// transact does all, or says for each what was in its way.
func (db *DB) transact(ctx context.Context, mutations []mutation, in *dynamodb.TransactWriteItemsInput) error {
	p, err := db.prepare(mutations)
	if err != nil {
		return err
	}
	commit := func() error {
		if p.canceled != nil {
			return p.canceled
		}
		if in.ClientRequestToken != nil {
			db.tokens[*in.ClientRequestToken] = in.TransactItems
		}
		return db.commit(p)
	}
	if db.traffic == nil {
		return commit()
	}
	d, token := db.traffic.Transaction, aws.ToString(in.ClientRequestToken)
	if p.canceled != nil {
		d /= 2
	}
	if db.traffic.underWay[token] {
		return &types.TransactionInProgressException{Message: new("The transaction with the given request token is already in progress")}
	}
	if token != "" {
		db.traffic.underWay[token] = true
	}
	return db.atItems(ctx, p.free, d, func() error {
		delete(db.traffic.underWay, token)
		return commit()
	})
}

// prepare works out what each operation of a transaction would do, and what is in its way.
func (db *DB) prepare(mutations []mutation) (prepared, error) {
	p := prepared{mutations: mutations, changes: make([]change, len(mutations))}
	reasons := make([]types.CancellationReason, len(mutations))
	codes := make([]string, len(mutations))
	cancel := func(at int, code, message string) {
		codes[at], reasons[at].Message = code, &message
	}
	for i, m := range mutations {
		codes[i] = "None"
		if db.inTheWay(m) {
			cancel(i, "TransactionConflict", "Transaction is ongoing for the item")
			continue
		}
		c, holds, err := m.decide()
		p.changes[i] = c
		switch {
		case err != nil:
			refused, ok := errors.AsType[*smithy.GenericAPIError](err)
			if !ok {
				return p, err
			}
			cancel(i, "ValidationError", refused.Message)
		case !holds:
			cancel(i, "ConditionalCheckFailed", "The conditional request failed")
			if m.returnOld == types.ReturnValuesOnConditionCheckFailureAllOld {
				reasons[i].Item = cloneItem(c.old)
			}
		case db.payPrepare(m, c) != nil:
			cancel(i, "ThrottlingError", throttledMessage)
		default:
			p.free = append(p.free, m)
		}
	}
	for i := range reasons {
		reasons[i].Code = &codes[i]
	}
	if len(p.free) < len(mutations) {
		p.canceled = &types.TransactionCanceledException{
			Message:             new("Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"),
			CancellationReasons: reasons,
		}
	}
	if db.traffic != nil {
		db.traffic.usage.count(codes, p.canceled != nil)
	}
	return p, nil
}

func (u *Usage) count(codes []string, canceled bool) {
	u.Transactions++
	if canceled {
		u.Canceled++
	}
	if slices.Contains(codes, "TransactionConflict") {
		u.Conflicts++
	}
}

// payPrepare takes the capacity for the first phase of an operation, and makes sure that its indexes have some: one that
// is behind holds its table back. The lock is held.
func (db *DB) payPrepare(m mutation, c change) error {
	if db.traffic == nil {
		return nil
	}
	now, base := time.Now(), m.base(c)
	if err := db.traffic.afford(slices.Concat(base, m.table.ofIndexes(c)), now); err != nil {
		return err
	}
	db.traffic.spend(base, now)
	return nil
}

// commit does what was prepared. Only a test's own hand, Put or Drop, can have been at the items since.
func (db *DB) commit(p prepared) error {
	if db.traffic != nil {
		for i, m := range p.mutations {
			old := m.table.get(m.key)
			item, err := m.apply(old)
			if err != nil {
				return err
			}
			c := change{old, item}
			p.changes[i] = c
			db.traffic.spend(slices.Concat(m.base(c), m.table.ofIndexes(c)), time.Now())
		}
	}
	for i, m := range p.mutations {
		db.store(m.table, p.changes[i])
	}
	return nil
}
