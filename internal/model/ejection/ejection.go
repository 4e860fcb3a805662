// Package ejection is the letter that a producer sends to its cell's stream DLQ for a record that can never be
// published: what the letter says, and how it is written and read.
//
// The letter has the shape of the record that Lambda sends to a stream mapping's on-failure destination, so that whoever
// reads the queue finds both in the same fields. It differs in three points: its condition is Condition, it has no shard
// id, because the event that a function gets has none, and it has the key of the record's item and a reason besides.
// With the key the item is found in the data table when the stream, which keeps a record for 24 hours, has lost it. It
// never has the payload.
package ejection

import (
	"encoding/json"
	"fmt"
	"time"

	"cellular/internal/model/event"
	"cellular/internal/model/printable"
)

// Condition is a letter's requestContext.condition. Lambda's own are RetryAttemptsExhausted and RecordAgeExceeded.
const Condition = "EventNotPublishable"

// MaxReason bounds a letter's reason, in bytes.
const MaxReason = 512

// Letter is what is known of a record that can never be published.
type Letter struct {
	RequestID   string // of the invocation that ejected the record
	FunctionARN string
	EjectedAt   time.Time

	StreamARN      string
	SequenceNumber string    // of the record, in some shard of the stream
	ArrivedAt      time.Time // when the record came into the stream, approximately

	Key    string // of the record's item, TENANT#EVENT for an event; "" if the record has none
	Epoch  int64  // that the item has; 0 if it has none that is a number
	Reason string // why the record cannot be published
}

// wireLetter is a Letter in JSON. A reader ignores fields that it does not know, so that a later version can add some.
type wireLetter struct {
	RequestContext struct {
		RequestID   string `json:"requestId"`
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
	} `json:"requestContext"`
	Version   string    `json:"version"`
	Timestamp time.Time `json:"timestamp"`
	Batch     struct {
		StartSequence string    `json:"startSequenceNumber"`
		EndSequence   string    `json:"endSequenceNumber"`
		FirstArrival  time.Time `json:"approximateArrivalOfFirstRecord"`
		LastArrival   time.Time `json:"approximateArrivalOfLastRecord"`
		BatchSize     int       `json:"batchSize"`
		StreamARN     string    `json:"streamArn"`
	} `json:"DDBStreamBatchInfo"`
	Key    string `json:"key,omitempty"`
	Epoch  int64  `json:"epoch,omitempty"`
	Reason string `json:"reason"`
}

// wireVersion is the version of Lambda's document, and so the letter's.
const wireVersion = "1.0"

// Encode returns the letter as a message body that SQS takes, whatever the letter's texts contain. Of its reason it has one
// printable line, cut where that is too long.
func (l Letter) Encode() ([]byte, error) {
	w := wireLetter{Version: wireVersion, Timestamp: l.EjectedAt.UTC(), Key: l.Key, Epoch: l.Epoch, Reason: printable.Bounded(l.Reason, MaxReason)}
	w.RequestContext.RequestID, w.RequestContext.FunctionARN, w.RequestContext.Condition = l.RequestID, l.FunctionARN, Condition
	w.Batch.StartSequence, w.Batch.EndSequence = l.SequenceNumber, l.SequenceNumber
	w.Batch.FirstArrival, w.Batch.LastArrival = l.ArrivedAt.UTC(), l.ArrivedAt.UTC()
	w.Batch.BatchSize, w.Batch.StreamARN = 1, l.StreamARN
	body, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode the letter of record %s: %w", l.SequenceNumber, err)
	}
	return event.EscapeForSQS(body), nil
}

// Decode reads a letter. It returns false for any other text, such as what Lambda sends to the same queue.
func Decode(body string) (Letter, bool) {
	var w wireLetter
	if err := json.Unmarshal([]byte(body), &w); err != nil || w.RequestContext.Condition != Condition {
		return Letter{}, false
	}
	return Letter{
		RequestID: w.RequestContext.RequestID, FunctionARN: w.RequestContext.FunctionARN, EjectedAt: w.Timestamp,
		StreamARN: w.Batch.StreamARN, SequenceNumber: w.Batch.StartSequence, ArrivedAt: w.Batch.FirstArrival,
		Key: w.Key, Epoch: w.Epoch, Reason: w.Reason,
	}, true
}
