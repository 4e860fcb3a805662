package stream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"

	"cellular/local/lambda/source"
	"cellular/local/lambda/stream"
)

const streamARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"

// fakeStream is a stream in memory. The sequence number of a record is its place in the shard, from 100.
type fakeStream struct {
	mu     sync.Mutex
	shards []*fakeShard
	failed int // calls of GetRecords that are yet to fail
	polls  int
}

type fakeShard struct {
	id, parent string
	closed     bool
	records    []types.Record
}

func newFakeStream() *fakeStream { return &fakeStream{shards: []*fakeShard{{id: "shard-1"}}} }

// put appends an INSERT of each item to the last shard.
func (f *fakeStream) put(items ...string) {
	for _, item := range items {
		f.add(types.OperationTypeInsert, item, "")
	}
}

func (f *fakeStream) add(operation types.OperationType, item, filling string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.shards[len(f.shards)-1]
	s.records = append(s.records, types.Record{
		EventID:      aws.String("event-" + item),
		EventName:    operation,
		EventSource:  aws.String("aws:dynamodb"),
		EventVersion: aws.String("1.1"),
		AwsRegion:    aws.String("us-east-1"),
		Dynamodb: &types.StreamRecord{
			ApproximateCreationDateTime: aws.Time(time.Now()),
			Keys:                        map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: item}},
			NewImage:                    map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: item}, "filling": &types.AttributeValueMemberS{Value: filling}},
			SequenceNumber:              aws.String(strconv.Itoa(100 + len(s.records))),
			SizeBytes:                   aws.Int64(int64(len(filling))),
			StreamViewType:              types.StreamViewTypeNewAndOldImages,
		},
	})
}

func (f *fakeStream) split(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.shards[len(f.shards)-1]
	last.closed = true
	f.shards = append(f.shards, &fakeShard{id: id, parent: last.id})
}

func (f *fakeStream) DescribeStream(context.Context, *dynamodbstreams.DescribeStreamInput, ...func(*dynamodbstreams.Options)) (*dynamodbstreams.DescribeStreamOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &types.StreamDescription{}
	for _, s := range f.shards {
		d.Shards = append(d.Shards, types.Shard{ShardId: aws.String(s.id), ParentShardId: aws.String(s.parent)})
	}
	return &dynamodbstreams.DescribeStreamOutput{StreamDescription: d}, nil
}

func (f *fakeStream) GetShardIterator(_ context.Context, in *dynamodbstreams.GetShardIteratorInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetShardIteratorOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.shard(*in.ShardId)
	at := 0
	switch in.ShardIteratorType {
	case types.ShardIteratorTypeLatest:
		at = len(s.records)
	case types.ShardIteratorTypeAfterSequenceNumber:
		n, err := strconv.Atoi(*in.SequenceNumber)
		if err != nil {
			return nil, err
		}
		at = n - 100 + 1
	}
	return &dynamodbstreams.GetShardIteratorOutput{ShardIterator: aws.String(fmt.Sprintf("%s/%d", s.id, at))}, nil
}

func (f *fakeStream) GetRecords(_ context.Context, in *dynamodbstreams.GetRecordsInput, _ ...func(*dynamodbstreams.Options)) (*dynamodbstreams.GetRecordsOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls++
	if f.failed > 0 {
		f.failed--
		return nil, &types.ExpiredIteratorException{}
	}
	id, place, _ := strings.Cut(*in.ShardIterator, "/")
	at, err := strconv.Atoi(place)
	if err != nil {
		return nil, err
	}
	s := f.shard(id)
	end := min(at+int(*in.Limit), len(s.records))
	out := &dynamodbstreams.GetRecordsOutput{Records: s.records[at:end]}
	if !s.closed || end < len(s.records) {
		out.NextShardIterator = aws.String(fmt.Sprintf("%s/%d", id, end))
	}
	return out, nil
}

func (f *fakeStream) shard(id string) *fakeShard {
	for _, s := range f.shards {
		if s.id == id {
			return s
		}
	}
	panic("no shard " + id)
}

// call is one invocation that a function got.
type call struct {
	at    time.Duration // since the start of the test
	event events.DynamoDBEvent
	items []string
}

// function is a function that the test scripts; it records its calls. All of its state is guarded by mu.
type function struct {
	t      *testing.T
	start  time.Time
	handle func(c call) (source.Invocation, error) // nil: success

	mu    sync.Mutex
	calls []call
}

func (f *function) Invoke(_ context.Context, payload []byte) (source.Invocation, error) {
	c := call{at: time.Since(f.start)}
	require.NoError(f.t, json.Unmarshal(payload, &c.event))
	for _, r := range c.event.Records {
		c.items = append(c.items, r.Change.Keys["id"].String())
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	if f.handle == nil {
		return source.Invocation{RequestID: "request"}, nil
	}
	return f.handle(c)
}

func (f *function) items() [][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var items [][]string
	for _, c := range f.calls {
		items = append(items, c.items)
	}
	return items
}

func crash() (source.Invocation, error) {
	return source.Invocation{RequestID: "request", FunctionError: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)}, nil
}

// report answers with batchItemFailures for those of the call's records whose item is listed.
func report(c call, items ...string) (source.Invocation, error) {
	var response events.DynamoDBEventResponse
	for _, r := range c.event.Records {
		for _, item := range items {
			if r.Change.Keys["id"].String() == item {
				response.BatchItemFailures = append(response.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
			}
		}
	}
	payload, err := json.Marshal(response)
	return source.Invocation{RequestID: "request", Payload: payload}, err
}

type destination struct {
	mu       sync.Mutex
	failing  int // deliveries that are yet to fail
	messages []map[string]any
}

func (d *destination) Send(_ context.Context, document []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing > 0 {
		d.failing--
		return fmt.Errorf("queue is gone")
	}
	var message map[string]any
	if err := json.Unmarshal(document, &message); err != nil {
		return err
	}
	d.messages = append(d.messages, message)
	return nil
}

// batches returns, per message, the condition and the first and last sequence number.
func (d *destination) batches() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var batches []string
	for _, m := range d.messages {
		info := m["DDBStreamBatchInfo"].(map[string]any)
		batches = append(batches, fmt.Sprint(m["requestContext"].(map[string]any)["condition"], " ", info["startSequenceNumber"], "-", info["endSequenceNumber"]))
	}
	return batches
}

// bench is a mapping between a fake stream and a scripted function, in a bubble with a fake clock.
type bench struct {
	*fakeStream
	*function
	*destination
	config    stream.Config
	positions stream.Positions
	problems  []error
	reportMu  sync.Mutex
}

// inBubble runs the test with a fake clock. The mapping has the settings of a cell's producer, but for
// its retries, of which a test sees enough in five, unless the test changes them.
func inBubble(t *testing.T, test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{fakeStream: newFakeStream(), function: &function{t: t, start: time.Now()}, destination: &destination{}}
		b.config = stream.Config{
			StreamARN:       streamARN,
			Region:          "us-east-1",
			FunctionARN:     "arn:aws:lambda:us-east-1:123456789012:function:producer",
			BatchSize:       100,
			ReportFailures:  true,
			BisectOnError:   true,
			MaxRetries:      5,
			MaxRecordAge:    6 * time.Hour,
			Parallelization: 1,
			Destination:     b.destination,
			Report: func(err error) {
				b.reportMu.Lock()
				defer b.reportMu.Unlock()
				b.problems = append(b.problems, err)
			},
		}
		test(t, b)
	})
}

// run starts a poller; the returned function stops it and waits for its end. The end of the test does so too.
func (b *bench) run() (stop func()) {
	stopping, done := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	p := stream.New(b.fakeStream, b.function, &b.positions, b.config)
	go func() {
		defer close(done)
		p.Run(ctx, stopping)
	}()
	stop = sync.OnceFunc(func() {
		close(stopping)
		<-done
		cancel()
	})
	b.function.t.Cleanup(stop)
	return stop
}

// runFor runs a poller for a time.
func (b *bench) runFor(d time.Duration) {
	stop := b.run()
	time.Sleep(d)
	stop()
}
