package dynamotest

import "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

// table is a table with its indexes. What is read without consistency comes from the replica, which like an index may
// lag behind. Items are never changed once they are stored.
type table struct {
	name          string
	base, replica view
	indexes       map[string]*view
	pending       []change // what the replica and the indexes do not show yet
	onInsert      func(Item)
	schema        Table
	gone          bool // dropped, and not made again yet
}

// change is what a write did to one item; nil is an item that is not there.
type change struct{ old, item Item }

func newTable(name string, schema Table) *table {
	base := view{hash: schema.Hash, rng: schema.Range, table: schema, projection: types.ProjectionTypeAll}
	t := &table{name: name, base: base, replica: base, indexes: map[string]*view{}, schema: schema}
	for name, index := range schema.Indexes {
		t.indexes[name] = &view{hash: index.Hash, rng: index.Range, table: schema, projection: index.Projection}
	}
	return t
}

// get is the item with a key, as the latest write left it, or nil.
func (t *table) get(key Item) Item { return t.base.lookup(key) }

func (v *view) lookup(key Item) Item {
	if p, ok := v.place(key); ok {
		if i, found := v.find(p); found {
			return v.entries[i].item
		}
	}
	return nil
}

// write stores an item in the place of its older state; nil is an item that is not there.
func (t *table) write(c change, lag bool) {
	t.base.replace(c.old, c.item)
	t.pending = append(t.pending, c)
	if !lag {
		t.catchUp()
	}
}

func (t *table) catchUp() {
	for _, c := range t.pending {
		t.replica.replace(c.old, c.item)
		for _, index := range t.indexes {
			index.replace(c.old, c.item)
		}
	}
	t.pending = nil
}
