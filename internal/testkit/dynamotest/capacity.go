package dynamotest

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The sizes of units of capacity, from "DynamoDB read and write operations" of the developer guide. A consistent read takes
// a whole unit, any other a half. A transaction prepares and commits, and takes a unit for each, also where it only
// checks a condition; an index takes one unit for each entry that is put or deleted, and none for one that stays.
const (
	readUnitBytes  = 4 << 10
	writeUnitBytes = 1 << 10
)

func units(bytes, unit int) float64 { return max(1, math.Ceil(float64(bytes)/float64(unit))) }

// bucketKey names what has a throughput of its own: a table or an index, as a whole or at one of its hash keys.
type bucketKey struct {
	table, index string // no index: ""
	hash         string // "" for the whole
	writes       bool
}

// bucket is what is left of a throughput. It holds a second's worth, and may be overdrawn by what was not asked for
// beforehand: the commit of a transaction that has prepared.
type bucket struct {
	left float64
	at   time.Time
}

// charge is capacity that a request needs.
type charge struct {
	bucketKey
	units float64
}

// charges are capacity for one entry, of its key and of the whole.
func charges(table, index, hash string, writes bool, n float64) []charge {
	return []charge{{bucketKey{table, index, hash, writes}, n}, {bucketKey{table, index, "", writes}, n}}
}

// rate is how many units a second something takes; 0 is no bound.
func (t *traffic) rate(k bucketKey) float64 {
	switch {
	case k.writes && k.hash == "":
		return t.TableWrites
	case k.writes:
		return t.KeyWrites
	case k.hash == "":
		return t.TableReads
	}
	return t.KeyReads
}

func (t *traffic) bucket(k bucketKey, now time.Time) *bucket {
	rate := t.rate(k)
	b, ok := t.buckets[k]
	if !ok {
		b = &bucket{left: rate, at: now}
		t.buckets[k] = b
	}
	b.left = min(rate, b.left+rate*now.Sub(b.at).Seconds())
	b.at = now
	return b
}

// afford returns a throttling error for the first of the charges that there is no capacity for, and takes nothing. What
// is larger than a second's worth needs that much.
func (t *traffic) afford(list []charge, now time.Time) error {
	for _, c := range list {
		rate := t.rate(c.bucketKey)
		if rate > 0 && t.bucket(c.bucketKey, now).left < min(c.units, rate) {
			t.usage.Throttled++
			return throttled(c.bucketKey)
		}
	}
	return nil
}

func (t *traffic) spend(list []charge, now time.Time) {
	for _, c := range list {
		if t.rate(c.bucketKey) > 0 {
			t.bucket(c.bucketKey, now).left -= c.units
		}
		if c.hash != "" {
			continue // it is in the whole
		}
		name := c.table
		if c.index != "" {
			name += "/" + c.index
		}
		if c.writes {
			t.usage.WriteUnits[name] += c.units
		} else {
			t.usage.ReadUnits[name] += c.units
		}
	}
}

// throttled is the answer of a table in on-demand mode, from "Troubleshooting throttling in Amazon DynamoDB". What a new
// table takes as a whole is what its few partitions take, so that its reason is the same as that of a hot key.
func throttled(k bucketKey) error {
	resource, kind := "arn:aws:dynamodb:::table/"+k.table, "Table"
	if k.index != "" {
		resource, kind = resource+"/index/"+k.index, "Index"
	}
	operation := "Read"
	if k.writes {
		operation = "Write"
	}
	return &types.ThrottlingException{
		Message: new(throttledMessage),
		ThrottlingReasons: []types.ThrottlingReason{{
			Reason: new(kind + operation + "KeyRangeThroughputExceeded"), Resource: new(resource),
		}},
	}
}

const throttledMessage = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your " +
	"table or index so please try again shortly."

// base is the capacity that a write needs of its table, once.
func (m mutation) base(c change) []charge {
	hash := scalar(m.key[m.table.base.hash.Name])
	return charges(m.table.name, "", hash, true, units(max(size(c.old), size(c.item)), writeUnitBytes))
}

// ofIndexes is the capacity that a change needs of the indexes of its table.
func (t *table) ofIndexes(c change) []charge {
	var list []charge
	for name, v := range t.indexes {
		before, was := v.place(c.old)
		after, is := v.place(c.item)
		entry := func(item Item) (Item, float64) {
			projected := v.project(item)
			return projected, units(size(projected), writeUnitBytes)
		}
		switch {
		case was && is && before.compare(after) == 0:
			old, m := entry(c.old)
			if item, n := entry(c.item); !reflect.DeepEqual(old, item) {
				list = append(list, charges(t.name, name, after.hash, true, max(m, n))...)
			}
		default:
			if was {
				_, n := entry(c.old)
				list = append(list, charges(t.name, name, before.hash, true, n)...)
			}
			if is {
				_, n := entry(c.item)
				list = append(list, charges(t.name, name, after.hash, true, n)...)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b charge) int { return cmp.Compare(a.index, b.index) })
	return list
}

// payRead takes the capacity for what a read of a table or an index has found. The lock is held.
func (db *DB) payRead(table, index, hash string, bytes int, consistent bool) error {
	if db.traffic == nil {
		return nil
	}
	n := units(bytes, readUnitBytes)
	if !consistent {
		n /= 2
	}
	list, now := charges(table, index, hash, false, n), time.Now()
	if hash == "" { // a Scan
		list = list[1:]
	}
	if err := db.traffic.afford(list, now); err != nil {
		return err
	}
	db.traffic.spend(list, now)
	return nil
}

// payWrite takes the capacity for a write on its own, whether its condition holds or not. The lock is held.
func (db *DB) payWrite(m mutation, c change) error {
	if db.traffic == nil {
		return nil
	}
	list, now := slices.Concat(m.base(c), m.table.ofIndexes(c)), time.Now()
	if err := db.traffic.afford(list, now); err != nil {
		return err
	}
	db.traffic.spend(list, now)
	return nil
}
