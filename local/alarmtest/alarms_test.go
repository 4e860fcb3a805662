package alarmtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
	"cellular/internal/testkit/cloudtest"
	localcloudwatch "cellular/local/cloudwatch"
	"cellular/local/gate"
)

// states are the states of all alarms of the deployment, by name.
func (w *world) states(t *testing.T) map[string]types.StateValue {
	t.Helper()
	found := map[string]types.StateValue{}
	for _, prefix := range []string{stack.AlarmPrefix(), stack.HealthPrefix()} {
		pages := cloudwatch.NewDescribeAlarmsPaginator(w.alarms, &cloudwatch.DescribeAlarmsInput{
			AlarmNamePrefix: &prefix, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, a := range page.MetricAlarms {
				found[*a.AlarmName] = a.StateValue
			}
			for _, a := range page.CompositeAlarms {
				found[*a.AlarmName] = a.StateValue
			}
		}
	}
	return found
}

// of reports whether an alarm is of an owner, and, for a cell, of that cell.
func of(owner naming.AlarmOwner, cell string) func(name string) bool {
	return func(name string) bool {
		a, ok := stack.ParseAlarm(name)
		return ok && a.Owner == owner && a.Cell == cell
	}
}

func all(string) bool { return true }

// firing are the alarms among those that are in ALARM.
func firing(states map[string]types.StateValue, among func(string) bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if among(name) && states[name] == types.StateValueAlarm {
			names = append(names, name)
		}
	}
	return names
}

// awaitQuiet polls until all alarms among those are OK. None is without data: an alarm of a new deployment is OK, too.
func (w *world) awaitQuiet(t *testing.T, among func(string) bool) {
	t.Helper()
	cloudtest.Await(t, "all alarms are OK", func() (map[string]types.StateValue, bool) {
		states := w.states(t)
		maps.DeleteFunc(states, func(name string, state types.StateValue) bool { return !among(name) || state == types.StateValueOk })
		return states, len(states) == 0
	})
}

// awaitFiring polls until all of these alarms are in ALARM.
func (w *world) awaitFiring(t *testing.T, names ...string) {
	t.Helper()
	cloudtest.Await(t, fmt.Sprintf("%v fire", names), func() ([]string, bool) {
		in := firing(w.states(t), all)
		return in, !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(in, name) })
	})
}

// fired are the alarms among those that have been in ALARM since a time, in order.
func (w *world) fired(since time.Time, among func(string) bool) []string {
	names := map[string]bool{}
	for _, n := range w.cloud.CloudWatch().Alarms.History() {
		if n.To == localcloudwatch.InAlarm && n.At.After(since) && among(n.Alarm) {
			names[n.Alarm] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// page is what somebody who subscribes to the alarms' topic gets.
type page struct {
	Alarm string    `json:"AlarmName"`
	To    string    `json:"NewStateValue"`
	At    time.Time `json:"-"` // when it came
}

// pager keeps the pages of the deployment.
type pager struct {
	queueURL string

	mu    sync.Mutex
	pages []page
}

// subscribe subscribes a queue to the topic of the deployment's alarms.
func (w *world) subscribe(ctx context.Context) (*pager, error) {
	name, region := "pager", w.cloud.AWS.Region
	arn := "arn:aws:sqs:" + region + ":" + gate.Account + ":" + name
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":%q}]}`, arn)
	queue, err := w.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"Policy": policy}})
	if err != nil {
		return nil, fmt.Errorf("make the pager's queue: %w", err)
	}
	topic := "arn:aws:sns:" + region + ":" + gate.Account + ":" + stack.AlarmTopic()
	if _, err = w.topics.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"},
	}); err != nil {
		return nil, fmt.Errorf("subscribe the pager to %s: %w", topic, err)
	}
	return &pager{queueURL: *queue.QueueUrl}, nil
}

// paged are the alarms among those that have paged since a time that they are in a state, each time that they did.
func (w *world) paged(t *testing.T, since time.Time, to types.StateValue, among func(string) bool) []string {
	t.Helper()
	w.pager.mu.Lock()
	defer w.pager.mu.Unlock()
	for {
		out, err := w.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &w.pager.queueURL, MaxNumberOfMessages: 10})
		require.NoError(t, err)
		if len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			p := page{At: time.Now()}
			require.NoError(t, json.Unmarshal([]byte(*m.Body), &p), "%s", *m.Body)
			w.pager.pages = append(w.pager.pages, p)
			_, err := w.queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &w.pager.queueURL, ReceiptHandle: m.ReceiptHandle})
			require.NoError(t, err)
		}
	}
	var names []string
	for _, p := range w.pager.pages {
		if p.At.After(since) && p.To == string(to) && among(p.Alarm) {
			names = append(names, p.Alarm)
		}
	}
	return names
}

// awaitPage polls until one of those alarms has paged since a time that it is in a state, and nobody else has.
func (w *world) awaitPage(t *testing.T, since time.Time, to types.StateValue, among func(string) bool, name string) {
	t.Helper()
	pages := cloudtest.Await(t, fmt.Sprintf("%s pages that it is %s", name, to), func() ([]string, bool) {
		pages := w.paged(t, since, to, among)
		return pages, len(pages) > 0
	})
	require.Equal(t, []string{name}, pages, "one fault, one page")
}

// nameOf is the last part of an ARN or a URL.
func nameOf(s string) string { return s[strings.LastIndexAny(s, ":/")+1:] }
