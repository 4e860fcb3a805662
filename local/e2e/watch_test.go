package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/testkit/cloudtest"
)

// alarm puts an alarm on the depth of the cell's queue, and a composite that pages. Both are gone when the test ends.
func (c *cell) alarm(t *testing.T, client *cloudwatch.Client, topic string) (composite string) {
	t.Helper()
	depth, composite := "depth-"+uuid.NewString(), "health-"+uuid.NewString()
	_, err := client.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &depth, Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateNumberOfMessagesVisible"), Statistic: types.StatisticMaximum,
		Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String(c.QueueURL[strings.LastIndex(c.QueueURL, "/")+1:])}},
		Period:     aws.Int32(10), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		TreatMissingData: aws.String("notBreaching"),
	})
	require.NoError(t, err)
	_, err = client.PutCompositeAlarm(t.Context(), &cloudwatch.PutCompositeAlarmInput{AlarmName: &composite, AlarmRule: aws.String(fmt.Sprintf("ALARM(%q)", depth)), AlarmActions: []string{topic}})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := client.DeleteAlarms(context.WithoutCancel(t.Context()), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{composite, depth}})
		require.NoError(t, err)
	})
	return composite
}

// pager makes a topic to which CloudWatch may publish, and returns it with a queue that gets what is published.
func (w *world) pager(t *testing.T) (topicARN, queueURL string) {
	t.Helper()
	ctx, name := context.WithoutCancel(t.Context()), "pager-"+uuid.NewString()
	topics := sns.NewFromConfig(w.cloud.AWS)
	allow := func(service, action, resource string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":%q,"Resource":%q}]}`, service, action, resource)
	}
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: &name})
	require.NoError(t, err)
	_, err = topics.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
		TopicArn: topic.TopicArn, AttributeName: aws.String("Policy"), AttributeValue: aws.String(allow("cloudwatch.amazonaws.com", "sns:Publish", *topic.TopicArn)),
	})
	require.NoError(t, err)
	arn := strings.Replace(*topic.TopicArn, ":sns:", ":sqs:", 1)
	queue, err := w.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"Policy": allow("sns.amazonaws.com", "sqs:SendMessage", arn)}})
	require.NoError(t, err)
	_, err = topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"}})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := topics.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: topic.TopicArn})
		require.NoError(t, err)
		_, err = w.queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: queue.QueueUrl})
		require.NoError(t, err)
	})
	return *topic.TopicArn, *queue.QueueUrl
}

func TestAnAlarmFiresInTheCellThatIsStuckAndGoesBack(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	client := cloudwatch.NewFromConfig(w.cloud.AWS)
	topic, page := w.pager(t)
	composite := c.alarm(t, client, topic)
	awaitState := func(want types.StateValue) {
		cloudtest.Await(t, "alarm is "+string(want), func() (types.StateValue, bool) {
			out, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{composite}, AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}})
			require.NoError(t, err)
			require.Len(t, out.CompositeAlarms, 1)
			return out.CompositeAlarms[0].StateValue, out.CompositeAlarms[0].StateValue == want
		})
	}
	awaitState(types.StateValueOk)

	resume := c.pause(t, c.Consumer)
	orders := w.acceptOrders(t, tenant, "order", 3)
	awaitState(types.StateValueAlarm)
	cloudtest.Await(t, "the topic is told", func() (string, bool) {
		out, err := w.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &page, WaitTimeSeconds: 1})
		require.NoError(t, err)
		if len(out.Messages) == 0 {
			return "", false
		}
		return *out.Messages[0].Body, strings.Contains(*out.Messages[0].Body, composite)
	})

	// What cellctl shows as OLDEST.
	cloudtest.Await(t, "the queue has an age", func() (time.Duration, bool) {
		ages, err := cellstatus.Oldest(t.Context(), client, []manifest.Cell{c.Cell}, time.Now())
		require.NoError(t, err)
		return ages[c.ID], ages[c.ID] > 0
	})

	resume()
	w.AwaitStatus(t, tenant, "processed", orders...)
	awaitState(types.StateValueOk)
}

func TestTheRouterAndTheFunctionsAreMeasured(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	began := time.Now().Add(-time.Second)
	w.AwaitStatus(t, tenant, "processed", w.acceptOrders(t, tenant, "order", 2)...)
	client := cloudwatch.NewFromConfig(w.cloud.AWS)
	for _, search := range []string{
		fmt.Sprintf(`{AWS/Lambda,FunctionName} MetricName="Invocations" FunctionName=%q`, c.Producer),
		fmt.Sprintf(`{AWS/Lambda,FunctionName} MetricName="Invocations" FunctionName=%q`, c.Consumer),
		fmt.Sprintf(`{AWS/Lambda,FunctionName} MetricName="IteratorAge" FunctionName=%q`, c.Producer),
		`{AWS/ApiGateway,ApiId} MetricName="Count"`,
		// What the functions have written into their logs.
		fmt.Sprintf(`MetricName="requests_2xx" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="published" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="applied" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="accepted_to_applied_ms" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="published_to_applied_ms" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="apply_ms" cell=%q`, c.ID),
		`MetricName="requests_2xx" version="$LATEST"`,
	} {
		cloudtest.Await(t, search, func() (float64, bool) {
			out, err := client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
				StartTime: aws.Time(began), EndTime: aws.Time(time.Now().Add(time.Minute)),
				MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("found"), Expression: aws.String("SUM(SEARCH('" + search + "', 'SampleCount', 60))")}},
			})
			require.NoError(t, err)
			if len(out.MetricDataResults) == 0 || len(out.MetricDataResults[0].Values) == 0 {
				return 0, false
			}
			return out.MetricDataResults[0].Values[0], out.MetricDataResults[0].Values[0] > 0
		})
	}
}
