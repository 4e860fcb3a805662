package move

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
)

// present leaves out of what cells have under some keys what is of an acceptance that has ended: events that have expired, events
// whose id was accepted later in another of the cells, and outcomes of such. What is left is of one acceptance of each id. An event
// that was accepted in both cells during a move is one acceptance, and is there as long as either is.
func present(keys []string, now time.Time, sides ...*side) {
	for _, key := range keys {
		if ledger.IsState(key) {
			continue
		}
		last, live := lastOf(key, now, sides)
		for _, s := range sides {
			if data := s.data[key]; data != nil && (!live || last.After(stampsOf(data))) && (live || stampsOf(data).Expired(now)) {
				s.endData(key)
			}
		}
		if !live {
			last = lastOutcome(key, sides)
		}
		for _, s := range sides {
			if outcome := s.results[key]; outcome != nil && ledger.Peek(outcome).Before(last) {
				s.endOutcome(key)
			}
		}
	}
}

// lastOf returns the stamps of the last acceptance of an id that has not expired in all cells.
func lastOf(key string, now time.Time, sides []*side) (last event.Event, live bool) {
	for _, s := range sides {
		data := s.data[key]
		if data == nil {
			continue
		}
		if e := stampsOf(data); !e.Expired(now) && (!live || e.After(last)) {
			last, live = e, true
		}
	}
	return last, live
}

// lastOutcome returns the stamps of the last acceptance that an outcome is of.
func lastOutcome(key string, sides []*side) (last event.Event) {
	for _, s := range sides {
		o := ledger.Peek(s.results[key])
		if e := (event.Event{AcceptedAt: o.AcceptedAt, ExpiresAt: o.EventExpiresAt}); e.After(last) || last.AcceptedAt.IsZero() {
			last = e
		}
	}
	return last
}

func (s *side) endData(key string) {
	if s.endedData == nil {
		s.endedData = map[string]Item{}
	}
	s.endedData[key] = s.data[key]
	delete(s.data, key)
}

func (s *side) endOutcome(key string) {
	if s.endedResults == nil {
		s.endedResults = map[string]Item{}
	}
	s.endedResults[key] = s.results[key]
	delete(s.results, key)
}

// stampsOf are the times of an event's acceptance. Where an item has none, they are zero, and it never expires.
func stampsOf(data Item) event.Event {
	var e event.Event
	if at, err := time.Parse(event.TimeLayout, stringOf(data[event.AttrAcceptedAt])); err == nil {
		e.AcceptedAt = at
	}
	r := item.Read(data)
	if data[event.AttrExpiresAt] != nil {
		if seconds := r.Int(event.AttrExpiresAt, 1); r.Err() == nil {
			e.ExpiresAt = time.Unix(seconds, 0).UTC()
		}
	}
	return e
}

// lapsed reports whether the event of an outcome has expired, so that its item may have been deleted.
func lapsed(outcome Item, now time.Time) bool {
	return event.Event{ExpiresAt: ledger.Peek(outcome).EventExpiresAt}.Expired(now)
}

// forgetEnded are the writes that forget what a cell has under a key of acceptances that have ended.
func forgetEnded(key string, leaves side) []types.TransactWriteItem {
	var writes []types.TransactWriteItem
	if leaves.endedData[key] != nil && !ledger.Peek(leaves.results[key]).Waits() {
		writes = append(writes, remove(leaves.cell.DataTable, key))
	}
	if leaves.endedResults[key] != nil {
		writes = append(writes, remove(leaves.cell.ResultsTable, key))
	}
	return writes
}
