package provider

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	awslambda "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"cellular/local/lambda"
)

// Mappings are the event source mappings of the Lambda room.
type Mappings interface {
	CreateMapping(context.Context, lambda.MappingConfig) (lambda.Mapping, error)
	UpdateMapping(ctx context.Context, id string, config lambda.MappingConfig) (lambda.Mapping, error)
	GetMapping(ctx context.Context, id string) (lambda.Mapping, error)
	DeleteMapping(ctx context.Context, id string) error
}

// The settings that only one kind of event source takes.
var (
	streamOnly = []string{
		"startingPosition", "maximumRetryAttempts", "maximumRecordAgeInSeconds", "parallelizationFactor", "bisectBatchOnFunctionError", "destinationConfig",
	}
	queueOnly = []string{"scalingConfig"}
)

// Lambda's defaults for the size of a batch.
const (
	defaultStreamBatch = 100
	defaultQueueBatch  = 10
)

// Limits: API reference, CreateEventSourceMapping.
var mappingKind = &kind{
	token: "aws:lambda/eventSourceMapping:EventSourceMapping",
	args:  elementOf(awslambda.EventSourceMappingArgs{}),
	state: reflect.TypeFor[awslambda.EventSourceMapping](),
	rules: map[string]rule{
		"functionName":                               functionRef,
		"eventSourceArn":                             arnOf("dynamodb", "sqs"),
		"enabled":                                    nil,
		"batchSize":                                  between(1, 10_000),
		"maximumBatchingWindowInSeconds":             between(0, 300),
		"startingPosition":                           oneOf("TRIM_HORIZON", "LATEST"),
		"maximumRetryAttempts":                       between(-1, 10_000),
		"maximumRecordAgeInSeconds":                  recordAge,
		"parallelizationFactor":                      between(1, 10),
		"bisectBatchOnFunctionError":                 nil,
		"functionResponseTypes":                      length(0, 1),
		"functionResponseTypes[]":                    oneOf("ReportBatchItemFailures"),
		"filterCriteria.filters":                     length(0, 5),
		"filterCriteria.filters[].pattern":           jsonObject,
		"scalingConfig.maximumConcurrency":           between(2, 1_000),
		"destinationConfig.onFailure.destinationArn": arnOf("sqs", "sns"),
		"metricsConfig.metrics":                      length(0, 1),
		"metricsConfig.metrics[]":                    oneOf("EventCount"),
		"tags":                                       tagMap,
	},
	required:  []string{"eventSourceArn"},
	defaults:  values{"enabled": true},
	verify:    verifyMapping,
	replaceOn: []string{"eventSourceArn", "startingPosition", "functionName"}, // AWS can change the function in place, the room cannot
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		if err := c.sourceFits(ctx, r.in); err != nil {
			return "", nil, err
		}
		m, err := c.lambda.CreateMapping(ctx, mappingConfig(r))
		if err != nil {
			return "", nil, err
		}
		return m.UUID, describedMapping(m), nil
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		m, err := c.lambda.GetMapping(ctx, r.id)
		if err != nil {
			return nil, absent(err)
		}
		return readMapping(m), nil
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		if err := c.sourceFits(ctx, r.in); err != nil {
			return nil, err
		}
		m, err := c.lambda.UpdateMapping(ctx, r.id, mappingConfig(r))
		if err != nil {
			return nil, err
		}
		return describedMapping(m), nil
	},
	remove: func(ctx context.Context, c *clients, r request) error {
		return absent(c.lambda.DeleteMapping(ctx, r.id))
	},
}

// recordAge is -1 (for ever) or 60 s to a week.
func recordAge(v resource.PropertyValue) error {
	if v.NumberValue() == -1 {
		return nil
	}
	return between(60, 604_800)(v)
}

// verifyMapping refuses settings of the other kind of event source, and the combinations that Lambda refuses.
func verifyMapping(in props) []problem {
	source := in.str("eventSourceArn")
	if source == "" {
		return nil // not known yet
	}
	var problems []problem
	refuse := func(keys []string, kind string) {
		for _, key := range keys {
			if in.has(key) {
				problems = append(problems, problem{key, "is only for mappings of a " + kind})
			}
		}
	}
	if isQueue(source) {
		refuse(streamOnly, "stream")
		if in.num("batchSize") > defaultQueueBatch && in.num("maximumBatchingWindowInSeconds") < 1 {
			problems = append(problems, problem{"batchSize", fmt.Sprintf("is %d, allowed for a queue without a batching window: 1 to %d", in.num("batchSize"), defaultQueueBatch)})
		}
		return problems
	}
	refuse(queueOnly, "queue")
	if !strings.Contains(source, "/stream/") {
		problems = append(problems, problem{"eventSourceArn", fmt.Sprintf("is %q, which is not the ARN of a table's stream", source)})
	}
	if !in.has("startingPosition") {
		problems = append(problems, problem{"startingPosition", "is required for a stream"})
	}
	return problems
}

func isQueue(sourceARN string) bool {
	a, err := arn.Parse(sourceARN)
	return err == nil && a.Service == "sqs"
}

// sourceFits refuses what Lambda would: a function, source or destination that does not exist, and a queue whose messages
// become visible again while the function still works on them.
func (c *clients) sourceFits(ctx context.Context, in props) error {
	f, err := c.lambda.GetFunction(ctx, functionName(in.str("functionName")))
	if err != nil {
		return absent(err)
	}
	source := in.str("eventSourceArn")
	if !isQueue(source) {
		if err := c.streamIsOpen(ctx, source); err != nil {
			return err
		}
		destination := in.object("destinationConfig").object("onFailure").str("destinationArn")
		if isQueue(destination) {
			if err := c.queueExists(ctx, destination); err != nil {
				return fmt.Errorf("on-failure destination %s: %w", destination, err)
			}
		}
		return nil
	}
	url, err := c.queueURL(ctx, source)
	if err != nil {
		return fmt.Errorf("event source %s: %w", source, err)
	}
	attributes, err := c.queueAttributes(ctx, url)
	if err != nil {
		return err
	}
	visibility, err := strconv.Atoi(attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	if err != nil {
		return fmt.Errorf("visibility timeout of %s: %w", source, err)
	}
	if timeout := int(f.Config.Timeout / time.Second); visibility < timeout {
		return fmt.Errorf("the queue's visibility timeout of %d seconds is less than the function's timeout of %d seconds", visibility, timeout)
	}
	return nil
}

// streamIsOpen refuses a stream that is not the current one of its table, or is off.
func (c *clients) streamIsOpen(ctx context.Context, streamARN string) error {
	a, err := arn.Parse(streamARN)
	if err != nil {
		return fmt.Errorf("event source %q: %w", streamARN, err)
	}
	parts := strings.Split(a.Resource, "/") // table/NAME/stream/LABEL
	if len(parts) != 4 {
		return fmt.Errorf("event source %q is not the ARN of a table's stream", streamARN)
	}
	out, err := c.dynamodb.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: &parts[1]})
	if err != nil {
		return fmt.Errorf("event source %s: %w", streamARN, gone(err, tableGone))
	}
	spec := out.Table.StreamSpecification
	if spec == nil || !aws.ToBool(spec.StreamEnabled) || aws.ToString(out.Table.LatestStreamArn) != streamARN {
		return fmt.Errorf("event source %s is not the stream of table %s that is enabled now", streamARN, parts[1])
	}
	return nil
}

func mappingConfig(r request) lambda.MappingConfig {
	source := r.in.str("eventSourceArn")
	batch := defaultStreamBatch
	if isQueue(source) {
		batch = defaultQueueBatch
	}
	var filters []string
	for _, f := range r.in.object("filterCriteria").objects("filters") {
		filters = append(filters, f.str("pattern"))
	}
	age := r.in.numOr("maximumRecordAgeInSeconds", -1)
	if age < 0 {
		age = 0 // the room's way of saying "for ever"
	}
	return lambda.MappingConfig{
		FunctionName: functionName(r.in.str("functionName")), EventSourceARN: source, Enabled: r.in.flagOr("enabled", true),
		BatchSize: r.in.numOr("batchSize", batch), BatchWindow: time.Duration(r.in.num("maximumBatchingWindowInSeconds")) * time.Second,
		StartingPosition: r.in.str("startingPosition"), Filters: filters,
		ReportBatchItemFailures: len(r.in.strs("functionResponseTypes")) > 0, BisectOnError: r.in.flag("bisectBatchOnFunctionError"),
		MaxRetries: r.in.numOr("maximumRetryAttempts", -1), MaxRecordAge: time.Duration(age) * time.Second,
		Parallelization: r.in.numOr("parallelizationFactor", 1),
		OnFailureARN:    r.in.object("destinationConfig").object("onFailure").str("destinationArn"),
		MaxConcurrency:  r.in.object("scalingConfig").num("maximumConcurrency"),
		CountEvents:     len(r.in.object("metricsConfig").strs("metrics")) > 0,
	}
}

// describedMapping gives the outputs that are not inputs.
func describedMapping(m lambda.Mapping) values {
	age := -1
	if m.Config.MaxRecordAge > 0 {
		age = int(m.Config.MaxRecordAge / time.Second)
	}
	kafka := values{"consumerGroupId": ""} // the SDK takes these two objects for granted
	return values{
		"arn": m.ARN, "functionArn": m.FunctionARN, "uuid": m.UUID, "state": m.State, "stateTransitionReason": "",
		"lastModified": m.LastModified.Format(time.RFC3339), "lastProcessingResult": m.LastProcessingResult,
		"maximumRecordAgeInSeconds": age, "maximumRetryAttempts": m.Config.MaxRetries, "parallelizationFactor": m.Config.Parallelization,
		"amazonManagedKafkaEventSourceConfig": kafka, "selfManagedKafkaEventSourceConfig": kafka,
	}
}

// readMapping gives the inputs, too. The room keeps no tags.
func readMapping(m lambda.Mapping) values {
	c := m.Config
	found := describedMapping(m)
	found["functionName"], found["eventSourceArn"], found["enabled"] = functionName(c.FunctionName), c.EventSourceARN, c.Enabled
	found["batchSize"], found["maximumBatchingWindowInSeconds"] = c.BatchSize, int(c.BatchWindow/time.Second)
	if c.ReportBatchItemFailures {
		found["functionResponseTypes"] = []string{"ReportBatchItemFailures"}
	}
	if c.MaxConcurrency > 0 {
		found["scalingConfig"] = values{"maximumConcurrency": c.MaxConcurrency}
	}
	if c.CountEvents {
		found["metricsConfig"] = values{"metrics": []string{"EventCount"}}
	}
	if isQueue(c.EventSourceARN) {
		for _, key := range streamOnly {
			delete(found, key)
		}
		return found
	}
	found["startingPosition"], found["bisectBatchOnFunctionError"] = c.StartingPosition, c.BisectOnError
	if c.OnFailureARN != "" {
		found["destinationConfig"] = values{"onFailure": values{"destinationArn": c.OnFailureARN}}
	}
	var filters []values
	for _, pattern := range c.Filters {
		filters = append(filters, values{"pattern": pattern})
	}
	if len(filters) > 0 {
		found["filterCriteria"] = values{"filters": filters}
	}
	return found
}
