package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/printable"
)

// Item is an item of a results table.
type Item = map[string]types.AttributeValue

// The attributes that only an outcome has. It has event's AttrKey, AttrTenantShard, AttrID, AttrType, AttrEpoch and
// AttrAcceptedAt too.
const (
	AttrStatus    = "status"     // S, a Status
	AttrResult    = "result"     // S, JSON text: what the business logic answered
	AttrReason    = "reason"     // S, a reason class, where the status is failed
	AttrFailedBy  = "failed_by"  // S, event.TimeLayout: where the status is failed ahead of a last attempt, when that has ended at the latest
	AttrAppliedAt = "applied_at" // S, event.TimeLayout: when the outcome was written
	AttrExpiresAt = "expires_at" // N, seconds since 1970: the results table's TTL attribute
	AttrWaiting   = "waiting"    // S, as event.AttrTenantShard, where the status is diverted and the event has not been sent on

	// AttrEventExpiresAt (N, seconds since 1970) is the expiry of the acceptance that the outcome is of, as the message said it. It is
	// absent where the event never expires.
	AttrEventExpiresAt = "event_expires_at"
	// AttrReasonText (S) is the text of the failure where the status is failed: what the error or the panic says. It is for
	// operators, and no client is told it.
	AttrReasonText = "reason_text"
)

// MaxReasonText bounds the text that is kept of a failure, in bytes.
const MaxReasonText = 512

// Outcome is the ledger's entry of an event: what became of it in a cell.
type Outcome struct {
	TenantID, EventID string
	Type              string // "" where nobody could read the event
	Epoch             int64  // of the delivery, or of what the event was sent under; 0 where nobody could read the event
	Status            Status
	Result            json.RawMessage // what the business logic answered, if anything; where the event was processed
	Reason            string          // a reason class; where it failed
	ReasonText        string          // what the failure says; where it failed and something is known
	FailedBy          time.Time       // zero, or when the attempt that the failure was written ahead of has ended at the latest
	AppliedAt         time.Time       // when the outcome was written
	ExpiresAt         time.Time       // when the table may delete it; whole seconds
	AcceptedAt        time.Time       // of the acceptance that the outcome is of; zero in what the version before has written
	EventExpiresAt    time.Time       // when that acceptance expires; whole seconds; zero for never
	Waiting           bool            // whether the event was diverted and is to be sent on
	CorrelationID     string          // of the event; "" where none is known
}

// Of is an outcome of an event, with all that is known by the event alone. It is kept for ttl, and never for less long than the
// event's item: else a reader would see the event as accepted once more. That of a synthetic event need not be kept until no message of
// the event can come any more: those that come late are dropped.
func Of(e event.Event, status Status, now time.Time, ttl time.Duration) Outcome {
	o := Outcome{
		TenantID: e.TenantID, EventID: e.ID, Type: e.Type, Epoch: e.Epoch, Status: status,
		AcceptedAt: e.AcceptedAt, EventExpiresAt: e.ExpiresAt,
		AppliedAt: now, ExpiresAt: now.Add(event.KeptFor(e.TenantID, ttl)), Waiting: status == Diverted, CorrelationID: e.CorrelationID,
	}
	if least := e.ExpiresAt.Add(event.ClockMargin); !e.ExpiresAt.IsZero() && o.ExpiresAt.Before(least) {
		o.ExpiresAt = least
	}
	return o
}

// Item is the outcome as it stands in the results table. Of the reason's text it has one printable line, cut at MaxReasonText.
func (o Outcome) Item() Item {
	attributes := Item{
		event.AttrKey:         text(event.Key(o.TenantID, o.EventID)),
		event.AttrTenantShard: text(event.TenantShard(o.TenantID, o.EventID)),
		event.AttrID:          text(o.EventID),
		AttrStatus:            text(string(o.Status)),
		AttrAppliedAt:         text(event.FormatTime(o.AppliedAt)),
		AttrExpiresAt:         number(o.ExpiresAt.Unix()),
	}
	optional := map[string]string{event.AttrType: o.Type, AttrResult: string(o.Result), AttrReason: o.Reason, AttrReasonText: printable.Bounded(o.ReasonText, MaxReasonText)}
	if !o.FailedBy.IsZero() {
		optional[AttrFailedBy] = event.FormatTime(o.FailedBy)
	}
	if !o.AcceptedAt.IsZero() {
		optional[event.AttrAcceptedAt] = event.FormatTime(o.AcceptedAt)
	}
	if event.ValidCorrelationID(o.CorrelationID) {
		optional[event.AttrCorrelationID] = o.CorrelationID
	}
	if o.Waiting {
		optional[AttrWaiting] = event.TenantShard(o.TenantID, o.EventID)
	}
	for name, value := range optional {
		if value != "" {
			attributes[name] = text(value)
		}
	}
	if !o.EventExpiresAt.IsZero() {
		attributes[AttrEventExpiresAt] = number(o.EventExpiresAt.Unix())
	}
	if o.Epoch > 0 {
		attributes[event.AttrEpoch] = number(o.Epoch)
	}
	return attributes
}

// tenantOf is whose an outcome is, also where the version before has written it.
func tenantOf(attributes Item) string {
	if shard := textOf(attributes, event.AttrTenantShard); shard != "" {
		return event.TenantOfShard(shard)
	}
	return textOf(attributes, event.AttrTenantID)
}

// Peek returns what can be read of an outcome, for those who act on what they know: an attribute that is missing or wrong is
// as good as zero. Where there is no item, the status is "".
func Peek(attributes Item) Outcome {
	at := func(name string) time.Time {
		t, err := time.Parse(event.TimeLayout, textOf(attributes, name))
		if err != nil {
			return time.Time{}
		}
		return t
	}
	seconds := func(name string) time.Time {
		if n := numberOf(attributes, name); n > 0 {
			return time.Unix(n, 0).UTC()
		}
		return time.Time{}
	}
	return Outcome{
		TenantID: tenantOf(attributes), EventID: textOf(attributes, event.AttrID), Type: textOf(attributes, event.AttrType),
		Epoch: max(0, numberOf(attributes, event.AttrEpoch)), Status: Status(textOf(attributes, AttrStatus)),
		Result: json.RawMessage(textOf(attributes, AttrResult)), Reason: textOf(attributes, AttrReason),
		ReasonText: textOf(attributes, AttrReasonText), CorrelationID: event.CorrelationIDOf(attributes),
		FailedBy: at(AttrFailedBy), AppliedAt: at(AttrAppliedAt), Waiting: attributes[AttrWaiting] != nil,
		ExpiresAt: seconds(AttrExpiresAt), AcceptedAt: at(event.AttrAcceptedAt), EventExpiresAt: seconds(AttrEventExpiresAt),
	}
}

// shown are the attributes that a client is told of, and what is needed to tell.
var shown = []string{event.AttrType, AttrStatus, AttrAppliedAt, AttrResult, AttrReason, AttrFailedBy, AttrExpiresAt, event.AttrAcceptedAt, AttrEventExpiresAt}

// Shown returns the names of the attributes that Decode reads.
func Shown() []string { return append([]string(nil), shown...) }

// Decode reads what a client is told of an outcome. It fails, naming the attributes, where one is missing or wrong. A message that
// nobody could read may have left no type. A status of a later version is none of the outcomes so far: what is known for
// certain is that the event was accepted, which is what a reader is told of one that is under way between cells, too, so
// that it is read as Diverted.
func Decode(attributes Item) (Outcome, error) {
	r, peeked := item.Read(attributes), Peek(attributes)
	o := Outcome{
		Type:      r.OptionalString(event.AttrType),
		Status:    Status(r.Checked(AttrStatus, event.IsWord, event.WordPattern)),
		Reason:    r.OptionalString(AttrReason),
		AppliedAt: r.Time(AttrAppliedAt, event.TimeLayout),
		FailedBy:  peeked.FailedBy, ExpiresAt: peeked.ExpiresAt,
		AcceptedAt: peeked.AcceptedAt, EventExpiresAt: peeked.EventExpiresAt,
	}
	if !o.Status.Known() {
		o.Status = Diverted
	}
	if r.OptionalString(AttrResult) != "" {
		o.Result = r.JSON(AttrResult)
	}
	if err := r.Err(); err != nil {
		return Outcome{}, fmt.Errorf("outcome %q: %w", textOf(attributes, event.AttrKey), err)
	}
	return o, nil
}

// UnderWay reports whether an outcome was written ahead of an attempt that may not have ended yet: until then it says
// nothing about its event.
func (o Outcome) UnderWay(now time.Time) bool { return now.Before(o.FailedBy) }

// Settled reports whether an outcome says what became of its event in the end.
func (o Outcome) Settled(now time.Time) bool {
	return o.Status == Processed || o.Status == Failed && !o.UnderWay(now)
}

// Waits reports whether an event was diverted and has not been sent on.
func (o Outcome) Waits() bool { return o.Status == Diverted && o.Waiting }

// Unsent reports whether a diverted event is still to be sent on under an epoch: it waits, or it was sent under an earlier
// one, to a cell that the tenant leaves again, and has not been applied there. See MarkSent.
func (o Outcome) Unsent(epoch int64) bool {
	return o.Waits() || o.Status == Diverted && o.Epoch < epoch-1
}

func text(s string) types.AttributeValue { return item.Text(s) }

func number(n int64) types.AttributeValue { return item.Number(n) }

func textOf(attributes Item, name string) string {
	if s, ok := attributes[name].(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// numberOf is a whole number, or 0 where there is none.
func numberOf(attributes Item, name string) int64 {
	n, ok := attributes[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	parsed, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0
	}
	return parsed
}
