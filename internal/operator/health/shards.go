package health

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/limits"
)

// Streams is the part of the client of DynamoDB's streams that is needed.
type Streams interface {
	DescribeStream(context.Context, *dynamodbstreams.DescribeStreamInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.DescribeStreamOutput, error)
}

// maxStreams bounds how many cells' streams are looked at: the service answers ten such requests a second, from the API
// reference of DescribeStream.
const maxStreams = 20

// openShards is how many open shards the stream of each cell has, by cell: each is read by a producer of its own. A cell
// whose stream was not looked at, or cannot be read, is counted with as many as a new table has, or with the most that
// another one has.
func (d Doctor) openShards(ctx context.Context, p published) map[string]int {
	var mu sync.Mutex
	seen, most := map[string]int{}, limits.NewShards
	var group errgroup.Group
	group.SetLimit(maxParallel)
	for _, c := range p.cells[:min(len(p.cells), maxStreams)] {
		group.Go(func() error {
			n, err := d.shardsOf(ctx, c.DataTable)
			if err == nil && n > 0 {
				mu.Lock()
				defer mu.Unlock()
				seen[c.ID], most = n, max(most, n)
			}
			return nil
		})
	}
	_ = group.Wait() // what cannot be read is counted as said above
	for _, c := range p.cells {
		if seen[c.ID] == 0 {
			seen[c.ID] = most
		}
	}
	return seen
}

func (d Doctor) shardsOf(ctx context.Context, table string) (open int, err error) {
	described, err := d.DynamoDB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil || described.Table.LatestStreamArn == nil {
		return 0, err
	}
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: described.Table.LatestStreamArn}
	for {
		out, err := d.Streams.DescribeStream(ctx, in)
		if err != nil {
			return 0, err
		}
		for _, shard := range out.StreamDescription.Shards {
			if r := shard.SequenceNumberRange; r == nil || r.EndingSequenceNumber == nil {
				open++
			}
		}
		if out.StreamDescription.LastEvaluatedShardId == nil {
			return open, nil
		}
		in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId
	}
}
