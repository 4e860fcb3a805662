// Package replay finds events that a cell has accepted and that are neither applied nor in one of its dead letter queues,
// and sends them again. Nothing in the pipeline loses an event; what can is an operator (a queue that was purged), a
// message that outlived its queue's retention, or a stream that was down for a day. What an operator has dropped, with
// cellctl dlq drop, is not lost but given up.
//
// An event whose data has expired is found for as long as the table has it, and is not sent: nobody can apply it any more, and its
// id may be used again. An outcome says nothing about a later acceptance of its event's id.
//
// An event that is merely on its way looks the same as a lost one. It is sent a second time then, which costs a message
// and has no effect.
package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/tenantdata"
)

// DynamoDB is the part of the client that is needed.
type DynamoDB interface {
	tenantdata.DynamoDB
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Replayer replays the events of cells. All of it is required.
type Replayer struct {
	DynamoDB DynamoDB
	Home     *resend.Home
}

// DefaultGrace is how long an event has time to be applied before it counts as lost: the consumer's retries of one event
// take less, unless the business logic or what it depends on is slow.
const DefaultGrace = 5 * time.Minute

// Scope is where to look.
type Scope struct {
	Since time.Time // accepted at or after
	Until time.Time // accepted, or last given up on, at or before; the zero time means DefaultGrace ago

	// Tenant is the one tenant to look at; "" for all that are mapped to the cell, and all that have left it with events
	// behind them.
	Tenant string
	// Tenants pages through the tenants that are mapped to the cell: those after the given one, which is "" at first. It
	// answers "" for next where there are no more. It is not called for a single Tenant.
	Tenants func(ctx context.Context, after string) (ids []string, next string, err error)
	// InDLQ are the keys of the events that letters in the cell's DLQs are about: these are for a redrive. With each is when the data
	// of the acceptance expires that the letter is about; the zero time for never. A later acceptance of the id has no letter.
	InDLQ map[string]time.Time
}

// ErrTooOld is the error for a Since before which the ledger has forgotten outcomes.
var ErrTooOld = errors.New("outcomes of events that old may have expired, so that applied ones cannot be told from lost ones")

// bounded returns the scope with its end set, or an error if it cannot be searched.
func (s Scope) bounded(cell manifest.Cell, now time.Time) (Scope, error) {
	memory := time.Duration(cell.Settings.ResultTTL)
	if oldest := now.Add(-memory); s.Since.Before(oldest) {
		return s, fmt.Errorf("replay cell %s since %s: %w: it keeps them for %s, so the earliest is %s", cell.ID,
			s.Since.UTC().Format(time.RFC3339), ErrTooOld, memory, oldest.UTC().Add(time.Second).Format(time.RFC3339))
	}
	if s.Until.IsZero() {
		s.Until = now.Add(-DefaultGrace)
	}
	if !s.Since.Before(s.Until) {
		return s, fmt.Errorf("replay cell %s: since %s is not before until %s, which leaves events time to be applied", cell.ID,
			s.Since.UTC().Format(time.RFC3339), s.Until.UTC().Format(time.RFC3339))
	}
	return s, nil
}

// Reason says why an event is a candidate.
type Reason string

const (
	NoOutcome  Reason = "no outcome, and no message in a DLQ"
	FailedGone Reason = "failed, and its message is gone"
	LostOnWay  Reason = "diverted, sent on, and not applied"
	StillWaits Reason = "diverted, and waiting to be sent on"
)

// Candidate is an event that is to be sent again.
type Candidate struct {
	Key      string
	TenantID string
	Reason   Reason

	accepted   event.Event // the times of the acceptance that is lost
	divertedAt int64       // the epoch in the ledger's entry, where the reason is StillWaits
}

// Skipped is how many events without an effect are no candidates, and why.
type Skipped struct {
	Dropped   int // an operator has given them up
	InDLQ     int // letters in the cell's DLQs are about them: they are for a redrive
	TooRecent int // accepted, or last given up on, after the end of the scope, or in their last attempt: they may be on their way
}

// Find calls each with the candidates of a cell, those of one tenant at a time, at most tenantdata.PageSize. It ends with
// the first error of each.
func (r *Replayer) Find(ctx context.Context, cell manifest.Cell, s Scope, each func([]Candidate) error) (Skipped, error) {
	now := r.Home.Now()
	s, err := s.bounded(cell, now)
	if err != nil {
		return Skipped{}, err
	}
	search := &search{DynamoDB: r.DynamoDB, cell: cell, scope: s, now: now, each: each}
	if err := search.run(ctx); err != nil {
		return search.skipped, fmt.Errorf("replay cell %s: %w", cell.ID, err)
	}
	return search.skipped, nil
}
