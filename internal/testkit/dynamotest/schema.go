package dynamotest

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Key is an attribute that a table or an index is keyed by.
type Key struct {
	Name string
	Type types.ScalarAttributeType // S or N
}

// S is a key of text.
func S(name string) Key { return Key{name, types.ScalarAttributeTypeS} }

// N is a key of numbers.
func N(name string) Key { return Key{name, types.ScalarAttributeTypeN} }

// Table is what a table is made with.
type Table struct {
	Hash, Range Key // no Range: the zero Key
	Indexes     map[string]Index

	// Refuse is called with each item that an operation would write, and with what is there, or nil. Its error is the answer: it
	// is for what the service takes, and no writer may write. Nil refuses nothing. It is not called for Put.
	Refuse func(old, item Item) error
}

// Index is a global secondary index. An item that lacks a key of it is not in it.
type Index struct {
	Hash, Range Key                  // no Range: the zero Key
	Projection  types.ProjectionType // KEYS_ONLY or ALL
}

// Input is what makes such a table on the service, or on an emulator of it.
func (t Table) Input(name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{TableName: &name, BillingMode: types.BillingModePayPerRequest}
	defined := map[Key]bool{}
	keys := func(hash, rng Key) (schema []types.KeySchemaElement) {
		for _, k := range []struct {
			Key
			as types.KeyType
		}{{hash, types.KeyTypeHash}, {rng, types.KeyTypeRange}} {
			if k.Key == (Key{}) {
				continue
			}
			schema = append(schema, types.KeySchemaElement{AttributeName: &k.Name, KeyType: k.as})
			if !defined[k.Key] {
				defined[k.Key] = true
				in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{AttributeName: &k.Name, AttributeType: k.Type})
			}
		}
		return schema
	}
	in.KeySchema = keys(t.Hash, t.Range)
	for name, index := range t.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &name, KeySchema: keys(index.Hash, index.Range), Projection: &types.Projection{ProjectionType: index.Projection},
		})
	}
	return in
}

// check returns an error for a schema that the service would not make a table of.
func (t Table) check() error {
	kinds := map[string]types.ScalarAttributeType{}
	keys := []Key{t.Hash, t.Range}
	for name, index := range t.Indexes {
		if index.Projection != types.ProjectionTypeAll && index.Projection != types.ProjectionTypeKeysOnly {
			return fmt.Errorf("index %s: projection %q, want KEYS_ONLY or ALL", name, index.Projection)
		}
		if index.Hash == (Key{}) {
			return fmt.Errorf("index %s has no hash key", name)
		}
		keys = append(keys, index.Hash, index.Range)
	}
	if t.Hash == (Key{}) {
		return fmt.Errorf("no hash key")
	}
	for _, key := range keys {
		switch {
		case key == Key{}:
			continue
		case key.Type != types.ScalarAttributeTypeS && key.Type != types.ScalarAttributeTypeN:
			return fmt.Errorf("key %s is of type %q, want S or N", key.Name, key.Type)
		case kinds[key.Name] != "" && kinds[key.Name] != key.Type:
			return fmt.Errorf("key %s is of two types", key.Name)
		}
		kinds[key.Name] = key.Type
	}
	return nil
}

// The longest values of keys in bytes, from "Quotas in Amazon DynamoDB" of the developer guide.
const (
	maxHashBytes  = 2048
	maxRangeBytes = 1024
)

// maxItemBytes is how much an item may hold, from the same page.
const maxItemBytes = 400 << 10

// keyed returns an error unless an item has the keys of its table, and no value that an index cannot take for a key.
func (t *table) keyed(item Item) error {
	for _, key := range t.base.keys() {
		v, ok := item[key.Name]
		if !ok {
			return invalid("One or more parameter values were invalid: Missing the key %s in the item", key.Name)
		}
		if err := t.base.suits(key, v); err != nil {
			return err
		}
	}
	for name, index := range t.indexes {
		for _, key := range index.keys() {
			if v, ok := item[key.Name]; ok {
				if err := index.suits(key, v); err != nil {
					return fmt.Errorf("index %s: %w", name, err)
				}
			}
		}
	}
	if n := size(item); n > maxItemBytes {
		return invalid("Item size has exceeded the maximum allowed size: %d bytes", n)
	}
	return nil
}

// exactly returns an error unless a request's key is the key of its table and nothing more.
func (t *table) exactly(key Item) error {
	if len(key) != len(t.base.keys()) {
		return invalid("The provided key element does not match the schema")
	}
	for _, k := range t.base.keys() {
		v, ok := key[k.Name]
		if !ok {
			return invalid("The provided key element does not match the schema")
		}
		if err := t.base.suits(k, v); err != nil {
			return err
		}
	}
	return nil
}

// suits returns an error unless a value may stand in a key.
func (v *view) suits(key Key, value types.AttributeValue) error {
	text, longest := scalar(value), maxHashBytes
	if key == v.rng {
		longest = maxRangeBytes
	}
	switch {
	case kindOf(value) != string(key.Type):
		return invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s",
			key.Name, key.Type, kindOf(value))
	case text == "":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "+
			"empty string value. Key: %s", key.Name)
	case len(text) > longest:
		return invalid("One or more parameter values were invalid: the key %s has %d bytes, and may have %d",
			key.Name, len(text), longest)
	}
	return nil
}
