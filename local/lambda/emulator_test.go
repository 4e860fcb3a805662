package lambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cellular/local/emulator"
	"cellular/local/lambda"
	"cellular/local/process"
)

// shared is the emulator of all tests that need one.
var shared struct {
	once     sync.Once
	group    *process.Group
	emulator *emulator.Emulator
	err      error
}

func startEmulator(t *testing.T) *emulator.Emulator {
	t.Helper()
	shared.once.Do(func() {
		if shared.group, shared.err = process.NewGroup(); shared.err == nil {
			shared.emulator, shared.err = emulator.Start(context.Background(), emulator.Options{Dir: filepath.Join("..", "..", ".local"), Group: shared.group})
		}
	})
	require.NoError(t, shared.err)
	return shared.emulator
}

func stopEmulator() {
	if shared.emulator != nil {
		shared.emulator.Stop()
	}
	if shared.group != nil {
		_ = shared.group.Close()
	}
}

// cloud is a bench with an emulator.
type cloud struct {
	*bench
	aws aws.Config
	db  *dynamodb.Client
	sqs *sqs.Client
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	return newCloudOf(t, func(*lambda.Options) {})
}

func newCloudOf(t *testing.T, with func(*lambda.Options)) *cloud {
	t.Helper()
	config := startEmulator(t).AWS("us-east-1")
	return &cloud{
		bench: newBench(t, func(o *lambda.Options) {
			o.AWS = config
			with(o)
		}),
		aws: config,
		db:  dynamodb.NewFromConfig(config),
		sqs: sqs.NewFromConfig(config),
	}
}

type table struct{ name, stream string }

func (c *cloud) table(t *testing.T) table {
	t.Helper()
	name := "table-" + uuid.NewString()
	out, err := c.db.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            &name,
		BillingMode:          dynamodbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamodbtypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: dynamodbtypes.ScalarAttributeTypeS}},
		KeySchema:            []dynamodbtypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: dynamodbtypes.KeyTypeHash}},
		StreamSpecification:  &dynamodbtypes.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: dynamodbtypes.StreamViewTypeNewAndOldImages},
	})
	require.NoError(t, err)
	return table{name, *out.TableDescription.LatestStreamArn}
}

func (c *cloud) put(t *testing.T, table table, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, err := c.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table.name, Item: map[string]dynamodbtypes.AttributeValue{
			"id": &dynamodbtypes.AttributeValueMemberS{Value: id}, "n": &dynamodbtypes.AttributeValueMemberN{Value: "1"},
		}})
		require.NoError(t, err)
	}
}

type queue struct{ url, arn string }

func (c *cloud) queue(t *testing.T, attributes map[string]string) queue {
	t.Helper()
	name := "queue-" + uuid.NewString()
	out, err := c.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	require.NoError(t, err)
	return queue{*out.QueueUrl, "arn:aws:sqs:us-east-1:123456789012:" + name}
}

func (c *cloud) send(t *testing.T, q queue, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		_, err := c.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &q.url, MessageBody: &body})
		require.NoError(t, err)
	}
}

// receive waits for one message of a queue.
func (c *cloud) receive(t *testing.T, q queue) string {
	t.Helper()
	var body string
	require.Eventually(t, func() bool {
		out, err := c.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &q.url})
		if err != nil || len(out.Messages) == 0 {
			return false
		}
		body = *out.Messages[0].Body
		return true
	}, 30*time.Second, 100*time.Millisecond, "a message arrives in %s", q.arn)
	return body
}

func (c *cloud) left(t *testing.T, q queue) string {
	t.Helper()
	out, err := c.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	require.NoError(t, err)
	return out.Attributes["ApproximateNumberOfMessages"] + "+" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

func streamMapping(function string, table table) lambda.MappingConfig {
	return lambda.MappingConfig{
		FunctionName: function, EventSourceARN: table.stream, Enabled: true, StartingPosition: lambda.TrimHorizon,
		ReportBatchItemFailures: true, BisectOnError: true, MaxRetries: 1, Filters: []string{`{"eventName":["INSERT"]}`},
	}
}

func queueMapping(function string, q queue) lambda.MappingConfig {
	return lambda.MappingConfig{FunctionName: function, EventSourceARN: q.arn, Enabled: true, ReportBatchItemFailures: true, MaxConcurrency: 2}
}

// logged fails with the whole log of a function if the log does not have the line that often.
func (c *cloud) logged(t *testing.T, times int, function, start string) {
	t.Helper()
	require.Equal(t, times, c.logs.count(function, start), "%q in the log:\n%s", start, strings.Join(c.logs.of(function), ""))
}

func (c *cloud) connect(t *testing.T, m lambda.MappingConfig) lambda.Mapping {
	t.Helper()
	mapping, err := c.CreateMapping(t.Context(), m)
	require.NoError(t, err)
	return mapping
}

func TestMappingTakesAStreamThroughARealFunction(t *testing.T) {
	c := newCloud(t)
	c.create(t, config("producer"))
	source, failed := c.table(t), c.queue(t, nil)
	c.put(t, source, "before")
	m := streamMapping("producer", source)
	m.OnFailureARN = failed.arn
	c.connect(t, m)
	eventually(t, func() bool { return c.logs.count("producer", "applied before ") == 1 }, "TRIM_HORIZON starts with what is there")

	c.put(t, source, "good-1", "poison", "good-2", "good-3")
	c.put(t, source, "good-1") // a MODIFY, which the filter drops
	var ejected struct {
		RequestContext     struct{ Condition string }
		DDBStreamBatchInfo struct {
			BatchSize           int
			StartSequenceNumber string
			StreamArn           string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(c.receive(t, failed)), &ejected))
	require.Equal(t, "RetryAttemptsExhausted", ejected.RequestContext.Condition)
	require.Equal(t, 1, ejected.DDBStreamBatchInfo.BatchSize)
	require.Equal(t, source.stream, ejected.DDBStreamBatchInfo.StreamArn)
	require.NotEmpty(t, ejected.DDBStreamBatchInfo.StartSequenceNumber)
	for _, id := range []string{"good-1", "good-2", "good-3"} {
		eventually(t, func() bool { return c.logs.count("producer", "applied "+id+" ") == 1 }, "%s is applied", id)
	}
	c.put(t, source, "after")
	eventually(t, func() bool { return c.logs.count("producer", "applied after ") == 1 }, "the shard moves on")
	c.logged(t, 1, "producer", "applied good-1 ")
}

func TestMappingTakesAQueueThroughARealFunction(t *testing.T) {
	c := newCloud(t)
	f := config("consumer")
	f.Timeout = time.Second
	c.create(t, f)
	dlq := c.queue(t, nil)
	q := c.queue(t, map[string]string{
		"VisibilityTimeout": "3", // longer than a first invocation takes on a machine under load
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"2"}`, dlq.arn),
	})
	mapping := c.connect(t, queueMapping("consumer", q))
	c.send(t, q, "good-1", "poison", "good-2")
	require.Equal(t, "poison", c.receive(t, dlq))
	c.logged(t, 2, "consumer", "failed poison")
	c.logged(t, 1, "consumer", "applied good-1 1")
	c.logged(t, 1, "consumer", "applied good-2 1")
	eventually(t, func() bool { return c.left(t, q) == "0+0" }, "the queue is empty")

	require.NoError(t, c.DeleteMapping(t.Context(), mapping.UUID))
	c.send(t, q, "late")
	require.Equal(t, "late", c.receive(t, q), "nobody takes it")
	c.logged(t, 0, "consumer", "applied late")
}

func TestMappingIsQuick(t *testing.T) {
	c := newCloud(t)
	c.create(t, config("producer"))
	c.create(t, config("consumer"))
	source, q := c.table(t), c.queue(t, nil)
	c.connect(t, streamMapping("producer", source))
	c.connect(t, queueMapping("consumer", q))
	c.put(t, source, "warm")
	c.send(t, q, "warm")
	for _, f := range []string{"producer", "consumer"} {
		eventually(t, func() bool { return c.logs.count(f, "applied warm ") == 1 }, "%s is warm", f)
	}
	start := time.Now()
	c.put(t, source, "item")
	eventually(t, func() bool { return c.logs.count("producer", "applied item ") == 1 }, "the stream is read")
	t.Logf("from write to stream function: %s", time.Since(start))
	require.Less(t, time.Since(start), 5*time.Second)
	start = time.Now()
	c.send(t, q, "item")
	eventually(t, func() bool { return c.logs.count("consumer", "applied item ") == 1 }, "the queue is read")
	t.Logf("from send to queue function: %s", time.Since(start))
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestMappingThatIsSlowDelaysNoOther(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{"slow", "quick"} {
		f := config(name)
		f.Timeout = 20 * time.Second
		f.ReservedConcurrency = 1
		c.create(t, f)
	}
	slow, quick := c.table(t), c.table(t)
	c.connect(t, streamMapping("slow", slow))
	c.connect(t, streamMapping("quick", quick))
	c.put(t, slow, "slow-1")
	c.put(t, quick, "item-1")
	eventually(t, func() bool { return c.logs.count("quick", "applied item-1 ") == 1 }, "the quick one works")
	c.put(t, quick, "item-2")
	eventually(t, func() bool { return c.logs.count("quick", "applied item-2 ") == 1 }, "the quick one goes on")
	c.logged(t, 0, "slow", "applied")
}

func TestMappingIsUpdatedAndGoesOnWhereItWas(t *testing.T) {
	c := newCloud(t)
	c.create(t, config("producer"))
	source := c.table(t)
	m := streamMapping("producer", source)
	mapping := c.connect(t, m)
	require.Equal(t, "Enabled", mapping.State)
	require.Equal(t, 100, mapping.Config.BatchSize)
	require.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:producer", mapping.FunctionARN)
	require.Equal(t, "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:"+mapping.UUID, mapping.ARN)
	require.Equal(t, "No records processed", mapping.LastProcessingResult)
	c.put(t, source, "one")
	eventually(t, func() bool { return c.logs.count("producer", "applied one ") == 1 }, "it works")
	eventually(t, func() bool {
		mapping, err := c.GetMapping(t.Context(), mapping.UUID)
		return err == nil && mapping.LastProcessingResult == "OK"
	}, "it says so")

	m.Enabled = false
	mapping, err := c.UpdateMapping(t.Context(), mapping.UUID, m)
	require.NoError(t, err)
	require.Equal(t, "Disabled", mapping.State)
	c.put(t, source, "two")

	m.Enabled, m.BatchSize = true, 7
	mapping, err = c.UpdateMapping(t.Context(), mapping.UUID, m)
	require.NoError(t, err)
	require.Equal(t, "Enabled", mapping.State)
	require.Equal(t, 7, mapping.Config.BatchSize)
	eventually(t, func() bool { return c.logs.count("producer", "applied two ") == 1 }, "what was written meanwhile is handled")
	c.logged(t, 1, "producer", "applied one ")

	require.NoError(t, c.DeleteMapping(t.Context(), mapping.UUID))
	_, err = c.GetMapping(t.Context(), mapping.UUID)
	require.ErrorIs(t, err, lambda.ErrNotFound)
	require.ErrorIs(t, c.DeleteMapping(t.Context(), mapping.UUID), lambda.ErrNotFound)
}

func TestMappingDeletionWaitsForTheFunction(t *testing.T) {
	c := newCloud(t)
	f := config("consumer")
	f.Timeout = 20 * time.Second
	c.create(t, f)
	q := c.queue(t, nil)
	mapping := c.connect(t, queueMapping("consumer", q))
	c.send(t, q, "slow")
	eventually(t, func() bool { return c.left(t, q) == "0+1" }, "the function has the message")
	require.NoError(t, c.DeleteMapping(t.Context(), mapping.UUID))
	c.logged(t, 1, "consumer", "applied slow 1")
	require.Equal(t, "0+0", c.left(t, q))
}

func TestMappingOfTheSameFunctionAndSourceIsAConflict(t *testing.T) {
	c := newCloud(t)
	c.create(t, config("producer"))
	c.create(t, config("other"))
	source := c.table(t)
	first := c.connect(t, streamMapping("producer", source))
	_, err := c.CreateMapping(t.Context(), streamMapping("producer", source))
	require.ErrorIs(t, err, lambda.ErrConflict)
	require.ErrorContains(t, err, "mapping "+first.UUID+" already exists")
	c.connect(t, streamMapping("other", source))
	require.NoError(t, c.DeleteMapping(t.Context(), first.UUID))
	c.connect(t, streamMapping("producer", source))
}

func TestMappingTellsATopicWhatItGaveUp(t *testing.T) {
	c := newCloud(t)
	c.create(t, config("producer"))
	source, failed := c.table(t), c.queue(t, nil)
	client := sns.NewFromConfig(c.aws)
	topic, err := client.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("topic-" + uuid.NewString())})
	require.NoError(t, err)
	_, err = client.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: &failed.arn, Attributes: map[string]string{"RawMessageDelivery": "true"},
	})
	require.NoError(t, err)
	m := streamMapping("producer", source)
	m.OnFailureARN, m.MaxRetries = *topic.TopicArn, 0
	c.connect(t, m)
	c.put(t, source, "poison")
	require.Contains(t, c.receive(t, failed), `"condition":"RetryAttemptsExhausted"`)
	eventually(t, func() bool {
		return strings.Contains(strings.Join(c.logs.of("producer"), ""), "gave up 1 records")
	}, "the log says that a record was given up")
}

func TestMappingThatAWSRefusesIsRefusedAsAWhole(t *testing.T) {
	c := newCloud(t)
	c.create(t, config("worker"))
	source, q := c.table(t), c.queue(t, map[string]string{"VisibilityTimeout": "2"})

	for name, m := range map[string]struct {
		config lambda.MappingConfig
		want   []string
	}{
		"stream": {
			lambda.MappingConfig{FunctionName: "worker", EventSourceARN: source.stream, BatchSize: 20_000, BatchWindow: time.Hour, MaxRetries: -2,
				MaxRecordAge: time.Second, Parallelization: 11, OnFailureARN: "dlq", MaxConcurrency: 5, Filters: []string{`{"a":[{"like":"b"}]}`}},
			[]string{"starting position is", "batch size is 20000", "batch window is 1h0m0s", "retry attempts are -2", "record age is 1s", "factor is 11", `destination is "dlq"`, "maximum concurrency is for queues", `the operator [like]`},
		},
		"queue": {
			lambda.MappingConfig{FunctionName: "worker", EventSourceARN: q.arn, BatchSize: 20, StartingPosition: "LATEST", MaxConcurrency: 1, Filters: []string{`{"a":["b"]}`}},
			[]string{"batch size is 20, which needs a batch window", "are for streams", "concurrency is 1, want 2 to 1000", "filters on queues"},
		},
		"table":          {lambda.MappingConfig{FunctionName: "worker", EventSourceARN: strings.Split(source.stream, "/stream/")[0]}, []string{"want the ARN of its stream"}},
		"bucket":         {lambda.MappingConfig{FunctionName: "worker", EventSourceARN: "arn:aws:s3:::bucket"}, []string{"want the ARN of a DynamoDB stream or an SQS queue"}},
		"no function":    {streamMapping("nobody", source), []string{"get function nobody: function not found"}},
		"no queue":       {queueMapping("worker", queue{arn: "arn:aws:sqs:us-east-1:123456789012:nothing"}), []string{"find queue arn:aws:sqs:us-east-1:123456789012:nothing"}},
		"no stream":      {streamMapping("worker", table{stream: "arn:aws:dynamodb:us-east-1:123456789012:table/nothing/stream/now"}), []string{"describe stream"}},
		"short timeouts": {queueMapping("worker", q), []string{"queue visibility timeout: 2s is less than function timeout: 5s"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.CreateMapping(t.Context(), m.config)
			for _, want := range m.want {
				require.ErrorContains(t, err, want)
			}
			require.ErrorContains(t, err, "create event source mapping of "+m.config.EventSourceARN)
		})
	}

	created := c.connect(t, streamMapping("worker", source))
	changed := streamMapping("worker", source)
	changed.StartingPosition = lambda.Latest
	_, err := c.UpdateMapping(t.Context(), created.UUID, changed)
	require.ErrorContains(t, err, "the starting position cannot change")
	_, err = c.UpdateMapping(t.Context(), created.UUID, streamMapping("worker", c.table(t)))
	require.ErrorContains(t, err, "the event source cannot change")
}
