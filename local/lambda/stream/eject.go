package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"cellular/local/lambda/source"
)

// Why records were given up, in Lambda's words.
const (
	retryAttemptsExhausted = "RetryAttemptsExhausted"
	recordAgeExceeded      = "RecordAgeExceeded"
)

// sendAttempts bounds the attempts to tell the on-failure destination. As on AWS, what cannot be delivered is dropped:
// a destination that is gone must not stop the shard.
const sendAttempts = 5

// ejected is the document that the on-failure destination of a stream gets. It holds no record: these are still in the
// stream, for a day, and in the table.
type ejected struct {
	RequestContext  requestContext   `json:"requestContext"`
	ResponseContext *responseContext `json:"responseContext,omitempty"` // absent if the function never got the records
	Version         string           `json:"version"`
	Timestamp       time.Time        `json:"timestamp"`
	Batch           batchInfo        `json:"DDBStreamBatchInfo"`
}

type requestContext struct {
	RequestID     string `json:"requestId"`
	FunctionARN   string `json:"functionArn"`
	Condition     string `json:"condition"`
	ApproxInvokes int    `json:"approximateInvokeCount"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"` // absent if the function reported the failure itself
}

type batchInfo struct {
	ShardID       string    `json:"shardId"`
	StartSequence string    `json:"startSequenceNumber"`
	EndSequence   string    `json:"endSequenceNumber"`
	FirstArrival  time.Time `json:"approximateArrivalOfFirstRecord"`
	LastArrival   time.Time `json:"approximateArrivalOfLastRecord"`
	BatchSize     int       `json:"batchSize"`
	StreamARN     string    `json:"streamArn"`
}

// eject gives up the records of a piece: it tells the destination, and the checkpoint moves on. It returns false if it
// was aborted before the destination knew.
func (l *lane) eject(ctx context.Context, p piece, condition string) bool {
	outcome, became := "the mapping has no on-failure destination", source.Dropped
	if l.config.Destination != nil {
		outcome, became = "the on-failure destination has the metadata", source.Delivered
		err := l.tell(ctx, p, condition)
		if ctx.Err() != nil {
			return false
		}
		if err != nil {
			outcome, became = fmt.Sprintf("the on-failure destination did not take the metadata: %v", err), source.Dropped
		}
	}
	l.config.Count.Add(became, len(p.records))
	first, last := p.records[0], p.records[len(p.records)-1]
	l.config.Report(fmt.Errorf("gave up %d records, %s to %s of shard %s (%s): %s", len(p.records), first.sequence, last.sequence, l.id, condition, outcome))
	for _, r := range p.records {
		l.position.done(r.sequence)
	}
	return true
}

func (l *lane) tell(ctx context.Context, p piece, condition string) error {
	document, err := json.Marshal(l.ejected(p, condition))
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		if err = l.config.Destination.Send(ctx, document); err == nil || attempt == sendAttempts {
			return err
		}
		if !source.Sleep(ctx, nil, retryBackoff.Delay(attempt)) {
			return err
		}
	}
}

func (l *lane) ejected(p piece, condition string) ejected {
	first, last := p.records[0], p.records[len(p.records)-1]
	e := ejected{
		RequestContext: requestContext{
			RequestID:     p.last.RequestID,
			FunctionARN:   l.config.FunctionARN,
			Condition:     condition,
			ApproxInvokes: p.invokes,
		},
		Version:   "1.0",
		Timestamp: time.Now().UTC().Truncate(time.Millisecond),
		Batch: batchInfo{
			ShardID:       l.id,
			StartSequence: first.sequence,
			EndSequence:   last.sequence,
			FirstArrival:  first.created.UTC(),
			LastArrival:   last.created.UTC(),
			BatchSize:     len(p.records),
			StreamARN:     l.config.StreamARN,
		},
	}
	if p.invokes > 0 {
		e.ResponseContext = &responseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: p.last.FunctionError}
	} else {
		e.RequestContext.RequestID = uuid.NewString()
	}
	return e
}
