package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Message is an event as the producer publishes it and the consumer receives it.
type Message struct {
	Event
	// PayloadRef says that the payload did not travel: it stays in the cell's data table, under the event's key,
	// and Payload is empty.
	PayloadRef bool
}

// The names of a message's SNS attributes. They repeat the event's ids outside the body, so that a subscription
// can filter on them, and so that a message whose body is broken can still be told by its event.
const (
	MessageAttrTenantID = AttrTenantID
	MessageAttrID       = AttrID
)

// MessageGroup is the message group (MessageGroupId) of a tenant's messages: the tenant. Every message that carries an event
// has it, on whatever way it comes to a queue. Groups make a standard queue a fair one: while one has a backlog, the
// messages of all others are delivered first. They put nothing in order. A standard topic passes the group on, and SQS
// keeps it when it moves a message to a dead letter queue. A message without one, of a version before, counts as a group of
// its own. Any tenant id may be a group's: 128 letters, digits and punctuation, from the API reference of SendMessage.
func MessageGroup(tenantID string) string { return tenantID }

// MessageAttrCopyOf is the attribute of a message that a consumer has put into its queue in place of another one: the id of
// the first of them.
const MessageAttrCopyOf = "copy_of"

// MessageAttrSentAgain is the attribute of a message that an operator or a move has sent, and no producer: SentAgain. Its event
// was accepted an hour or days ago, which says nothing about how fast the cell applies events.
const (
	MessageAttrSentAgain = "sent_again"
	SentAgain            = "true"
)

// messageVersion is the version of the message format, its field "v". A reader refuses any other: the version
// changes only when a message can no longer be read by the consumers of the version before. A field that they may do
// without is added under the same version: readers ignore fields that they do not know.
const messageVersion = 1

type wireMessage struct {
	Version    int             `json:"v"`
	TenantID   string          `json:"tenant_id"`
	ID         string          `json:"event_id"`
	Type       string          `json:"type"`
	Epoch      int64           `json:"epoch"`
	AcceptedAt string          `json:"accepted_at"`
	ExpiresAt  string          `json:"expires_at,omitempty"`
	Payload    json.RawMessage `json:"payload,omitempty"`
	PayloadRef bool            `json:"payload_ref,omitempty"`

	CorrelationID string `json:"correlation_id,omitempty"`
}

// Encode gives the message's body. It fails on an event that DecodeMessage would refuse, so that a broken one
// stops at its producer. White space between the payload's tokens is lost, nothing else is.
func (m Message) Encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it would make a payload with markup up to six times as large
	wire := wireMessage{
		Version:    messageVersion,
		TenantID:   m.TenantID,
		ID:         m.ID,
		Type:       m.Type,
		Epoch:      m.Epoch,
		AcceptedAt: FormatTime(m.AcceptedAt),
		Payload:    m.Payload,
		PayloadRef: m.PayloadRef,

		CorrelationID: correlationIDFrom(m.CorrelationID),
	}
	if !m.ExpiresAt.IsZero() {
		wire.ExpiresAt = FormatTime(m.ExpiresAt)
	}
	if err := e.Encode(wire); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return EscapeForSQS(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// MaxMessageBytes is what SNS and SQS take in one message, body and attributes together (256 KiB).
const MaxMessageBytes = 256 << 10

// attributeType is the type that a message's attributes have, which counts for its size.
const attributeType = "String"

// EncodeMessage gives the body of an event's message. The payload travels in it if it has at most inlineBytes and fits a
// message; otherwise the message says that it stays in the data table.
func EncodeMessage(e Event, inlineBytes int) ([]byte, error) {
	if len(e.Payload) <= inlineBytes {
		body, err := Message{Event: e}.Encode()
		if err != nil || MessageBytes(e, body) <= MaxMessageBytes {
			return body, err
		}
	}
	e.Payload = nil
	return Message{Event: e, PayloadRef: true}.Encode()
}

// MessageBytes is the size of an event's message with this body: the body, and the names, types and values of its attributes,
// those included that it may be given when it is sent once more. A message that fits does so for good.
func MessageBytes(e Event, body []byte) int {
	return len(body) + len(MessageAttrTenantID) + len(e.TenantID) + len(MessageAttrID) + len(e.ID) +
		len(MessageAttrSentAgain) + len(SentAgain) + len(MessageAttrCopyOf) + messageIDBytes + 4*len(attributeType)
}

// messageIDBytes is the length of the id that SQS gives to a message, a UUID.
const messageIDBytes = 36

// EscapeForSQS escapes the two characters that JSON allows in a string and SQS replaces by U+FFFD (SendMessage
// names the characters that a body may have: #x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD, #x10000 to #x10FFFF).
func EscapeForSQS(body []byte) []byte {
	body = bytes.ReplaceAll(body, []byte("\uFFFE"), []byte(`\ufffe`))
	return bytes.ReplaceAll(body, []byte("\uFFFF"), []byte(`\uffff`))
}

// DecodeMessage reads a message's body. It ignores fields that it does not know, which a later version may write. A
// missing, null or invalid field is an error that names the field and never quotes the payload.
func DecodeMessage(body []byte) (Message, error) {
	m, err := decodeMessage(body)
	if err != nil {
		return Message{}, fmt.Errorf("decode message: %w", err)
	}
	return m, nil
}

func decodeMessage(body []byte) (Message, error) {
	var fields messageFields
	if err := json.Unmarshal(body, &fields); err != nil {
		return Message{}, fmt.Errorf("not a JSON object: %w", err)
	}
	// The version comes first: of a version that is not known, nothing else can be said.
	var version int
	if err := fields.take("v", &version); err != nil {
		return Message{}, err
	}
	if version != messageVersion {
		return Message{}, fmt.Errorf("field v: version %d, want %d", version, messageVersion)
	}

	var m Message
	var acceptedAt, expiresAt string
	err := errors.Join(
		fields.take("tenant_id", &m.TenantID),
		fields.take("event_id", &m.ID),
		fields.take("type", &m.Type),
		fields.take("epoch", &m.Epoch),
		fields.take("accepted_at", &acceptedAt),
	)
	if err != nil {
		return Message{}, err
	}
	if m.AcceptedAt, err = time.Parse(TimeLayout, acceptedAt); err != nil {
		return Message{}, fmt.Errorf("field accepted_at: %q, want the form %s", acceptedAt, TimeLayout)
	}
	if _, ok := fields["expires_at"]; ok {
		if err := fields.take("expires_at", &expiresAt); err != nil {
			return Message{}, err
		}
		if m.ExpiresAt, err = time.Parse(TimeLayout, expiresAt); err != nil {
			return Message{}, fmt.Errorf("field expires_at: %q, want the form %s", expiresAt, TimeLayout)
		}
	}
	if _, ok := fields["payload_ref"]; ok {
		if err := fields.take("payload_ref", &m.PayloadRef); err != nil {
			return Message{}, err
		}
	}
	m.Payload = fields["payload"] // any JSON value, null included
	m.CorrelationID = fields.correlationID()
	return m, m.check()
}

// messageFields are the fields of a message by their names.
type messageFields map[string]json.RawMessage

func (f messageFields) take(name string, into any) error {
	raw, ok := f[name]
	if !ok || string(raw) == "null" {
		return fmt.Errorf("field %s: missing", name)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("field %s: %w", name, err)
	}
	return nil
}

// correlationID is the message's correlation id, or "" where it has none that is valid.
func (f messageFields) correlationID() string {
	var id string
	if json.Unmarshal(f["correlation_id"], &id) != nil {
		return ""
	}
	return correlationIDFrom(id)
}

func (m Message) check() error {
	switch {
	case !ValidTenantID(m.TenantID):
		return fmt.Errorf("field tenant_id: %q does not match %s", m.TenantID, TenantIDPattern)
	case !ValidID(m.ID):
		return fmt.Errorf("field event_id: %q does not match %s", m.ID, IDPattern)
	case !ValidType(m.Type):
		return fmt.Errorf("field type: %q does not match %s", m.Type, TypePattern)
	case m.Epoch < 1:
		return fmt.Errorf("field epoch: %d, want at least 1", m.Epoch)
	case m.PayloadRef && m.Payload != nil:
		return errors.New("field payload: present together with payload_ref, want one of them")
	case !m.PayloadRef && m.Payload == nil:
		return errors.New("field payload: missing, and no payload_ref")
	case !m.PayloadRef && !(utf8.Valid(m.Payload) && json.Valid(m.Payload)):
		return errors.New("field payload: not JSON in UTF-8")
	}
	return nil
}
