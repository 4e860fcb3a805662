// Package dynamotest is DynamoDB in memory for tests: the part of GetItem and PutItem that the router uses. What it
// does not know is an error, so that a test cannot pass on a request that the real service would read differently.
package dynamotest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item is one item of a table.
type Item = map[string]types.AttributeValue

// Call is one request that arrived.
type Call struct {
	Operation string // GetItem | PutItem
	Table     string
	Key       string
}

// DB is a set of tables whose hash keys are strings. It is safe for concurrent use.
type DB struct {
	// Intercept is called with every request before it takes effect, and its error is the answer; nil means no
	// interception. It may block until the context ends.
	Intercept func(context.Context, Call) error

	mu     sync.Mutex
	keys   map[string]string          // a table's hash key attribute
	tables map[string]map[string]Item // by table and key
	calls  []Call
}

// New returns a database with the given tables, each with the name of its hash key.
func New(keys map[string]string) *DB {
	db := &DB{keys: keys, tables: map[string]map[string]Item{}}
	for table := range keys {
		db.tables[table] = map[string]Item{}
	}
	return db
}

// Put stores an item, whatever was there.
func (db *DB) Put(table string, item Item) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.tables[table][stringValue(item[db.keys[table]])] = maps.Clone(item)
}

// Item returns a stored item, or nil.
func (db *DB) Item(table, key string) Item {
	db.mu.Lock()
	defer db.mu.Unlock()
	return maps.Clone(db.tables[table][key])
}

// Calls returns the requests that arrived so far, in order.
func (db *DB) Calls() []Call {
	db.mu.Lock()
	defer db.mu.Unlock()
	return append([]Call(nil), db.calls...)
}

// arrive notes a request and lets the interceptor have it. It returns with the lock held where the error is nil.
func (db *DB) arrive(ctx context.Context, operation, table string, keyed Item) (string, error) {
	db.mu.Lock()
	name, ok := db.keys[table]
	key := stringValue(keyed[name])
	db.calls = append(db.calls, Call{operation, table, key})
	db.mu.Unlock()
	if db.Intercept != nil {
		if err := db.Intercept(ctx, Call{operation, table, key}); err != nil {
			return "", fmt.Errorf("operation error DynamoDB: %s, table %s: %w", operation, table, err)
		}
	}
	if !ok {
		return "", &types.ResourceNotFoundException{Message: new("Requested resource not found: Table: " + table + " not found")}
	}
	if key == "" {
		return "", fmt.Errorf("ValidationException: table %s: no key %s in %v", table, name, keyed)
	}
	db.mu.Lock()
	return key, nil
}

// GetItem reads one item. It must be read consistently: whatever the router reads, it relies on having the latest.
func (db *DB) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	if in.ConsistentRead == nil || !*in.ConsistentRead {
		return nil, fmt.Errorf("inconsistent read of table %s", *in.TableName)
	}
	key, err := db.arrive(ctx, "GetItem", *in.TableName, in.Key)
	if err != nil {
		return nil, err
	}
	defer db.mu.Unlock()
	item := maps.Clone(db.tables[*in.TableName][key])
	if in.ProjectionExpression == nil || item == nil {
		return &dynamodb.GetItemOutput{Item: item}, nil
	}
	projected := Item{}
	for placeholder := range strings.SplitSeq(*in.ProjectionExpression, ",") {
		name, ok := in.ExpressionAttributeNames[strings.TrimSpace(placeholder)]
		if !ok {
			return nil, fmt.Errorf("ValidationException: no name for %q", placeholder)
		}
		if v, ok := item[name]; ok {
			projected[name] = v
		}
	}
	return &dynamodb.GetItemOutput{Item: projected}, nil
}

// PutItem writes one item. The only condition it knows is that there is none.
func (db *DB) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	key, err := db.arrive(ctx, "PutItem", *in.TableName, in.Item)
	if err != nil {
		return nil, err
	}
	defer db.mu.Unlock()
	table := db.tables[*in.TableName]
	if condition := in.ConditionExpression; condition != nil {
		if *condition != "attribute_not_exists("+db.keys[*in.TableName]+")" {
			return nil, fmt.Errorf("ValidationException: condition %q", *condition)
		}
		if old, exists := table[key]; exists {
			failed := &types.ConditionalCheckFailedException{Message: new("The conditional request failed")}
			if in.ReturnValuesOnConditionCheckFailure == types.ReturnValuesOnConditionCheckFailureAllOld {
				failed.Item = maps.Clone(old)
			}
			return nil, failed
		}
	}
	table[key] = maps.Clone(in.Item)
	return &dynamodb.PutItemOutput{}, nil
}

func stringValue(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}
