package dynamotest

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxPageBytes is how much a Query or a Scan reads before it ends a page, from their API references.
const maxPageBytes = 1 << 20

// reading is a Query or a Scan.
type reading struct {
	view       *view
	entries    []*entry // what it reads, in the view's order
	backward   bool
	start      Item // where the page before ended; nil for the first
	limit      *int32
	bound      int // of items, besides the limit; 0 for none
	filter     condition
	projection projection
	selected   types.Select
}

type page struct {
	items          []Item
	count, scanned int32
	last           Item
	bytes          int // read
}

// parse reads the expressions that Query and Scan have in common, the last ones of a request.
func (r *reading) parse(t *terms, filter, projected *string) (err error) {
	if r.filter, err = t.condition("FilterExpression", filter); err != nil {
		return err
	}
	if r.projection, err = t.projection(projected); err != nil {
		return err
	}
	for _, attribute := range slices.Concat(r.filter.attributes, r.projection) {
		if !r.view.projects(attribute) {
			return invalid("One or more parameter values were invalid: the index does not project [%s]", attribute)
		}
	}
	switch {
	case r.selected != "" && r.selected != types.SelectCount:
		return unknown("Select %s", r.selected)
	case r.selected == types.SelectCount && r.projection != nil:
		return invalid("Cannot specify the ProjectionExpression when choosing to get only the Count")
	}
	return t.done()
}

// page reads from the start to the end of one page. Like the service it ends a page where the limit is reached, also if
// nothing follows, and counts what the filter leaves out.
func (r *reading) page() (page, error) {
	p := page{}
	if r.limit != nil && *r.limit < 1 {
		return p, invalid("Limit must be greater than or equal to 1: %d", *r.limit)
	}
	entries, err := r.rest()
	if err != nil {
		return p, err
	}
	for _, e := range entries {
		p.scanned++
		p.bytes += e.bytes
		if r.filter.holds(e.item) {
			p.count++
			if r.selected != types.SelectCount {
				p.items = append(p.items, r.projection.of(e.item))
			}
		}
		full := r.limit != nil && p.scanned >= *r.limit || r.bound > 0 && int(p.scanned) >= r.bound
		if full || p.bytes >= maxPageBytes {
			p.last = projection(r.view.position()).of(e.item)
			break
		}
	}
	return p, nil
}

// rest is what follows the start.
func (r *reading) rest() ([]*entry, error) {
	entries := r.entries
	if r.backward {
		entries = slices.Clone(entries)
		slices.Reverse(entries)
	}
	if r.start == nil {
		return entries, nil
	}
	at, err := r.view.startingPlace(r.start)
	if err != nil {
		return nil, err
	}
	next := slices.IndexFunc(entries, func(e *entry) bool {
		if r.backward {
			return e.compare(at) < 0
		}
		return e.compare(at) > 0
	})
	if next < 0 {
		return nil, nil
	}
	return entries[next:], nil
}

// startingPlace is the place that an ExclusiveStartKey names. No item needs to be there.
func (v *view) startingPlace(start Item) (place, error) {
	accepted, err := acceptItem(start)
	if err != nil {
		return place{}, err
	}
	names := v.position()
	if len(accepted) != len(names) {
		return place{}, invalid("The provided starting key is invalid: it has %d attributes, want %v", len(accepted), names)
	}
	for _, key := range []Key{v.hash, v.rng, v.table.Hash, v.table.Range} {
		if key == (Key{}) {
			continue
		}
		if err := v.suits(key, accepted[key.Name]); err != nil {
			return place{}, invalid("The provided starting key is invalid: %v", err)
		}
	}
	at, _ := v.place(accepted)
	return at, nil
}
