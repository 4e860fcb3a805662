package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/functions/consumer/counters"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/naming"
)

// observer looks into cells through the AWS APIs, as an operator could.
type observer struct {
	tables *dynamodb.Client
	queues *sqs.Client
	stack  naming.Stack
}

func newObserver(cfg aws.Config, stack naming.Stack) *observer {
	return &observer{tables: dynamodb.NewFromConfig(cfg), queues: sqs.NewFromConfig(cfg), stack: stack}
}

// cellState is what a cell holds.
type cellState struct {
	Tenants   map[string]bool           // tenants with at least one item in the data table
	Accepted  map[string]time.Time      // event key -> when it was accepted
	Processed map[string]time.Time      // event key -> when it was applied
	Failed    map[string]string         // event key -> reason class
	Epochs    map[string]int64          // event key -> epoch under which it was applied
	Counters  map[string]map[string]int // tenant -> event type -> count: what the business logic did
	Fences    map[string]ledger.Fence
	MovedIn   int            // items of the data table that came with a tenant from another cell
	DLQ       map[string]int // queue name -> messages
	Waiting   int            // messages in the queue, visible or in flight
}

func emptyState() *cellState {
	return &cellState{
		Tenants: map[string]bool{}, Accepted: map[string]time.Time{}, Processed: map[string]time.Time{},
		Failed: map[string]string{}, Epochs: map[string]int64{}, Counters: map[string]map[string]int{},
		Fences: map[string]ledger.Fence{}, DLQ: map[string]int{},
	}
}

// cell reads one cell. It scans: the sample is a few hundred items.
func (o *observer) cell(ctx context.Context, id string) (*cellState, error) {
	names := o.stack.Cell(id)
	s := emptyState()
	accepted := &dynamodb.ScanInput{TableName: aws.String(names.DataTable()),
		ProjectionExpression: aws.String(strings.Join([]string{event.AttrKey, event.AttrTenantShard, event.AttrAcceptedAt, event.AttrClonedFrom}, ", "))}
	err := o.scan(ctx, accepted, func(attributes map[string]types.AttributeValue) error {
		r := item.Read(attributes)
		tenant := event.TenantOfShard(r.String(event.AttrTenantShard))
		if event.SyntheticTenant(tenant) {
			return r.Err() // the standing probe's
		}
		s.Accepted[r.String(event.AttrKey)] = r.Time(event.AttrAcceptedAt, event.TimeLayout)
		s.Tenants[tenant] = true
		if r.OptionalString(event.AttrClonedFrom) != "" {
			s.MovedIn++
		}
		return r.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read data table of cell %s: %w", id, err)
	}
	if err := o.scan(ctx, &dynamodb.ScanInput{TableName: aws.String(names.ResultsTable())}, s.addResult); err != nil {
		return nil, fmt.Errorf("read results table of cell %s: %w", id, err)
	}
	for _, queue := range []string{names.StreamDLQ(), names.SubscriptionDLQ(), names.ConsumerDLQ()} {
		if s.DLQ[queue], err = o.depth(ctx, queue); err != nil {
			return nil, err
		}
	}
	s.Waiting, err = o.depth(ctx, names.Queue())
	return s, err
}

func (s *cellState) addResult(attributes map[string]types.AttributeValue) error {
	r := item.Read(attributes)
	key := r.String(event.AttrKey)
	if event.SyntheticTenant(key) {
		return r.Err() // an outcome of the standing probe's
	}
	if tenant, ok := counters.TenantOf(key); ok {
		sum := counters.Counts{ByType: s.Counters[tenant]}
		if err := sum.Add(attributes); err != nil {
			return err
		}
		s.Counters[tenant] = sum.ByType
		return nil
	}
	if ledger.IsFence(key) {
		fence, err := ledger.FenceFromItem(attributes)
		s.Fences[fence.TenantID] = fence
		return err
	}
	switch outcome := ledger.Peek(attributes); outcome.Status { // none: state of the business logic
	case ledger.Processed:
		if _, err := ledger.Decode(attributes); err != nil {
			return err
		}
		s.Processed[key], s.Epochs[key] = outcome.AppliedAt, r.Int(event.AttrEpoch, 1)
	case ledger.Failed:
		s.Failed[key] = outcome.Reason
	}
	return r.Err()
}

func (o *observer) scan(ctx context.Context, in *dynamodb.ScanInput, visit func(map[string]types.AttributeValue) error) error {
	in.ConsistentRead = aws.Bool(true)
	pages := dynamodb.NewScanPaginator(o.tables, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, attributes := range page.Items {
			if err := visit(attributes); err != nil {
				return fmt.Errorf("item %s: %w", item.Read(attributes).OptionalString(event.AttrKey), err)
			}
		}
	}
	return nil
}

// depth is the number of messages in a queue, visible, delayed or in flight.
func (o *observer) depth(ctx context.Context, queue string) (int, error) {
	url, err := o.queues.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
	if err != nil {
		return 0, fmt.Errorf("find queue %s: %w", queue, err)
	}
	out, err := o.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl,
		AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		return 0, fmt.Errorf("read depth of queue %s: %w", queue, err)
	}
	total := 0
	for _, name := range []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible, sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed} {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("read depth of queue %s: %s is %q", queue, name, out.Attributes[string(name)])
		}
		total += n
	}
	return total, nil
}
