package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/printable"
)

// MaxAttempts bounds how many attempts are kept of an event: with texts of MaxReasonText, 20 of them have some 15 KB.
const MaxAttempts = 20

// Attempts are the failed attempts to apply an event in a cell, for operators. They stay when the event is applied after all. They
// are an item of their own that nothing depends on: what an event has come to, the outcome alone says. It is not the business
// logic's either: a move and a restore leave it where it is, and a removal deletes it.
type Attempts struct {
	TenantID, EventID string
	AcceptedAt        time.Time // of the acceptance that the attempts were at
	EventExpiresAt    time.Time // when that acceptance expires; whole seconds; zero for never
	CorrelationID     string    // of the event; "" where it has none
	Failures          int64     // how many attempts have failed, those included that are kept no longer
	Latest            []Attempt // in their order, at most as many as whoever wrote them wanted, and MaxAttempts
	ExpiresAt         time.Time // when the table may delete them; whole seconds
}

// Attempt is one attempt that failed.
type Attempt struct {
	At           time.Time // when it had failed; milliseconds, UTC
	ReceiveCount int       // how often the queue had delivered the message by then; a redrive begins again at 1
	Reason       string    // the reason class
	ReasonText   string    // what the failure says
	RequestID    string    // of the invocation, which its log lines have; "" where none is known
}

// The attributes of attempts, besides event's AttrTenantShard, AttrID, AttrAcceptedAt, AttrCorrelationID, AttrEventExpiresAt and AttrExpiresAt.
const (
	attrFailures = "failures" // N
	attrAttempts = "attempts" // S, JSON text: a list of wireAttempt
)

// wireAttempt is an Attempt in JSON. A reader ignores fields that it does not know, so that a later version can add some.
type wireAttempt struct {
	At           string `json:"at"` // event.TimeLayout
	ReceiveCount int    `json:"receive_count"`
	Reason       string `json:"reason"`
	ReasonText   string `json:"reason_text,omitempty"`
	RequestID    string `json:"request_id,omitempty"`
}

// AttemptsOf returns what is known of the attempts at an event before the first has failed.
func AttemptsOf(e event.Event) Attempts {
	return Attempts{TenantID: e.TenantID, EventID: e.ID, AcceptedAt: e.AcceptedAt, EventExpiresAt: e.ExpiresAt, CorrelationID: e.CorrelationID}
}

// With adds an attempt. The result has the latest attempts, at most the given number, and is kept for ttl from this one on; at a
// synthetic event for as long as its outcome at most.
func (a Attempts) With(attempt Attempt, most int, ttl time.Duration) Attempts {
	a.Failures++
	a.Latest = append(slices.Clone(a.Latest), attempt)
	if surplus := len(a.Latest) - min(most, MaxAttempts); surplus > 0 {
		a.Latest = a.Latest[surplus:]
	}
	a.ExpiresAt = attempt.At.Add(event.KeptFor(a.TenantID, ttl)).Truncate(time.Second)
	return a
}

// Of reports whether the attempts are at the acceptance of the id that an event is. Those at another say nothing about it.
func (a Attempts) Of(e event.Event) bool { return !e.Follows(a.EventExpiresAt) && !a.After(e) }

// After reports whether the attempts are at a later acceptance of the id than an event.
func (a Attempts) After(e event.Event) bool {
	return event.Event{AcceptedAt: a.AcceptedAt}.Follows(e.ExpiresAt)
}

// AttemptsKey is the key of the attempts at an event in a results table.
func AttemptsKey(tenantID, eventID string) string {
	return attemptsPrefix + event.Key(tenantID, eventID)
}

// Item is the attempts as they stand in the results table. The index ShardIndex has them, under keys that are no outcome's: whoever
// lists the outcomes of a tenant, in this version or the one before, does not come upon them.
func (a Attempts) Item() Item {
	list := make([]wireAttempt, len(a.Latest))
	for i, attempt := range a.Latest {
		list[i] = wireAttempt{
			event.FormatTime(attempt.At), attempt.ReceiveCount, attempt.Reason, printable.Bounded(attempt.ReasonText, MaxReasonText), attempt.RequestID,
		}
	}
	var encoded bytes.Buffer
	e := json.NewEncoder(&encoded)
	e.SetEscapeHTML(false) // it would make a text of markup six times as large
	if err := e.Encode(list); err != nil {
		panic(err) // texts and numbers
	}
	attributes := Item{
		event.AttrKey:         text(AttemptsKey(a.TenantID, a.EventID)),
		event.AttrTenantShard: text(attemptsPrefix + event.TenantShard(a.TenantID, a.EventID)),
		event.AttrID:          text(a.EventID),
		event.AttrAcceptedAt:  text(event.FormatTime(a.AcceptedAt)),
		attrFailures:          number(a.Failures),
		attrAttempts:          text(strings.TrimSuffix(encoded.String(), "\n")),
		AttrExpiresAt:         number(a.ExpiresAt.Unix()),
	}
	if !a.EventExpiresAt.IsZero() {
		attributes[AttrEventExpiresAt] = number(a.EventExpiresAt.Unix())
	}
	if event.ValidCorrelationID(a.CorrelationID) {
		attributes[event.AttrCorrelationID] = text(a.CorrelationID)
	}
	return attributes
}

// AttemptsFromItem is the inverse of Attempts.Item. Where there is no item, there were no attempts. It fails, naming the
// attributes, where one is missing or wrong.
func AttemptsFromItem(attributes Item) (Attempts, error) {
	if len(attributes) == 0 {
		return Attempts{}, nil
	}
	r := item.Read(attributes)
	key := r.String(event.AttrKey)
	a := Attempts{
		EventID:       r.Checked(event.AttrID, event.ValidID, event.IDPattern),
		AcceptedAt:    r.Time(event.AttrAcceptedAt, event.TimeLayout),
		CorrelationID: event.CorrelationIDOf(attributes),
		Failures:      r.Int(attrFailures, 1),
		ExpiresAt:     time.Unix(r.Int(AttrExpiresAt, 1), 0).UTC(),
	}
	if attributes[AttrEventExpiresAt] != nil {
		a.EventExpiresAt = time.Unix(r.Int(AttrEventExpiresAt, 1), 0).UTC()
	}
	encoded := r.JSON(attrAttempts)
	if err := r.Err(); err != nil {
		return Attempts{}, fmt.Errorf("attempts %q: %w", key, err)
	}
	var err error
	if a.TenantID, _, err = event.ParseKey(strings.TrimPrefix(key, attemptsPrefix)); err != nil || key != AttemptsKey(a.TenantID, a.EventID) {
		return Attempts{}, fmt.Errorf("attempts %q: want the key %s", key, AttemptsKey("TENANT", a.EventID))
	}
	var list []wireAttempt
	if err := json.Unmarshal(encoded, &list); err != nil {
		return Attempts{}, fmt.Errorf("attempts %q: attribute %s: %w", key, attrAttempts, err)
	}
	for _, w := range list {
		at, err := time.Parse(event.TimeLayout, w.At)
		if err != nil {
			return Attempts{}, fmt.Errorf("attempts %q: attribute %s: at is %q, want a time such as %s", key, attrAttempts, w.At, event.TimeLayout)
		}
		a.Latest = append(a.Latest, Attempt{at, w.ReceiveCount, w.Reason, w.ReasonText, w.RequestID})
	}
	return a, nil
}

// GetAttempts asks for the attempts at an event.
func GetAttempts(table, tenantID, eventID string) *dynamodb.GetItemInput {
	return &dynamodb.GetItemInput{TableName: aws.String(table), Key: itemKey(AttemptsKey(tenantID, eventID)), ConsistentRead: aws.Bool(true)}
}

// SetAttempts writes attempts in place of those that were read, unless somebody else has written some since; read is zero where
// there were none.
func SetAttempts(table string, read, attempts Attempts) types.TransactWriteItem {
	if read.Failures == 0 {
		return put(table, attempts.Item(), "attribute_not_exists(#key)", map[string]string{"#key": event.AttrKey}, nil)
	}
	return put(table, attempts.Item(), "#accepted = :accepted AND #failures = :failures",
		map[string]string{"#accepted": event.AttrAcceptedAt, "#failures": attrFailures},
		Item{":accepted": text(event.FormatTime(read.AcceptedAt)), ":failures": number(read.Failures)})
}

// AttemptsOfTenant asks for the keys of all attempts that a results table holds at events of a tenant: one query for each index key.
func AttemptsOfTenant(table, tenantID string) []*dynamodb.QueryInput {
	var queries []*dynamodb.QueryInput
	for _, shard := range event.TenantShards(tenantID) {
		queries = append(queries, byHash(table, ShardIndex, event.AttrTenantShard, attemptsPrefix+shard))
	}
	return queries
}
