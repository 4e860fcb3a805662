package alarmtest_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/cloudtest"
	"cellular/local/lambda"
)

// victim is a cell in which something is broken, and a tenant of it.
type victim struct {
	*world
	manifest.Cell
	tenant string
}

// cellFault breaks one thing in a cell. The alarm of its part has to fire, and no other one of the cell but those of also.
type cellFault struct {
	part string
	also []string // parts whose alarms belong to the fault, too
	why  string   // they do
	// harm breaks it, and returns how it is mended. What is broken stays so until then.
	harm func(t *testing.T, v victim) (mend func(t *testing.T))
}

var cellFaults = []cellFault{
	{part: naming.AlarmOldestMessage, harm: func(t *testing.T, v victim) func(*testing.T) {
		cloudtest.Feed(t, v.cloud, v.Consumer, false)
		v.Accept(t, v.tenant, "e", cloudtest.Visit, cloudtest.Page)
		return func(t *testing.T) { cloudtest.Feed(t, v.cloud, v.Consumer, true) }
	}},
	{part: naming.AlarmIteratorAge, harm: func(t *testing.T, v victim) func(*testing.T) {
		// The producer waits for its topic, and says after a while that it could not publish: that is no error of the function.
		end := v.breakTopic()
		v.Accept(t, v.tenant, "e", cloudtest.Visit, cloudtest.Page)
		return func(*testing.T) { end() }
	}},
	{part: naming.AlarmStreamDLQ, harm: func(t *testing.T, v victim) func(*testing.T) {
		// It is no event: it has no type, no epoch, no time. The producer ejects it at once, which is no error of the function.
		key := event.Key(v.tenant, "no-event")
		_, err := v.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &v.DataTable, Item: map[string]dynamodbtypes.AttributeValue{
			event.AttrKey: &dynamodbtypes.AttributeValueMemberS{Value: key},
		}})
		require.NoError(t, err)
		return v.drop("stream")
	}},
	{part: naming.AlarmSubscriptionDLQ, harm: func(t *testing.T, v victim) func(*testing.T) {
		restore := v.refuse(t, v.QueueURL)
		v.Accept(t, v.tenant, "e", cloudtest.Visit, cloudtest.Page)
		return func(t *testing.T) {
			restore(t)
			v.cellctl.Do(t, "dlq", "redrive", "--cell", v.ID)
			v.AwaitStatus(t, v.tenant, "processed", "e") // late, which is no latency of the cell
		}
	}},
	{part: naming.AlarmConsumerDLQ, harm: func(t *testing.T, v victim) func(*testing.T) {
		v.Accept(t, v.tenant, "poison", "fault.error", `{}`)
		return v.drop("consumer")
	}},
	{part: naming.AlarmDroppedEvents, harm: func(t *testing.T, v victim) func(*testing.T) {
		m := cloudtest.Feeding(t, v.cloud, v.Producer)
		hasty := m.Config
		hasty.MaxRetries = 0
		_, err := v.cloud.Lambda.UpdateMapping(t.Context(), m.UUID, hasty)
		require.NoError(t, err)
		end, restore := v.breakTopic(), v.refuse(t, v.StreamDLQURL)
		v.Accept(t, v.tenant, "e", cloudtest.Visit, cloudtest.Page)
		return func(t *testing.T) {
			end()
			restore(t)
			_, err := v.cloud.Lambda.UpdateMapping(t.Context(), m.UUID, m.Config)
			require.NoError(t, err)
		}
	}},
	{part: naming.AlarmProducerErrors, harm: func(t *testing.T, v victim) func(*testing.T) {
		return v.cripple(t, v.Producer, func(c *lambda.FunctionConfig) { c.Env = nil })
	}},
	{part: naming.AlarmConsumerErrors, harm: func(t *testing.T, v victim) func(*testing.T) {
		return v.cripple(t, v.Consumer, func(c *lambda.FunctionConfig) { c.Env = nil })
	}},
	{part: naming.AlarmProducerThrottles, harm: func(t *testing.T, v victim) func(*testing.T) {
		return v.cripple(t, v.Producer, func(c *lambda.FunctionConfig) { c.ReservedConcurrency = 0 })
	}},
	{part: naming.AlarmConsumerThrottles, harm: func(t *testing.T, v victim) func(*testing.T) {
		return v.cripple(t, v.Consumer, func(c *lambda.FunctionConfig) { c.ReservedConcurrency = 0 })
	}},
	{part: naming.AlarmAcceptedToApplied, harm: func(t *testing.T, v victim) func(*testing.T) {
		// An event that has come through the pipeline only now: where it was all the time is no matter.
		e := event.Event{TenantID: v.tenant, ID: "slow", Type: cloudtest.Visit, Payload: []byte(cloudtest.Page), Epoch: 1, AcceptedAt: time.Now().Add(-10 * time.Minute)}
		_, err := v.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &v.DataTable, Item: e.Item()})
		require.NoError(t, err)
		return func(t *testing.T) { v.AwaitStatus(t, v.tenant, "processed", "slow") }
	}},
	{part: naming.AlarmEdgeFailures, harm: func(t *testing.T, v victim) func(*testing.T) {
		end := v.trouble.cause([]string{"PutItem"}, []string{v.DataTable, event.Key(v.tenant, "bad-")}, fail)
		// Those that succeed between them keep the breakers closed.
		stop := v.post(t, "bad", "good")
		return func(*testing.T) {
			end()
			stop()
		}
	}},
	{
		part: naming.AlarmBreakerOpens, also: []string{naming.AlarmEdgeFailures},
		why: "what opens a breaker is calls that fail, and an open one answers 503",
		harm: func(t *testing.T, v victim) func(*testing.T) {
			end := v.trouble.cause([]string{"PutItem"}, []string{v.DataTable, event.Key(v.tenant, "bad-")}, fail)
			stop := v.post(t, "bad")
			return func(*testing.T) {
				end()
				stop()
			}
		},
	},
}

// drop mends what has put messages into a DLQ by dropping them.
func (v victim) drop(kind string) func(*testing.T) {
	return func(t *testing.T) { v.cellctl.Do(t, "dlq", "drop", "--cell", v.ID, "--kind", kind, "--all") }
}

// refuse has a queue take messages of nobody, until restore is called.
func (v victim) refuse(t *testing.T, queueURL string) (restore func(*testing.T)) {
	t.Helper()
	const policy = sqstypes.QueueAttributeNamePolicy
	was, err := v.queues.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: []sqstypes.QueueAttributeName{policy}})
	require.NoError(t, err)
	set := func(t *testing.T, document string) {
		_, err := v.queues.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &queueURL, Attributes: map[string]string{string(policy): document}})
		require.NoError(t, err)
	}
	arn := strings.Replace(v.QueueARN, nameOf(v.QueueARN), nameOf(queueURL), 1)
	set(t, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:SendMessage","Resource":%q}]}`, arn))
	return func(t *testing.T) { set(t, was.Attributes[string(policy)]) }
}

// breakTopic has the cell's topic fail, until end is called.
func (v victim) breakTopic() (end func()) {
	return v.trouble.cause([]string{"Publish", "PublishBatch"}, []string{"TopicArn=" + url.QueryEscape(v.TopicARN)}, fail)
}

// cripple changes a function for the worse, and sends an event through the cell, which is processed when it is mended.
func (v victim) cripple(t *testing.T, function string, change func(*lambda.FunctionConfig)) (mend func(*testing.T)) {
	t.Helper()
	restore := v.change(t, function, change)
	v.Accept(t, v.tenant, "e", cloudtest.Visit, cloudtest.Page)
	return func(t *testing.T) {
		restore(t)
		v.AwaitStatus(t, v.tenant, "processed", "e")
	}
}

// change changes a function, until restore is called.
func (w *world) change(t *testing.T, function string, change func(*lambda.FunctionConfig)) (restore func(*testing.T)) {
	t.Helper()
	was, err := w.cloud.Lambda.GetFunction(t.Context(), function)
	require.NoError(t, err)
	set := func(t *testing.T, c lambda.FunctionConfig) {
		_, err := w.cloud.Lambda.UpdateFunction(t.Context(), c)
		require.NoError(t, err)
	}
	worse := was.Config
	change(&worse)
	set(t, worse)
	return func(t *testing.T) { set(t, was.Config) }
}

// post has events of the tenant posted, one after the other, whose ids begin with each of the words in turn, until stop is called.
func (v victim) post(t *testing.T, words ...string) (stop func()) {
	crowd := cloudtest.NewCrowd(t.Context())
	crowd.Go(4, func(ctx context.Context, n int) {
		v.Post(ctx, v.tenant, fmt.Sprintf("%s-%d", words[n%len(words)], n), cloudtest.Visit, cloudtest.Page)
	})
	return crowd.Stop
}

func TestI2AFaultInACellFiresTheAlarmsOfThatCellAlone(t *testing.T) {
	w := start(t)
	began := time.Now()
	w.awaitQuiet(t, all)
	stop := w.visit(t, quiet)
	t.Run("faults", func(t *testing.T) {
		t.Run("of the probe", faultsOfTheProbe)
		for _, f := range cellFaults {
			t.Run(f.part, func(t *testing.T) {
				t.Parallel()
				f.try(t, w)
			})
		}
	})
	stop()

	// Each fault has looked at all alarms of its cell. These are the others.
	for name, among := range map[string]func(string) bool{
		"the cell without a fault": of(naming.OwnerCell, quiet), "the router": of(naming.OwnerRouter, ""), "the control plane": of(naming.OwnerControlPlane, ""),
	} {
		require.Empty(t, w.fired(began, among), name)
		require.Empty(t, w.paged(t, began, types.StateValueAlarm, among), name)
	}
}

// try breaks a cell, sees its alarms fire and page, mends it, and sees them go back.
func (f cellFault) try(t *testing.T, w *world) {
	c := w.take(t)
	v := victim{w, c, w.tenant(t, c)}
	owned, names := of(naming.OwnerCell, c.ID), stack.Cell(c.ID)
	w.awaitQuiet(t, owned)
	began := time.Now()
	want := []string{names.Alarm(f.part), names.Health()}
	for _, part := range f.also {
		want = append(want, names.Alarm(part))
	}
	slices.Sort(want)

	mend := f.harm(t, v)
	w.awaitFiring(t, want...)
	w.awaitPage(t, began, types.StateValueAlarm, owned, names.Health())
	mend(t)
	w.awaitQuiet(t, owned)
	w.awaitPage(t, began, types.StateValueOk, owned, names.Health())
	require.Equal(t, want, w.fired(began, owned), "%s %s", f.part, f.why)
}

// TestCellFaults_AreOneForEachAlarm looks at what was deployed, too.
func TestCellFaults_AreOneForEachAlarm(t *testing.T) {
	w := start(t)
	var faults, deployed []string
	for _, f := range cellFaults {
		faults = append(faults, f.part)
		require.Equal(t, len(f.also) > 0, f.why != "", "fault %s says why other alarms belong to it", f.part)
	}
	for name := range w.states(t) {
		if a, _ := stack.ParseAlarm(name); a.Cell == quiet && a.Part != "" {
			deployed = append(deployed, a.Part)
		}
	}
	// There is no probe here, which would see most of these faults, too.
	want := slices.DeleteFunc(naming.CellAlarms(), func(part string) bool { return part == naming.AlarmPipeline })
	require.ElementsMatch(t, want, faults)
	require.ElementsMatch(t, want, deployed)
}
