package dynamotest

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Query reads a page of the items of a table, or an index, that have one hash key.
func (db *DB) Query(ctx context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return run(ctx, db, db.queryCall(in), func() (*dynamodb.QueryOutput, error) {
		if err := only(in, "TableName", "IndexName", "KeyConditionExpression", "FilterExpression", "ProjectionExpression",
			"ExpressionAttributeNames", "ExpressionAttributeValues", "ScanIndexForward", "Limit", "ExclusiveStartKey", "Select",
			"ConsistentRead"); err != nil {
			return nil, err
		}
		from, err := db.view(in.TableName, in.IndexName, aws.ToBool(in.ConsistentRead))
		if err != nil {
			return nil, err
		}
		terms, err := newTerms(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
		if err != nil {
			return nil, err
		}
		key, err := terms.keyCondition(from, in.KeyConditionExpression)
		if err != nil {
			return nil, err
		}
		r := reading{view: from, limit: in.Limit, start: in.ExclusiveStartKey, selected: in.Select, bound: db.PageItems}
		if err := r.parse(terms, in.FilterExpression, in.ProjectionExpression); err != nil {
			return nil, err
		}
		for _, attribute := range r.filter.attributes {
			if slices.ContainsFunc(from.keys(), func(k Key) bool { return k.Name == attribute }) {
				return nil, invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", attribute)
			}
		}
		for _, e := range from.partition(key.hash) {
			if key.rng.holds(e.item) {
				r.entries = append(r.entries, e)
			}
		}
		r.backward = in.ScanIndexForward != nil && !*in.ScanIndexForward
		if start := in.ExclusiveStartKey; start != nil && (scalar(start[from.hash.Name]) != key.hash || !key.rng.holds(start)) {
			return nil, invalid("The provided starting key is outside query boundaries based on provided conditions")
		}
		p, err := r.page()
		if err == nil {
			err = db.payRead(*in.TableName, aws.ToString(in.IndexName), key.hash, p.bytes, aws.ToBool(in.ConsistentRead))
		}
		return &dynamodb.QueryOutput{Items: p.items, Count: p.count, ScannedCount: p.scanned, LastEvaluatedKey: p.last}, err
	})
}

// queryCall describes a query by its hash key, as far as it can be understood.
func (db *DB) queryCall(in *dynamodb.QueryInput) Call {
	call := Call{Operation: "Query", Table: aws.ToString(in.TableName)}
	db.mu.Lock()
	defer db.mu.Unlock()
	from, err := db.view(in.TableName, in.IndexName, false)
	if err != nil {
		return call
	}
	terms, err := newTerms(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	if err != nil {
		return call
	}
	if key, err := terms.keyCondition(from, in.KeyConditionExpression); err == nil {
		call.Key = key.hash
	}
	return call
}

// Scan reads a page of a table or an index.
func (db *DB) Scan(ctx context.Context, in *dynamodb.ScanInput, _ ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return run(ctx, db, Call{Operation: "Scan", Table: aws.ToString(in.TableName)}, func() (*dynamodb.ScanOutput, error) {
		if err := only(in, "TableName", "IndexName", "FilterExpression", "ProjectionExpression", "ExpressionAttributeNames",
			"ExpressionAttributeValues", "Limit", "ExclusiveStartKey", "Select", "ConsistentRead"); err != nil {
			return nil, err
		}
		from, err := db.view(in.TableName, in.IndexName, aws.ToBool(in.ConsistentRead))
		if err != nil {
			return nil, err
		}
		terms, err := newTerms(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
		if err != nil {
			return nil, err
		}
		r := reading{
			view: from, limit: in.Limit, start: in.ExclusiveStartKey, selected: in.Select, bound: db.PageItems, entries: from.entries,
		}
		if err := r.parse(terms, in.FilterExpression, in.ProjectionExpression); err != nil {
			return nil, err
		}
		p, err := r.page()
		if err == nil {
			err = db.payRead(*in.TableName, aws.ToString(in.IndexName), "", p.bytes, aws.ToBool(in.ConsistentRead))
		}
		return &dynamodb.ScanOutput{Items: p.items, Count: p.count, ScannedCount: p.scanned, LastEvaluatedKey: p.last}, err
	})
}

// view is what a Query or a Scan reads.
func (db *DB) view(name, index *string, consistent bool) (*view, error) {
	t, err := db.find(name)
	if err != nil {
		return nil, err
	}
	if index == nil {
		return db.side(t, consistent)
	}
	v, ok := t.indexes[*index]
	if !ok {
		return nil, invalid("The table does not have the specified index: %s", *index)
	}
	if v.backfilling {
		return nil, invalid("Cannot read from backfilling global secondary index: %s", *index)
	}
	if consistent {
		return nil, invalid("Consistent reads are not supported on global secondary indexes")
	}
	return v, nil
}

// keyCondition is what a Query asks for: one hash key, and a range of the range keys.
type keyCondition struct {
	hash string
	rng  condition
}

// keyCondition parses a key condition: the hash key equals a value and, maybe, one condition on the range key.
func (t *terms) keyCondition(v *view, text *string) (keyCondition, error) {
	if text == nil {
		return keyCondition{}, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	c, err := t.condition("KeyConditionExpression", text)
	if err != nil {
		return keyCondition{}, err
	}
	found := keyCondition{rng: condition{node: and{}}}
	hashes, ranges := 0, 0
	for _, term := range conjuncts(c.node) {
		attribute, value, err := keyTerm(term)
		if err != nil {
			return found, err
		}
		if attribute == v.hash.Name {
			if term, ok := term.(comparison); !ok || term.operator != "=" {
				return found, invalid("Query key condition not supported")
			}
			if err := v.suits(v.hash, value); err != nil {
				return found, err
			}
			found.hash = scalar(value)
			hashes++
			continue
		}
		if v.rng == (Key{}) || attribute != v.rng.Name {
			return found, invalid("Query key condition not supported: %s is no key", attribute)
		}
		if kindOf(value) != string(v.rng.Type) {
			return found, invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
		}
		found.rng.node = term
		ranges++
	}
	switch {
	case hashes == 0:
		return found, invalid("Query condition missed key schema element: %s", v.hash.Name)
	case hashes > 1 || ranges > 1:
		return found, invalid("KeyConditionExpressions must only contain one condition per key")
	}
	return found, nil
}

// conjuncts are the terms that AND joins.
func conjuncts(n node) []node {
	switch n := n.(type) {
	case group:
		return conjuncts(n.node)
	case and:
		var all []node
		for _, term := range n {
			all = append(all, conjuncts(term)...)
		}
		return all
	}
	return []node{n}
}

// keyTerm takes a term of a key condition apart. Of BETWEEN it returns the lower of the two values, which are of one type.
func keyTerm(n node) (string, types.AttributeValue, error) {
	switch n := n.(type) {
	case comparison:
		if n.operator != "<>" && n.left.attribute != "" && n.right.value != nil {
			return n.left.attribute, n.right.value, nil
		}
	case between:
		if n.operand.attribute != "" && n.low.value != nil && n.high.value != nil {
			return n.operand.attribute, n.low.value, nil
		}
	case prefixed:
		if n.prefix.value != nil {
			return n.attribute, n.prefix.value, nil
		}
	}
	return "", nil, invalid("Invalid operator used in KeyConditionExpression")
}
