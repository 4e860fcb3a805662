package e2e_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/local/gate"
)

// An operator subscribes to the deployment's topic and tries an alarm, which CloudWatch publishes under the policies of the topic
// and its key. A topic with the key that AWS manages takes the same subscription and stays silent.
func TestAPageReachesWhoSubscribesToTheTopicOfTheDeployment(t *testing.T) {
	t.Parallel()
	w := start(t)
	admin, operator := w.cloud.AWS, w.cloud.Operator()
	topics, watch := sns.NewFromConfig(admin), cloudwatch.NewFromConfig(admin)
	region := "arn:aws:sns:" + admin.Region + ":" + gate.Account + ":"
	own, silent := region+stack.AlarmTopic(), region+"silent"
	part, health := stack.AlarmPrefix()+"trial", stack.HealthPrefix()+"trial" // no names of the deployment's alarms: nobody else sees them

	queue, err := w.queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("pager"), Attributes: map[string]string{
		"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"arn:aws:sqs:` + admin.Region + `:` + gate.Account + `:pager"}]}`,
	}})
	require.NoError(t, err)
	_, err = topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("silent"), Attributes: map[string]string{"KmsMasterKeyId": "alias/aws/sns"}})
	require.NoError(t, err)
	_, err = topics.SetTopicAttributes(t.Context(), &sns.SetTopicAttributesInput{TopicArn: &silent, AttributeName: aws.String("Policy"), AttributeValue: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"` + silent + `"}]}`,
	)})
	require.NoError(t, err)
	subscribe := func(as aws.Config, topic string) {
		_, err := sns.NewFromConfig(as).Subscribe(t.Context(), &sns.SubscribeInput{
			TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:" + admin.Region + ":" + gate.Account + ":pager"),
		})
		require.NoError(t, err)
	}
	subscribe(operator, own)
	subscribe(admin, silent)

	// received are the pages that the queue has, as old state, new state and reason. Actions are done when SetAlarmState answers.
	received := func() (pages [][]string) {
		for {
			out, err := w.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10})
			require.NoError(t, err)
			if len(out.Messages) == 0 {
				return pages
			}
			for _, m := range out.Messages {
				var notification struct{ TopicArn, Subject, Message string }
				require.NoError(t, json.Unmarshal([]byte(*m.Body), &notification))
				var page struct{ AlarmName, OldStateValue, NewStateValue, NewStateReason string }
				require.NoError(t, json.Unmarshal([]byte(notification.Message), &page))
				require.Equal(t, own, notification.TopicArn)
				require.Equal(t, health, page.AlarmName)
				require.Equal(t, page.NewStateValue+`: "`+health+`"`, notification.Subject)
				pages = append(pages, []string{page.OldStateValue, page.NewStateValue, page.NewStateReason})
				_, err := w.queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: queue.QueueUrl, ReceiptHandle: m.ReceiptHandle})
				require.NoError(t, err)
			}
		}
	}
	set := func(alarm string, state types.StateValue) {
		_, err := cloudwatch.NewFromConfig(operator).SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &alarm, StateValue: state, StateReason: aws.String("a trial")})
		require.NoError(t, err)
	}
	tell := func(topic string) {
		_, err := watch.PutCompositeAlarm(t.Context(), &cloudwatch.PutCompositeAlarmInput{
			AlarmName: &health, AlarmRule: aws.String(`ALARM("` + part + `")`), AlarmActions: []string{topic}, OKActions: []string{topic},
		})
		require.NoError(t, err)
	}
	_, err = watch.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &part, Namespace: aws.String("trial"), MetricName: aws.String("trial"), Statistic: types.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1),
		Threshold: aws.Float64(0), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("ignore"),
	})
	require.NoError(t, err)
	tell(own)
	set(part, types.StateValueOk)
	require.Equal(t, [][]string{{"INSUFFICIENT_DATA", "OK", "the rule does not hold"}}, received())
	set(part, types.StateValueAlarm)
	require.Equal(t, [][]string{{"OK", "ALARM", "in ALARM: " + part}}, received())
	set(health, types.StateValueOk)
	require.Equal(t, [][]string{{"ALARM", "OK", "a trial"}}, received())

	tell(silent)
	set(part, types.StateValueOk)
	set(part, types.StateValueAlarm)
	require.Empty(t, received())
	require.Contains(t, w.cloud.Denied(), gate.Call{
		Caller: "cloudwatch.amazonaws.com", Action: "kms:GenerateDataKey", Resource: "arn:aws:kms:" + admin.Region + ":" + gate.Account + ":alias/aws/sns",
		SourceARN: "arn:aws:cloudwatch:" + admin.Region + ":" + gate.Account + ":alarm:" + health,
	})
	_, err = watch.DeleteAlarms(t.Context(), &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{health, part}})
	require.NoError(t, err)
	_, err = topics.DeleteTopic(t.Context(), &sns.DeleteTopicInput{TopicArn: &silent})
	require.NoError(t, err)
}
