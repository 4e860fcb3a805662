// Package vitals gives the local cloud's CloudWatch what AWS's services report about themselves: queues' depths and ages, functions'
// invocations, errors, throttles and iterator ages, what became of the events of event source mappings, requests to tables, and
// an API's requests. The metrics have the names, units and dimensions of the services' own pages in the AWS documentation
// ("Available CloudWatch metrics for Amazon SQS", "Types of metrics for Lambda functions", "DynamoDB metrics and dimensions",
// "Monitor CloudWatch metrics for HTTP APIs"). AWS reports once a minute, and nothing of a queue that is idle for long; here it
// is every Interval, of every queue.
package vitals

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/local/cloudwatch"
)

// Interval is the time between two looks at the queues.
const Interval = 5 * time.Second

// Vitals puts what it is told, and what it reads of queues, into metrics. It is safe for concurrent use.
type Vitals struct {
	metrics *cloudwatch.Metrics
	now     func() time.Time
}

// New returns vitals of metrics.
func New(m *cloudwatch.Metrics, now func() time.Time) *Vitals { return &Vitals{m, now} }

func (v *Vitals) put(namespace, dimension, value, unit, name string, n float64) {
	v.metrics.Put(cloudwatch.NewMetric(namespace, name, cloudwatch.Dimension{Name: dimension, Value: value}), unit, v.now(), n)
}

func (v *Vitals) ofFunction(function, unit, name string, n float64) {
	v.put("AWS/Lambda", "FunctionName", function, unit, name, n)
}

// Invoked reports an invocation that ran.
func (v *Vitals) Invoked(function string, took time.Duration, failed bool) {
	errors := 0.0
	if failed {
		errors = 1
	}
	v.ofFunction(function, "Count", "Invocations", 1)
	v.ofFunction(function, "Count", "Errors", errors)
	v.ofFunction(function, "Count", "Throttles", 0)
	v.ofFunction(function, "Milliseconds", "Duration", milliseconds(took))
}

// Throttled reports an invocation that did not run, because the function is at its concurrency limit.
func (v *Vitals) Throttled(function string) { v.ofFunction(function, "Count", "Throttles", 1) }

// IteratorAge reports the age of the last record of a stream's batch, when the function was invoked with it.
func (v *Vitals) IteratorAge(function string, age time.Duration) {
	v.ofFunction(function, "Milliseconds", "IteratorAge", milliseconds(max(0, age)))
}

// MappingEvents reports what became of events of an event source mapping.
func (v *Vitals) MappingEvents(mappingID, metric string, n int) {
	v.put("AWS/Lambda", "EventSourceMappingUUID", mappingID, "Count", metric, float64(n))
}

// Answered reports a request that an HTTP API has answered.
func (v *Vitals) Answered(apiID string, status int, took time.Duration) {
	v.put("AWS/ApiGateway", "ApiId", apiID, "Count", "Count", 1)
	v.put("AWS/ApiGateway", "ApiId", apiID, "Milliseconds", "Latency", milliseconds(took))
	for name, class := range map[string]int{"4xx": http.StatusBadRequest, "5xx": http.StatusInternalServerError} {
		n := 0.0
		if status >= class && status < class+100 {
			n = 1
		}
		v.put("AWS/ApiGateway", "ApiId", apiID, "Count", name, n)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Queues is the part of the client of SQS that is needed.
type Queues interface {
	ListQueues(context.Context, *sqs.ListQueuesInput, ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error)
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// age is an attribute that the emulator has for this package alone; AWS has it as a metric.
const age types.QueueAttributeName = "ApproximateAgeOfOldestMessage"

// queueMetrics are the metrics of a queue by the attributes that have their values.
var queueMetrics = map[types.QueueAttributeName]struct{ name, unit string }{
	types.QueueAttributeNameApproximateNumberOfMessages:           {"ApproximateNumberOfMessagesVisible", "Count"},
	types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: {"ApproximateNumberOfMessagesNotVisible", "Count"},
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    {"ApproximateNumberOfMessagesDelayed", "Count"},
	age: {"ApproximateAgeOfOldestMessage", "Seconds"},
}

// ReadQueues reports the state of all queues.
func (v *Vitals) ReadQueues(ctx context.Context, client Queues) error {
	pages := sqs.NewListQueuesPaginator(client, &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list queues: %w", err)
		}
		for _, url := range page.QueueUrls {
			if err := v.readQueue(ctx, client, url); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Vitals) readQueue(ctx context.Context, client Queues, url string) error {
	in := &sqs.GetQueueAttributesInput{QueueUrl: &url}
	for name := range queueMetrics {
		in.AttributeNames = append(in.AttributeNames, name)
	}
	out, err := client.GetQueueAttributes(ctx, in)
	if err != nil {
		return fmt.Errorf("read queue %s: %w", url, err)
	}
	name := url[strings.LastIndex(url, "/")+1:]
	for attribute, metric := range queueMetrics {
		n, err := strconv.ParseFloat(out.Attributes[string(attribute)], 64)
		if err != nil {
			return fmt.Errorf("read queue %s: attribute %s is %q, want a number", url, attribute, out.Attributes[string(attribute)])
		}
		v.put("AWS/SQS", "QueueName", name, metric.unit, metric.name, n)
	}
	return nil
}
