// Package deadletter reads, redrives and drops what is in the three dead letter queues of a cell:
//
//   - consumer: messages that the consumer could not apply;
//   - subscription: messages that the topic could not deliver to the queue;
//   - stream: metadata of records that were not published. A record that never can be is ejected by the producer itself,
//     with the key of its item (package ejection). One that was retried too often, or has become too old, is given up by
//     Lambda: it is found again in the stream, for a day. The events are read from the data table.
//
// A DLQ is read by receiving: what is looked at is hidden from others meanwhile, and released at the end, also of a run
// that is interrupted. A run that is killed releases nothing; its messages come back after the visibility timeout.
package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/resend"
)

// SQS is the part of the client that is needed.
type SQS interface {
	resend.Queue
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
	ChangeMessageVisibilityBatch(context.Context, *sqs.ChangeMessageVisibilityBatchInput, ...func(*sqs.Options)) (*sqs.ChangeMessageVisibilityBatchOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Streams is the part of DynamoDB Streams that is needed.
type Streams interface {
	GetShardIterator(context.Context, *dynamodbstreams.GetShardIteratorInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetShardIteratorOutput, error)
	GetRecords(context.Context, *dynamodbstreams.GetRecordsInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetRecordsOutput, error)
}

// Letters works on the DLQs of cells. All of it is required, except where it says otherwise.
type Letters struct {
	SQS     SQS
	Streams Streams
	Home    *resend.Home

	// Residences finds the letters of tenants that were removed, together with Places. Each that is met is deleted, and
	// passed to OnRemoved. Residences may be nil, for deleting none, and so may OnRemoved.
	Residences Residences
	Places     Places
	OnRemoved  func(manifest.Cell, Letter)
}

// Kind is one of a cell's DLQs.
type Kind string

// The kinds of DLQ, in the order in which an event can get into them.
const (
	Stream       Kind = "stream"
	Subscription Kind = "subscription"
	Consumer     Kind = "consumer"
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Stream, Subscription, Consumer} }

// ParseKind reads the name of a kind.
func ParseKind(s string) (Kind, error) {
	if k := Kind(s); slices.Contains(Kinds(), k) {
		return k, nil
	}
	return "", fmt.Errorf("%q is no kind of dead letter queue: want stream, subscription or consumer", s)
}

func (k Kind) queueURL(cell manifest.Cell) string {
	switch k {
	case Stream:
		return cell.StreamDLQURL
	case Subscription:
		return cell.SubscriptionDLQURL
	}
	return cell.ConsumerDLQURL
}

// Filter says which letters are meant. Every condition that is set must be met.
type Filter struct {
	Tenant     string   // only letters all of whose events are this tenant's; "" for any
	Event      string   // only letters that are about the event with this key, if among others; "" for any
	MessageIDs []string // only these; none for any
}

// Everything reports whether a filter lets every letter pass.
func (f Filter) Everything() bool { return f.Tenant == "" && f.Event == "" && len(f.MessageIDs) == 0 }

func (f Filter) matches(l Letter) bool {
	return (f.Tenant == "" || f.Tenant == l.TenantID) &&
		(f.Event == "" || slices.Contains(l.Events, f.Event)) &&
		(len(f.MessageIDs) == 0 || slices.Contains(f.MessageIDs, l.MessageID))
}

// Counts says how many messages each DLQ of a cell has, those included that are hidden because somebody is looking at
// them. SQS counts approximately, and may be a minute behind.
func (d *Letters) Counts(ctx context.Context, cell manifest.Cell) (map[Kind]int, error) {
	counts := map[Kind]int{}
	for _, kind := range Kinds() {
		n, err := d.count(ctx, kind.queueURL(cell), types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
		if err != nil {
			return nil, fmt.Errorf("%s DLQ of cell %s: %w", kind, cell.ID, err)
		}
		counts[kind] = n
	}
	return counts, nil
}

func (d *Letters) count(ctx context.Context, queueURL string, names ...types.QueueAttributeName) (int, error) {
	out, err := d.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("count the messages: %w", err)
	}
	sum := 0
	var errs []error
	for _, name := range names {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			errs = append(errs, fmt.Errorf("count the messages: %s is %q", name, out.Attributes[string(name)]))
		}
		sum += n
	}
	return sum, errors.Join(errs...)
}

// List returns up to limit letters of the given DLQs that match, each message once, in the order of kinds; limit 0 means
// no limit. It reads what was there when it began, give or take what SQS does not count or hand out at once, and hides
// what it reads from others until it returns.
func (d *Letters) List(ctx context.Context, cell manifest.Cell, kinds []Kind, f Filter, limit int) ([]Letter, error) {
	of := map[Kind][]Letter{}
	err := d.each(ctx, cell, kinds, func(kind Kind, letters []Letter) error {
		for _, l := range letters {
			if f.matches(l) {
				of[kind] = append(of[kind], l)
			}
			if limit > 0 && len(of[kind]) == limit {
				return errEnough
			}
		}
		return nil
	})
	var list []Letter
	for _, kind := range kinds {
		list = append(list, of[kind]...)
	}
	if limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list, err
}

// Events returns the keys of the events that the letters in all of a cell's DLQs are about, as far as these tell, and when the
// data of the latest acceptance of each expires; the zero time where that is not known, or never.
func (d *Letters) Events(ctx context.Context, cell manifest.Cell) (map[string]time.Time, error) {
	keys := map[string]time.Time{}
	err := d.each(ctx, cell, Kinds(), func(_ Kind, letters []Letter) error {
		for _, l := range letters {
			for _, key := range l.Events {
				expires := l.accepted[key].ExpiresAt
				if known, ok := keys[key]; !ok || expires.IsZero() || !known.IsZero() && known.Before(expires) {
					keys[key] = expires
				}
			}
		}
		return nil
	})
	return keys, err
}

// errEnough ends a reading early.
var errEnough = errors.New("enough")

// each reads the given DLQs at the same time: that one has no more to give takes a long poll to know. Their batches are
// handled one at a time.
func (d *Letters) each(ctx context.Context, cell manifest.Cell, kinds []Kind, look func(Kind, []Letter) error) error {
	turn := make(chan struct{}, 1)
	errs := make([]error, len(kinds))
	var reading sync.WaitGroup
	for i, kind := range kinds {
		reading.Go(func() {
			err := d.visit(ctx, kind.queueURL(cell), func(batch []types.Message) ([]types.Message, error) {
				turn <- struct{}{}
				defer func() { <-turn }()
				letters, removed, err := d.readLiving(ctx, cell, kind, batch)
				if err != nil {
					return nil, err
				}
				return removed, look(kind, letters)
			})
			if err != nil && !errors.Is(err, errEnough) {
				errs[i] = fmt.Errorf("list the %s DLQ of cell %s: %w", kind, cell.ID, err)
			}
		})
	}
	reading.Wait()
	return errors.Join(errs...)
}

// oneTenant returns the tenant that all keys belong to, or "".
func oneTenant(keys []string) string {
	tenant := ""
	for i, key := range keys {
		of, _, _ := event.ParseKey(key)
		if i > 0 && of != tenant {
			return ""
		}
		tenant = of
	}
	return tenant
}
