// Package stream polls a DynamoDB stream for one event source mapping, as Lambda does: shards in the order of their
// lineage, records in batches, filters, retries, bisecting, record age, and the on-failure destination.
//
// Records of one item stay in order, whatever the parallelization factor: a lane of a shard works on one batch at a
// time, and all records of an item go through the same lane.
package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"cellular/local/lambda/filter"
	"cellular/local/lambda/source"
)

// How the stream is polled. Lambda's base rate is four polls a second and shard; half a second when nothing happens
// keeps an idle emulator idle.
const (
	busyInterval     = 100 * time.Millisecond // between polls of a shard that has had records lately
	idleInterval     = 500 * time.Millisecond // between polls of a shard that has not
	busyFor          = 30 * time.Second       // what "lately" means
	discoverInterval = 10 * time.Second       // between looks for new shards
	readLimit        = 1000                   // records a poll, the API's maximum
)

// Delays after failures. AWS documents none for a function that fails.
var (
	retryBackoff = source.Backoff{Base: 200 * time.Millisecond, Max: 10 * time.Second} // the function failed
	waitBackoff  = source.Backoff{Base: 50 * time.Millisecond, Max: 2 * time.Second}   // throttled, or AWS answered with an error
)

// Client is the part of the DynamoDB Streams API that the poller needs.
type Client interface {
	DescribeStream(context.Context, *dynamodbstreams.DescribeStreamInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.DescribeStreamOutput, error)
	GetShardIterator(context.Context, *dynamodbstreams.GetShardIteratorInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetShardIteratorOutput, error)
	GetRecords(context.Context, *dynamodbstreams.GetRecordsInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetRecordsOutput, error)
}

// Destination takes the metadata of the batches that were given up.
type Destination interface {
	Send(ctx context.Context, document []byte) error
}

// Config is what a mapping says about its stream. All fields are used as they are: the caller validates.
type Config struct {
	StreamARN       string
	Region          string
	FunctionARN     string
	Latest          bool // start with what is written from now on, not with the oldest record there is
	BatchSize       int
	BatchWindow     time.Duration // how long the first record of a batch waits for others
	Filter          filter.Set
	ReportFailures  bool // the function answers with batchItemFailures
	BisectOnError   bool
	MaxRetries      int                 // -1 is no bound
	MaxRecordAge    time.Duration       // 0 is no bound
	Parallelization int                 // lanes a shard
	Destination     Destination         // nil: what is given up is only reported
	Report          func(error)         // told the result of each batch and poll that was not as it should be; nil after a good batch
	Age             func(time.Duration) // told the age of the last record of each batch that the function is invoked with; nil: nobody is
	Count           source.Counter      // told what became of records; nil: nobody is
}

// Poller polls one stream.
type Poller struct {
	client    Client
	invoker   source.Invoker
	positions *Positions
	config    Config
}

// New makes a poller that continues at the positions, and moves them on.
func New(client Client, invoker source.Invoker, positions *Positions, config Config) *Poller {
	return &Poller{client: client, invoker: invoker, positions: positions, config: config}
}

// Run polls until stop is closed, then lets the function finish the events that it works on, or until ctx is done. What
// was read and not handled is read again by the next poller with the same positions.
func (p *Poller) Run(ctx context.Context, stop <-chan struct{}) {
	var running sync.WaitGroup
	defer running.Wait()
	started := map[string]bool{}
	for failures := 0; ; {
		shards, err := p.discover(ctx)
		if err != nil {
			failures++
			p.config.Report(err)
			if !source.Sleep(ctx, stop, waitBackoff.Delay(failures)) {
				return
			}
			continue
		}
		failures = 0
		for _, s := range p.positions.startable(shards, p.config.Latest) {
			if id := aws.ToString(s.ShardId); !started[id] {
				started[id] = true
				running.Go(func() { newShard(p, id).run(ctx, stop) })
			}
		}
		if !source.Sleep(ctx, stop, discoverInterval) {
			return
		}
	}
}

func (p *Poller) discover(ctx context.Context) ([]types.Shard, error) {
	var shards []types.Shard
	input := &dynamodbstreams.DescribeStreamInput{StreamArn: &p.config.StreamARN}
	for {
		out, err := p.client.DescribeStream(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("describe stream %s: %w", p.config.StreamARN, err)
		}
		shards = append(shards, out.StreamDescription.Shards...)
		if input.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; input.ExclusiveStartShardId == nil {
			return shards, nil
		}
	}
}
