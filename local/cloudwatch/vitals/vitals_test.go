package vitals_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/local/cloudwatch"
	"cellular/local/cloudwatch/vitals"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// queues is an SQS with two queues on two pages.
type queues struct {
	attributes map[string]string
	err        error
}

func (q queues) ListQueues(_ context.Context, in *sqs.ListQueuesInput, _ ...func(*sqs.Options)) (*sqs.ListQueuesOutput, error) {
	next := "more"
	if in.NextToken == nil {
		return &sqs.ListQueuesOutput{QueueUrls: []string{"http://127.0.0.1/1/first"}, NextToken: &next}, q.err
	}
	return &sqs.ListQueuesOutput{QueueUrls: []string{"http://127.0.0.1/1/second"}}, q.err
}

func (q queues) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	out := &sqs.GetQueueAttributesOutput{Attributes: map[string]string{}}
	for _, name := range in.AttributeNames {
		out.Attributes[string(name)] = q.attributes[string(name)]
	}
	return out, nil
}

// sums are the sums of all metrics of a namespace, by the one dimension's value and the metric's name.
func sums(t *testing.T, m *cloudwatch.Metrics, namespace string) map[string]float64 {
	sum, err := cloudwatch.ParseStatistic("Sum")
	require.NoError(t, err)
	found := map[string]float64{}
	for _, metric := range m.List() {
		require.Equal(t, namespace, metric.Namespace)
		require.Len(t, metric.Dimensions, 1)
		found[metric.Dimensions[0].Value+" "+metric.Name] = m.Points(metric, sum, time.Minute, noon, noon.Add(time.Minute))[noon.Unix()]
	}
	return found
}

func TestReadQueues_ReportsDepthAndAgeOfEveryQueue(t *testing.T) {
	m := cloudwatch.NewMetrics()
	v := vitals.New(m, func() time.Time { return noon })
	attributes := map[string]string{"ApproximateNumberOfMessages": "3", "ApproximateNumberOfMessagesNotVisible": "2", "ApproximateNumberOfMessagesDelayed": "0", "ApproximateAgeOfOldestMessage": "41"}
	require.NoError(t, v.ReadQueues(t.Context(), queues{attributes: attributes}))
	found := sums(t, m, "AWS/SQS")
	for _, queue := range []string{"first", "second"} {
		require.Equal(t, 3.0, found[queue+" ApproximateNumberOfMessagesVisible"])
		require.Equal(t, 2.0, found[queue+" ApproximateNumberOfMessagesNotVisible"])
		require.Equal(t, 41.0, found[queue+" ApproximateAgeOfOldestMessage"])
	}
	require.ErrorContains(t, v.ReadQueues(t.Context(), queues{err: errors.New("down")}), "list queues: ")
	require.ErrorContains(t, v.ReadQueues(t.Context(), queues{}), "want a number")
}

func TestVitals_CountInvocationsOfAFunction(t *testing.T) {
	m := cloudwatch.NewMetrics()
	v := vitals.New(m, func() time.Time { return noon })
	v.Invoked("f", 20*time.Millisecond, false)
	v.Invoked("f", 30*time.Millisecond, true)
	v.Throttled("f")
	v.IteratorAge("f", 2*time.Second)
	v.IteratorAge("f", -time.Second) // clocks differ
	require.Equal(t, map[string]float64{"f Invocations": 2, "f Errors": 1, "f Throttles": 1, "f Duration": 50, "f IteratorAge": 2000}, sums(t, m, "AWS/Lambda"))
}

func TestVitals_CountEventsOfAMapping(t *testing.T) {
	m := cloudwatch.NewMetrics()
	v := vitals.New(m, func() time.Time { return noon })
	v.MappingEvents("a-mapping", "PolledEventCount", 3)
	v.MappingEvents("a-mapping", "PolledEventCount", 4)
	require.Equal(t, map[string]float64{"a-mapping PolledEventCount": 7}, sums(t, m, "AWS/Lambda"))
	require.Equal(t, "EventSourceMappingUUID", m.List()[0].Dimensions[0].Name)
}

func TestVitals_CountAnswersOfAnAPI(t *testing.T) {
	m := cloudwatch.NewMetrics()
	v := vitals.New(m, func() time.Time { return noon })
	for _, status := range []int{202, 404, 429, 503} {
		v.Answered("api", status, time.Millisecond)
	}
	require.Equal(t, map[string]float64{"api Count": 4, "api 4xx": 2, "api 5xx": 1, "api Latency": 4}, sums(t, m, "AWS/ApiGateway"))
	require.False(t, strings.Contains(m.List()[0].Name, " "))
}
