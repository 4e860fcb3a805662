package replay

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/tenantdata"
)

// search is one run of Find.
type search struct {
	DynamoDB DynamoDB
	cell     manifest.Cell
	scope    Scope // with both ends
	now      time.Time
	each     func([]Candidate) error
	skipped  Skipped
}

func (s *search) run(ctx context.Context) error {
	if tenant := s.scope.Tenant; tenant != "" {
		if err := s.tenant(ctx, tenant); err != nil {
			return err
		}
		return tenantdata.WaitingKeys(ctx, s.DynamoDB, s.cell.ResultsTable, tenant, func(keys []string) error {
			return s.waiting(ctx, keys)
		})
	}
	if err := s.tenants(ctx); err != nil {
		return err
	}
	return s.allWaiting(ctx)
}

func (s *search) tenants(ctx context.Context) error {
	after := ""
	for {
		ids, next, err := s.scope.Tenants(ctx, after)
		if err != nil {
			return fmt.Errorf("list the cell's tenants: %w", err)
		}
		for _, id := range ids {
			if err := s.tenant(ctx, id); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

// tenant looks at all events of a tenant that were accepted within the scope.
func (s *search) tenant(ctx context.Context, tenantID string) error {
	return tenantdata.EventKeys(ctx, s.DynamoDB, s.cell.DataTable, tenantID, s.scope.Since, func(keys []string) error {
		entries, err := tenantdata.Outcomes(ctx, s.DynamoDB, s.cell, keys, s.now)
		if err != nil {
			return err
		}
		var suspects []string
		reasons := map[string]Reason{}
		for _, key := range keys {
			if reason := s.suspect(key, entries[key]); reason != "" {
				suspects = append(suspects, key)
				reasons[key] = reason
			}
		}
		if len(suspects) == 0 {
			return nil
		}
		data, err := tenantdata.Read(ctx, s.DynamoDB, s.cell.DataTable, suspects)
		if err != nil {
			return err
		}
		var found []Candidate
		for _, key := range suspects {
			// A key whose item is gone was deleted, and the index is behind.
			stored, ok := data[key]
			e, _ := event.FromItem(stored) // the zero event for one that cannot be read, which is neither earlier nor later than any
			switch {
			case !ok:
			case s.inDLQ(key, e):
				s.skipped.InDLQ++
			case s.tooRecent(entries[key]), s.tooLate(stored, event.AttrAcceptedAt):
				s.skipped.TooRecent++
			default:
				found = append(found, Candidate{Key: key, TenantID: tenantID, Reason: reasons[key], accepted: e})
			}
		}
		return s.report(found)
	})
}

// suspect says why an event may be lost, going by its ledger entry, or "" if it is not.
func (s *search) suspect(key string, entry tenantdata.Item) Reason {
	reason := s.unapplied(entry)
	if reason == "" {
		return ""
	}
	// Whether a letter is about this acceptance, only the event's item tells.
	if _, letter := s.scope.InDLQ[key]; !letter && s.tooRecent(entry) {
		s.skipped.TooRecent++
		return ""
	}
	return reason
}

// tooRecent reports whether an event failed a moment ago: the consumer writes that just before SQS moves the event's message to the
// DLQ, and before a last attempt.
func (s *search) tooRecent(entry tenantdata.Item) bool {
	outcome := ledger.Peek(entry)
	return entry != nil && (outcome.AppliedAt.After(s.scope.Until) || outcome.UnderWay(s.now))
}

// inDLQ reports whether a letter is about an event, and not about an earlier one of the same id.
func (s *search) inDLQ(key string, e event.Event) bool {
	expires, ok := s.scope.InDLQ[key]
	return ok && !e.Follows(expires)
}

// unapplied says why an event with this ledger entry has no effect, or "" if it has one, is given up, or waits.
func (s *search) unapplied(entry tenantdata.Item) Reason {
	if entry == nil {
		return NoOutcome
	}
	switch outcome := ledger.Peek(entry); outcome.Status {
	case ledger.Failed:
		if outcome.Reason != ledger.ReasonDropped {
			return FailedGone
		}
		s.skipped.Dropped++
	case ledger.Diverted:
		if !outcome.Waiting {
			return LostOnWay
		}
	}
	return ""
}

// tooLate reports whether a time attribute is past the end of the scope. One that is no time is not.
func (s *search) tooLate(attributes tenantdata.Item, name string) bool {
	r := item.Read(attributes)
	at := r.Time(name, event.TimeLayout)
	return r.Err() == nil && at.After(s.scope.Until)
}

// allWaiting looks at all diverted events of the cell, most of them of tenants that have left it. It scans an index that
// has nothing but them.
func (s *search) allWaiting(ctx context.Context) error {
	in := ledger.AllWaiting(s.cell.ResultsTable)
	in.Limit = aws.Int32(tenantdata.PageSize)
	for {
		out, err := s.DynamoDB.Scan(ctx, in)
		if err != nil {
			return fmt.Errorf("list the diverted events: %w", err)
		}
		keys := make([]string, 0, len(out.Items))
		for _, found := range out.Items {
			keys = append(keys, tenantdata.Key(found))
		}
		if err := s.waiting(ctx, keys); err != nil {
			return err
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// waiting looks at up to a page of entries that the index says are waiting. When they were accepted does not matter: a
// diverted event is on no other way.
func (s *search) waiting(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	entries, err := tenantdata.Read(ctx, s.DynamoDB, s.cell.ResultsTable, keys)
	if err != nil {
		return err
	}
	var order []string // of tenants
	found := map[string][]Candidate{}
	for _, key := range keys {
		tenantID, outcome := ledger.WaitingTenant(entries[key]), ledger.Peek(entries[key])
		if tenantID == "" || outcome.Epoch == 0 || outcome.Status != ledger.Diverted {
			continue // sent on since the index was written
		}
		if found[tenantID] == nil {
			order = append(order, tenantID)
		}
		found[tenantID] = append(found[tenantID], Candidate{
			Key: key, TenantID: tenantID, Reason: StillWaits, divertedAt: outcome.Epoch,
			accepted: event.Event{AcceptedAt: outcome.AcceptedAt, ExpiresAt: outcome.EventExpiresAt},
		})
	}
	for _, tenantID := range order {
		if err := s.report(found[tenantID]); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) report(found []Candidate) error {
	if len(found) == 0 {
		return nil
	}
	return s.each(found)
}
