// Package cellstatus reads what a cell has at hand: how much waits in its queues, how old the oldest of it is, and when
// it last applied an event. It reads only; none of it is exact while events flow.
package cellstatus

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/manifest"
)

// DynamoDB is the part of the client that is needed.
type DynamoDB interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// SQS is the part of the client that is needed.
type SQS interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// CloudWatch is the part of the client that is needed.
type CloudWatch interface {
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// Status is what one cell has at hand.
type Status struct {
	Queue           Depth
	StreamDLQ       Depth
	SubscriptionDLQ Depth
	ConsumerDLQ     Depth
	Waiting         Waiting
	AppliedAt       time.Time // when the cell last applied an event, within some seconds; zero for never
}

// Reader reads cells.
type Reader struct {
	dynamo DynamoDB
	sqs    SQS
}

// NewReader returns a reader that uses the clients.
func NewReader(dynamo DynamoDB, queues SQS) *Reader { return &Reader{dynamo: dynamo, sqs: queues} }

// maxParallel bounds how many cells are read at a time. One cell takes six requests.
const maxParallel = 8

// Read reads one cell. It ends with the first error.
func (r *Reader) Read(ctx context.Context, cell manifest.Cell) (Status, error) {
	var s Status
	group, ctx := errgroup.WithContext(ctx)
	r.queues(ctx, group, cell, &s)
	group.Go(func() (err error) {
		s.Waiting, err = readWaiting(ctx, r.dynamo, cell.ResultsTable)
		return err
	})
	group.Go(func() (err error) {
		s.AppliedAt, err = readApplied(ctx, r.dynamo, cell.ResultsTable)
		return err
	})
	return s, group.Wait()
}

// Queues reads the depths of one cell's queues. Nothing else of the status is read.
func (r *Reader) Queues(ctx context.Context, cell manifest.Cell) (Status, error) {
	var s Status
	group, ctx := errgroup.WithContext(ctx)
	r.queues(ctx, group, cell, &s)
	return s, group.Wait()
}

func (r *Reader) queues(ctx context.Context, group *errgroup.Group, cell manifest.Cell, into *Status) {
	for _, q := range []struct {
		url  string
		into *Depth
	}{
		{cell.QueueURL, &into.Queue}, {cell.StreamDLQURL, &into.StreamDLQ},
		{cell.SubscriptionDLQURL, &into.SubscriptionDLQ}, {cell.ConsumerDLQURL, &into.ConsumerDLQ},
	} {
		group.Go(func() (err error) {
			*q.into, err = readDepth(ctx, r.sqs, q.url)
			return err
		})
	}
}

// Result is a cell's status, or why it could not be read.
type Result struct {
	Status Status
	Err    error
}

// ReadAll reads every cell, some at a time, and returns the results in the cells' order. A cell that cannot be read
// keeps none of the others from being read. It tells progress, one call at a time, how many it has read.
func (r *Reader) ReadAll(ctx context.Context, cells []manifest.Cell, progress func(done int)) []Result {
	results := make([]Result, len(cells))
	var group errgroup.Group
	group.SetLimit(maxParallel)
	var mu sync.Mutex
	done := 0
	for i, cell := range cells {
		group.Go(func() error {
			results[i].Status, results[i].Err = r.Read(ctx, cell)
			mu.Lock()
			defer mu.Unlock()
			done++
			progress(done)
			return nil
		})
	}
	_ = group.Wait() // no function of the group has an error: each stands in its result
	return results
}
