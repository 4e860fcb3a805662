package deadletter

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/tenantdata"
)

// Letter is one message of a DLQ.
type Letter struct {
	Kind      Kind
	MessageID string
	TenantID  string // "" where it is not known, or not one
	EventID   string // "" where it is not known, or not one
	Type      string
	Events    []string // the keys of its events: one, or those of a stream's batch
	Epoch     int64    // of its event, the highest of a batch's, as far as the letter says; 0 where it does not
	// AcceptedAt and ExpiresAt are of its one event, as far as the letter says; zero where it does not. The event's data expires then,
	// unless a redrive has extended its life.
	AcceptedAt, ExpiresAt time.Time

	Reason string // why it is here, in the words of whatever put it here; or "unknown"
	// ReasonText is what the failure said of which Reason is the class; "" where nothing is known. Where whatever put the letter here
	// gave no class, Reason has all of it.
	ReasonText string
	FirstSeen  time.Time // when it was sent first: SQS keeps the time when it moves a message to a DLQ; what a function ejects is sent to it
	Receives   int       // each listing adds one
	Body       string
	Note       string // what an operator should know before acting on it

	Attributes map[string]string

	message    types.Message
	carried    *event.Event           // the event, where the message has all of it
	accepted   map[string]event.Event // the times of the acceptances that it is about, by the events' keys, as far as it tells
	batch      bool                   // of the stream, and its events are those of a range of records
	unresolved bool                   // the body does not tell its events
	applied    bool                   // the cell's ledger has its one event as processed
}

// unknown is the reason of a letter that nothing explains.
const unknown = "unknown"

// read makes letters of messages.
func (d *Letters) read(ctx context.Context, cell manifest.Cell, kind Kind, messages []types.Message) ([]Letter, error) {
	letters := make([]Letter, 0, len(messages))
	var keys []string
	for _, m := range messages {
		l := newLetter(kind, m)
		if kind == Stream {
			if err := d.readStreamLetter(ctx, cell.ID, &l); err != nil {
				return nil, err
			}
		} else {
			l.readEvent()
		}
		if !l.batch && l.TenantID != "" {
			keys = append(keys, l.Events...)
		}
		letters = append(letters, l)
	}
	return letters, d.explain(ctx, cell, letters, keys)
}

func newLetter(kind Kind, m types.Message) Letter {
	l := Letter{
		Kind: kind, MessageID: aws.ToString(m.MessageId), Reason: unknown, Body: aws.ToString(m.Body), message: m,
		Attributes: map[string]string{},
	}
	if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		l.FirstSeen = time.UnixMilli(ms).UTC()
	}
	l.Receives, _ = strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	for name, v := range m.MessageAttributes {
		if v.StringValue != nil {
			l.Attributes[name] = *v.StringValue
		}
	}
	return l
}

// readEvent reads the event of a letter whose body is a message to the consumer, as far as it can be read: a broken
// body may still have its event's ids beside it.
func (l *Letter) readEvent() {
	l.Reason = l.deliveryError()
	m, err := event.DecodeMessage([]byte(unwrap(l.Body)))
	if err != nil {
		l.unresolved = true
		l.Note = "not a message that this version reads: a redrive sends it as it is"
		tenantID, eventID := l.Attributes[event.MessageAttrTenantID], l.Attributes[event.MessageAttrID]
		if event.ValidTenantID(tenantID) && event.ValidID(eventID) {
			l.name(event.Key(tenantID, eventID))
		}
		return
	}
	l.name(m.Key())
	l.Type, l.Epoch, l.AcceptedAt, l.ExpiresAt = m.Type, m.Epoch, m.AcceptedAt, m.ExpiresAt
	l.accepted = map[string]event.Event{m.Key(): m.Event}
	if !m.PayloadRef {
		l.carried = &m.Event
	}
}

// wanted is one of the letter's events as it is to be sent, or dropped.
func (l *Letter) wanted(key string) resend.Wanted {
	return resend.Wanted{Key: key, Carried: l.carried, Accepted: l.accepted[key]}
}

// group is the message group that a letter is sent with as it is: its own or, if it has none, its tenant's; nil for neither.
func (l *Letter) group() *string {
	group := l.message.Attributes[string(types.MessageSystemAttributeNameMessageGroupId)]
	if group == "" && l.TenantID != "" {
		group = event.MessageGroup(l.TenantID)
	}
	if group == "" {
		return nil
	}
	return &group
}

// unwrap takes a message out of SNS's envelope, in which it is delivered to a subscription that is not, or was not once,
// set to raw delivery.
func unwrap(body string) string {
	var envelope struct{ Type, Message string }
	if err := json.Unmarshal([]byte(body), &envelope); err == nil && envelope.Type == "Notification" {
		return envelope.Message
	}
	return body
}

// name sets the one event of a letter.
func (l *Letter) name(key string) {
	l.Events = []string{key}
	l.TenantID, l.EventID, _ = event.ParseKey(key)
}

// deliveryError is what the sender of an undeliverable message says in its attributes. SNS documents none; these are
// what AWS's services that document them use.
func (l *Letter) deliveryError() string {
	for _, names := range [][2]string{{"ErrorCode", "ErrorMessage"}, {"ERROR_CODE", "ERROR_MESSAGE"}} {
		code, text := l.Attributes[names[0]], l.Attributes[names[1]]
		switch {
		case code != "" && text != "":
			return code + ": " + text
		case code+text != "":
			return code + text
		}
	}
	return unknown
}

// explain gives letters of single events what is to be said of these: by the cell's ledger, and of those that may have expired by
// what a redrive would do.
func (d *Letters) explain(ctx context.Context, cell manifest.Cell, letters []Letter, keys []string) error {
	entries, err := tenantdata.Outcomes(ctx, d.Home.Tables, cell, distinct(keys), d.Home.Now())
	if err != nil {
		return err
	}
	for i := range letters {
		l := &letters[i]
		if l.batch || len(l.Events) != 1 {
			continue
		}
		key := l.Events[0]
		l.explain(ledger.Peek(entries[key]))
		if l.applied || l.TenantID == "" || !(event.Event{AcceptedAt: d.Home.Now()}).Follows(l.ExpiresAt) {
			continue
		}
		assessed, err := d.Home.Assess(ctx, cell, l.TenantID, []resend.Wanted{l.wanted(key)})
		if err != nil {
			return fmt.Errorf("look for event %q: %w", key, err)
		}
		if v := assessed[key].Verdict; v == resend.Expired || v == resend.Superseded {
			l.Note = v.Explain()
		}
	}
	return nil
}

// explain gives a letter of one event what an outcome under the event's key says of it.
func (l *Letter) explain(outcome ledger.Outcome) {
	of := event.Event{AcceptedAt: l.AcceptedAt, ExpiresAt: l.ExpiresAt}
	if outcome.Before(of) || outcome.After(of) {
		return
	}
	if l.Kind == Consumer && outcome.Status == ledger.Failed && outcome.Reason != "" {
		l.Reason, l.ReasonText = outcome.Reason, outcome.ReasonText
	}
	switch {
	case outcome.Status == ledger.Processed:
		l.applied = true
		l.Note = "applied since: a redrive only deletes it"
	case outcome.Status == ledger.Failed && outcome.Reason == ledger.ReasonConflict:
		l.Note = resend.Conflict.Explain()
	case outcome.Status == ledger.Failed && outcome.Reason == ledger.ReasonDropped:
		l.Note = resend.Dropped.Explain()
	}
}

func distinct(keys []string) []string {
	seen := map[string]bool{}
	var list []string
	for _, key := range keys {
		if !seen[key] {
			seen[key] = true
			list = append(list, key)
		}
	}
	return list
}

// streamDocument is what Lambda sends to the on-failure destination of a DynamoDB stream.
type streamDocument struct {
	RequestContext struct {
		Condition string `json:"condition"`
	} `json:"requestContext"`
	Batch streamBatch `json:"DDBStreamBatchInfo"`
}

type streamBatch struct {
	ShardID       string    `json:"shardId"`
	StartSequence string    `json:"startSequenceNumber"`
	EndSequence   string    `json:"endSequenceNumber"`
	FirstArrival  time.Time `json:"approximateArrivalOfFirstRecord"`
	LastArrival   time.Time `json:"approximateArrivalOfLastRecord"`
	BatchSize     int       `json:"batchSize"`
	StreamARN     string    `json:"streamArn"`
}

func (l *Letter) parseStream() (streamBatch, bool) {
	var doc streamDocument
	if err := json.Unmarshal([]byte(l.Body), &doc); err != nil {
		return streamBatch{}, false
	}
	if doc.RequestContext.Condition != "" {
		l.Reason = doc.RequestContext.Condition
	}
	b := doc.Batch
	_, startOK := sequence(b.StartSequence)
	_, endOK := sequence(b.EndSequence)
	return b, startOK && endOK && b.ShardID != "" && b.StreamARN != ""
}
