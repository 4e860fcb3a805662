package deadletter

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"cellular/internal/model/ejection"
	"cellular/internal/model/event"
)

const (
	// maxStreamReads bounds the reads of one batch. A batch has 10,000 records at most (Lambda's limit) and a read brings
	// 1000, but a read of a stream may bring fewer, or none, and the range has records of other batches too.
	maxStreamReads = 100

	// arrivalMargin is by how much the window of a batch is widened: Lambda's arrival times are approximate, and the router
	// takes its time of acceptance before it writes.
	arrivalMargin = time.Minute
)

// readStreamLetter finds the events that a letter of the stream DLQ is about.
func (d *Letters) readStreamLetter(ctx context.Context, cellID string, l *Letter) error {
	if ejected, ok := ejection.Decode(l.Body); ok {
		l.readEjection(ejected)
		return nil
	}
	return d.readBatch(ctx, cellID, l)
}

// readEjection reads a letter that the producer sent. It has the key of its event, which is looked up in the tables: the
// stream is not needed.
func (l *Letter) readEjection(from ejection.Letter) {
	l.Reason, l.Epoch = from.Reason, from.Epoch
	if from.Key == "" {
		l.unresolved = true
		l.Note = "the record had no key, so that its item cannot be found: redrive keeps it"
		return
	}
	l.name(from.Key)
}

// readBatch reads a letter that Lambda sent: its events are those of the records in its range. Where the stream no longer
// has these, the letter's note says how to find them otherwise.
func (d *Letters) readBatch(ctx context.Context, cellID string, l *Letter) error {
	l.batch = true
	batch, ok := l.parseStream()
	if !ok {
		l.unresolved = true
		l.Note = "neither a letter of the producer's nor one of Lambda's: redrive keeps it"
		return nil
	}
	records, err := d.records(ctx, batch)
	_, trimmed := errors.AsType[*types.TrimmedDataAccessException](err)
	_, missing := errors.AsType[*types.ResourceNotFoundException](err)
	switch {
	case trimmed || missing:
		l.unresolved = true
		l.Note = fmt.Sprintf("the stream no longer has these %d records: 'cellctl replay --cell %s --since %s' finds their events, then drop this message",
			batch.BatchSize, cellID, batch.FirstArrival.Add(-arrivalMargin).UTC().Format(time.RFC3339))
		return nil
	case err != nil:
		return fmt.Errorf("read the records of message %s: %w", l.MessageID, err)
	}
	l.accepted = map[string]event.Event{}
	for _, r := range records {
		if key := eventOf(r); key != "" {
			l.Events = append(l.Events, key)
			l.Epoch = max(l.Epoch, epochOf(r))
			l.accepted[key] = acceptedIn(r)
		}
	}
	l.Events = distinct(l.Events)
	if len(l.Events) == 1 {
		l.name(l.Events[0])
		of := l.accepted[l.Events[0]]
		l.AcceptedAt, l.ExpiresAt = of.AcceptedAt, of.ExpiresAt
	} else {
		l.TenantID = oneTenant(l.Events)
	}
	return nil
}

// eventOf is the key of the event that the producer should have published for a record, or "" if there is none.
func eventOf(r types.Record) string {
	if r.EventName != types.OperationTypeInsert || r.Dynamodb == nil {
		return ""
	}
	if _, clone := r.Dynamodb.NewImage[event.AttrClonedFrom]; clone {
		return ""
	}
	if key, ok := r.Dynamodb.Keys[event.AttrKey].(*types.AttributeValueMemberS); ok {
		return key.Value
	}
	return ""
}

// epochOf is the epoch under which a record's event was accepted, or 0.
func epochOf(r types.Record) int64 {
	if n, ok := r.Dynamodb.NewImage[event.AttrEpoch].(*types.AttributeValueMemberN); ok {
		if epoch, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			return epoch
		}
	}
	return 0
}

// acceptedIn has the times of the acceptance that a record is of, as far as it tells.
func acceptedIn(r types.Record) (e event.Event) {
	if at, ok := r.Dynamodb.NewImage[event.AttrAcceptedAt].(*types.AttributeValueMemberS); ok {
		if accepted, err := time.Parse(event.TimeLayout, at.Value); err == nil {
			e.AcceptedAt = accepted
		}
	}
	if n, ok := r.Dynamodb.NewImage[event.AttrExpiresAt].(*types.AttributeValueMemberN); ok {
		if seconds, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			e.ExpiresAt = time.Unix(seconds, 0).UTC()
		}
	}
	return e
}

// records reads a batch's range of its shard. That can be more than the batch: a shard whose batches are handled in
// parallel, by key, has records of others in between. Theirs are events like any other, and mostly applied by now.
func (d *Letters) records(ctx context.Context, b streamBatch) ([]types.Record, error) {
	end, _ := sequence(b.EndSequence)
	at, err := d.Streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &b.StreamARN, ShardId: &b.ShardID,
		ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, SequenceNumber: &b.StartSequence,
	})
	if err != nil {
		return nil, err
	}
	var records []types.Record
	iterator := at.ShardIterator
	for range maxStreamReads {
		if iterator == nil {
			return records, nil // the shard is closed, and read to its end
		}
		out, err := d.Streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: iterator})
		if err != nil {
			return nil, err
		}
		for _, r := range out.Records {
			if r.Dynamodb == nil {
				continue
			}
			n, ok := sequence(aws.ToString(r.Dynamodb.SequenceNumber))
			if !ok {
				return nil, fmt.Errorf("sequence number %q is not a number", aws.ToString(r.Dynamodb.SequenceNumber))
			}
			past := n.Cmp(end)
			if past <= 0 {
				records = append(records, r)
			}
			if past >= 0 {
				return records, nil
			}
		}
		iterator = out.NextShardIterator
	}
	return nil, fmt.Errorf("shard %s has not come to sequence number %s in %d reads", b.ShardID, b.EndSequence, maxStreamReads)
}

// sequence reads a sequence number, which has up to 40 digits.
func sequence(s string) (*big.Int, bool) { return new(big.Int).SetString(s, 10) }
