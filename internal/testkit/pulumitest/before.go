package pulumitest

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const getTableItem = "aws:dynamodb/getTableItem:getTableItem"

// Items gives the items of tables: the item with this key, both in DynamoDB's JSON.
type Items func(table, key string) (item string, err error)

// What the provider's data source says of what is not there.
var (
	ErrNoItem  = errors.New("empty result")
	ErrNoTable = errors.New("couldn't find resource")
)

// After has the program find in the engine's record of the stack what r registered. Without it the stack is a new one.
func After(r *Recorder) Option { return func(o *options) { o.before = r } }

// WithHalfWrittenRecord has the engine meet a record that it is just writing, the first n times that it is asked.
func WithHalfWrittenRecord(n int) Option { return func(o *options) { o.halfWritten = n } }

// WithItems has the program find these items. Without it there is no table.
func WithItems(items Items) Option { return func(o *options) { o.items = items } }

// ofEngine answers the engine's functions on the record of the stack.
func (r *Recorder) ofEngine(args pulumi.MockCallArgs) (resource.PropertyMap, bool, error) {
	outputs := map[string]any{}
	name := args.Args["name"]
	switch args.Token {
	case "pulumi:pulumi:readStackOutputs":
		if r.before != nil {
			outputs["url"] = "https://example.com"
		}
	case "pulumi:pulumi:readStackResourceOutputs":
		name = args.Args["stackName"]
		if r.before == nil {
			return nil, true, errors.New("the engine crashes: a new stack has no record")
		}
		outputs = r.before.outputs
	default:
		return nil, false, nil
	}
	if r.halfWritten > 0 {
		r.halfWritten-- // the program asks once at a time
		return nil, true, errors.New("failed to load checkpoint: EOF")
	}
	if !name.IsString() || name.StringValue() != r.stack {
		return nil, true, fmt.Errorf("%s: the stack is %s, not %v", args.Token, r.stack, name)
	}
	return properties(map[string]any{"name": r.stack, "outputs": outputs}), true, nil
}

// tableItem answers as the provider's data source does.
func (r *Recorder) tableItem(args resource.PropertyMap) (resource.PropertyMap, error) {
	table, key := args["tableName"].StringValue(), args["key"].StringValue()
	item, err := "", ErrNoTable
	if r.items != nil {
		item, err = r.items(table, key)
	}
	if err != nil {
		return nil, fmt.Errorf("invoking %s: 1 error occurred:\n\t* reading DynamoDB Table Item (%s|key): %w", getTableItem, table, err)
	}
	return properties(map[string]any{"id": table + "|key", "tableName": table, "key": key, "item": item}), nil
}
