package dynamotest

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Put stores an item, whatever was there, as a test's own doing: no hook sees it. It panics on an item that the table
// does not take.
func (db *DB) Put(table string, item Item) {
	db.mu.Lock()
	defer db.mu.Unlock()
	t := db.mustTable(table)
	accepted, err := acceptItem(item)
	if err == nil {
		err = t.keyed(accepted)
	}
	if err != nil {
		panic(fmt.Sprintf("dynamotest: put into table %s: %v", table, err))
	}
	t.write(change{t.get(accepted), accepted}, db.lag)
}

// Item returns a stored item by its hash key and, where the table has one, its range key; nil where there is none.
func (db *DB) Item(table string, key ...string) Item {
	db.mu.Lock()
	defer db.mu.Unlock()
	t := db.mustTable(table)
	return cloneItem(t.get(t.key(key)))
}

// Delete removes an item, as a table's TTL does: no hook sees it.
func (db *DB) Delete(table string, key ...string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	t := db.mustTable(table)
	if old := t.get(t.key(key)); old != nil {
		t.write(change{old, nil}, db.lag)
	}
}

// Items returns all items of a table, in no order that means anything.
func (db *DB) Items(table string) []Item {
	db.mu.Lock()
	defer db.mu.Unlock()
	var items []Item
	for _, e := range db.mustTable(table).base.entries {
		items = append(items, cloneItem(e.item))
	}
	return items
}

// Drop deletes a table with all that it holds, as somebody's slip does: requests are answered as if it had never been.
// Make makes it again.
func (db *DB) Drop(table string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	t := db.mustTable(table)
	hook := t.onInsert
	*t = *newTable(t.name, t.schema)
	t.onInsert, t.gone = hook, true
}

// Make makes a table again that was dropped, empty and with all its indexes.
func (db *DB) Make(table string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	t := db.mustTable(table)
	hook := t.onInsert
	*t = *newTable(t.name, t.schema)
	t.onInsert = hook
}

// DropIndex deletes an index of a table.
func (db *DB) DropIndex(table, index string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.mustTable(table).indexes, index)
}

// MakeIndex makes an index again that was dropped, of all items of its table.
func (db *DB) MakeIndex(table, index string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	t := db.mustTable(table)
	made := newTable(t.name, t.schema).indexes[index]
	for _, e := range t.base.entries {
		made.replace(nil, e.item)
	}
	t.indexes[index] = made
}

// BackfillIndex has an index of a table be built again. It cannot be read until MakeIndex ends that.
func (db *DB) BackfillIndex(table, index string) {
	db.MakeIndex(table, index)
	db.mu.Lock()
	defer db.mu.Unlock()
	db.mustTable(table).indexes[index].backfilling = true
}

func (db *DB) mustTable(name string) *table {
	t, ok := db.tables[name]
	if !ok {
		panic("dynamotest: no table " + name)
	}
	return t
}

// key makes an item's key of the texts of its values.
func (t *table) key(texts []string) Item {
	keys := t.base.keys()
	if len(texts) != len(keys) {
		panic(fmt.Sprintf("dynamotest: %d values for a key of %d", len(texts), len(keys)))
	}
	item := Item{}
	for i, key := range keys {
		if key.Type == types.ScalarAttributeTypeN {
			n, err := canonical(texts[i])
			if err != nil {
				panic("dynamotest: " + err.Error())
			}
			item[key.Name] = &types.AttributeValueMemberN{Value: n}
		} else {
			item[key.Name] = &types.AttributeValueMemberS{Value: texts[i]}
		}
	}
	return item
}
