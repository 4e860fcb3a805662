package dynamotest

import (
	"hash/fnv"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// place is where an item stands among others. Items with one hash key stand together, ordered by their range key. What
// the service leaves open is not in the order of any text, so that no test comes to rely on such an order: which hash
// key comes first in a Scan, and which of several items with the same range key in an index.
type place struct {
	bucket uint64 // of hash
	hash   string
	rng    types.AttributeValue // nil without a range key
	tie    uint64               // of primary
	// primary is the item's key in its table.
	primary string
}

func (p place) compare(q place) int {
	if p.bucket != q.bucket {
		return ordered(p.bucket < q.bucket)
	}
	if c := strings.Compare(p.hash, q.hash); c != 0 {
		return c
	}
	if c, _ := compare(p.rng, q.rng); c != 0 {
		return c
	}
	if p.tie != q.tie {
		return ordered(p.tie < q.tie)
	}
	return strings.Compare(p.primary, q.primary)
}

func ordered(less bool) int {
	if less {
		return -1
	}
	return 1
}

func scatter(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

type entry struct {
	place
	item  Item
	bytes int
}

// view is a table's items, or an index of them, in the order of their places.
type view struct {
	hash, rng  Key
	table      Table
	projection types.ProjectionType
	entries    []*entry

	backfilling bool // an index that cannot be read yet
}

// keys are the attributes that the view itself is keyed by.
func (v *view) keys() []Key {
	if v.rng == (Key{}) {
		return []Key{v.hash}
	}
	return []Key{v.hash, v.rng}
}

// position is the attributes that name a place in the view: its own keys and the table's.
func (v *view) position() []string {
	names := []string{v.hash.Name}
	for _, key := range []Key{v.rng, v.table.Hash, v.table.Range} {
		if key != (Key{}) && !slices.Contains(names, key.Name) {
			names = append(names, key.Name)
		}
	}
	return names
}

// projects reports whether the items of the view can have an attribute.
func (v *view) projects(attribute string) bool {
	return v.projection == types.ProjectionTypeAll || slices.Contains(v.position(), attribute)
}

func (v *view) place(item Item) (place, bool) {
	hash, ok := item[v.hash.Name]
	if !ok {
		return place{}, false
	}
	p := place{hash: scalar(hash), bucket: scatter(scalar(hash)), primary: primary(v.table, item)}
	p.tie = scatter(p.primary)
	if v.rng != (Key{}) {
		if p.rng, ok = item[v.rng.Name]; !ok {
			return place{}, false
		}
	}
	return p, true
}

// primary is an item's key in its table as one text.
func primary(t Table, item Item) string {
	if t.Range == (Key{}) {
		return scalar(item[t.Hash.Name])
	}
	return scalar(item[t.Hash.Name]) + "\x00" + scalar(item[t.Range.Name])
}

// find is the index of the first entry that is not before a place.
func (v *view) find(p place) (int, bool) {
	return slices.BinarySearchFunc(v.entries, p, func(e *entry, p place) int { return e.compare(p) })
}

// partition is the entries of one hash key.
func (v *view) partition(hash string) []*entry {
	bucket := scatter(hash)
	start := sort.Search(len(v.entries), func(i int) bool {
		e := v.entries[i]
		return e.bucket > bucket || e.bucket == bucket && e.hash >= hash
	})
	n := sort.Search(len(v.entries)-start, func(i int) bool {
		e := v.entries[start+i]
		return e.bucket > bucket || e.hash > hash
	})
	return v.entries[start : start+n]
}

// replace puts an item in the place of an older state of it; nil is an item that is not there.
func (v *view) replace(old, item Item) {
	if p, ok := v.place(old); ok {
		if i, found := v.find(p); found {
			v.entries = slices.Delete(v.entries, i, i+1)
		}
	}
	if p, ok := v.place(item); ok {
		i, found := v.find(p)
		if found {
			panic("dynamotest: two items in one place")
		}
		item = v.project(item)
		v.entries = slices.Insert(v.entries, i, &entry{place: p, item: item, bytes: size(item)})
	}
}

func (v *view) project(item Item) Item {
	if v.projection == types.ProjectionTypeAll {
		return item
	}
	projected := Item{}
	for _, name := range v.position() {
		projected[name] = item[name]
	}
	return projected
}
