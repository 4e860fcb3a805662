package cell

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/alarm"
	"cellular/internal/model/config"
	"cellular/internal/model/naming"
)

// newAlarms registers the cell's alarms, which name this cell alone. The composite alarm is the cell's health. It tells nobody
// while the router's fires: what the router cannot do is no fault of its cells. streamMapping is the id of the mapping of the
// stream to the producer.
func (b *builder) newAlarms(streamMapping pulumi.StringInput) error {
	_, err := alarm.Register(b.ctx, alarm.Group{
		About: "Cell " + b.args.ID, Alarms: b.alarms(streamMapping), Name: b.names.Alarm, Health: b.names.Health(),
		Period: b.args.Alarms.Period, Topic: b.args.AlarmTopicARN, Suppressor: b.args.RouterHealth,
		Child: b.child, Options: b.childOpts, Tags: b.tags,
	})
	return err
}

// alarms are what can go wrong with a cell without anybody's doing.
func (b *builder) alarms(streamMapping pulumi.StringInput) []alarm.Alarm {
	c := b.args.Alarms.Cell
	all := []alarm.Alarm{
		// An event that was answered with 202 and is not applied.
		{
			Part: naming.AlarmStreamDLQ, Wrong: "has events in its stream DLQ: the producer could not publish them", Runbook: "4-poison",
			Value: alarm.Of(depth(b.names.StreamDLQ())), Condition: alarm.Count(c.StreamDLQ),
		},
		{
			Part: naming.AlarmSubscriptionDLQ, Wrong: "has events in its subscription DLQ: the topic could not deliver them to the queue", Runbook: "11-a-part-is-gone",
			Value: alarm.Of(depth(b.names.SubscriptionDLQ())), Condition: alarm.Count(c.SubscriptionDLQ),
		},
		{
			Part: naming.AlarmConsumerDLQ, Wrong: "has events in its consumer DLQ: the consumer could not apply them", Runbook: "4-poison",
			Value: alarm.Of(depth(b.names.ConsumerDLQ())), Condition: alarm.Count(c.ConsumerDLQ),
		},
		{
			Part: naming.AlarmDroppedEvents, Wrong: "has lost track of events: Lambda gave them up and could not write to the stream DLQ", Runbook: "8-something-is-missing",
			Value: alarm.Of(dropped(streamMapping)), Condition: alarm.Count(c.DroppedEvents),
		},
		// An event that is applied late.
		{
			Part: naming.AlarmOldestMessage, Wrong: "has a message in its queue that the consumer does not get done", Runbook: "5-a-sick-cell",
			Value:     alarm.Of(alarm.Metric{Namespace: "AWS/SQS", Name: "ApproximateAgeOfOldestMessage", Dimensions: of("QueueName", b.names.Queue()), Statistic: alarm.Maximum}),
			Condition: alarm.Age(c.OldestMessage.Threshold, time.Second, c.OldestMessage.Window),
		},
		{
			Part: naming.AlarmIteratorAge, Wrong: "is late in publishing what it accepts: its producer does not get on with the stream", Runbook: "5-a-sick-cell",
			Value:     alarm.Of(ofFunction(b.names.Producer(), "IteratorAge", alarm.Maximum)),
			Condition: alarm.Age(c.IteratorAge.Threshold, time.Millisecond, c.IteratorAge.Window),
		},
		{
			Part: naming.AlarmAcceptedToApplied, Wrong: "is slow: one event in a hundred takes too long from accepted to applied", Runbook: "5-a-sick-cell",
			Value:     alarm.AtLeast(c.AcceptedToApplied.MinSamples, b.own("accepted_to_applied_ms", alarm.P99)),
			Condition: alarm.Age(c.AcceptedToApplied.Threshold, time.Millisecond, c.AcceptedToApplied.Window),
		},
		// Why.
		{
			Part: naming.AlarmProducerErrors, Wrong: "has a producer that crashes or times out again and again", Runbook: "13-a-function-crashes-or-is-throttled",
			Value: alarm.Of(ofFunction(b.names.Producer(), "Errors", alarm.Sum)), Condition: alarm.Count(c.ProducerErrors),
		},
		{
			Part: naming.AlarmConsumerErrors, Wrong: "has a consumer that crashes or times out again and again", Runbook: "13-a-function-crashes-or-is-throttled",
			Value: alarm.Of(ofFunction(b.names.Consumer(), "Errors", alarm.Sum)), Condition: alarm.Count(c.ConsumerErrors),
		},
		{
			Part: naming.AlarmProducerThrottles, Wrong: "has a producer that Lambda does not run as often as it is needed", Runbook: "13-a-function-crashes-or-is-throttled",
			Value: alarm.Of(ofFunction(b.names.Producer(), "Throttles", alarm.Sum)), Condition: alarm.Count(c.ProducerThrottles),
		},
		{
			Part: naming.AlarmConsumerThrottles, Wrong: "has a consumer that Lambda does not run as often as it is needed", Runbook: "13-a-function-crashes-or-is-throttled",
			Value: alarm.Of(ofFunction(b.names.Consumer(), "Throttles", alarm.Sum)), Condition: alarm.Count(c.ConsumerThrottles),
		},
		// What the router sees of the cell. In a fleet of a few cells the router's own share would be that of the one that is sick.
		{
			Part: naming.AlarmEdgeFailures, Wrong: "fails requests of its tenants", Runbook: "5-a-sick-cell",
			Value: alarm.ShareOf(b.own("requests_5xx", alarm.Sum), []alarm.Metric{
				b.own("requests_2xx", alarm.Sum), b.own("requests_4xx", alarm.Sum), b.own("requests_5xx", alarm.Sum),
			}, c.EdgeFailures.MinSamples),
			Condition: alarm.Share(c.EdgeFailures),
		},
		{
			Part: naming.AlarmBreakerOpens, Wrong: "does not answer the router, which stops to call it again and again", Runbook: "5-a-sick-cell",
			Value: alarm.Of(b.own("breaker_opens", alarm.Sum)), Condition: alarm.Count(c.BreakerOpens),
		},
	}
	if !b.args.Probe.Enabled {
		return all
	}
	// What the standing probe sees of the cell, though no tenant sends anything.
	return append(all, alarm.Alarm{
		Part: naming.AlarmPipeline, Wrong: "does not process the events of the standing probe", Runbook: "17-the-probe",
		Value: alarm.Of(b.own("probe_ok", alarm.Maximum)), Condition: alarm.Absence(c.Pipeline),
		Period: config.Config{Probe: b.args.Probe, Alarms: b.args.Alarms}.ProbePeriod(),
	})
}

// own is a metric that the deployment's functions write for the cell.
func (b *builder) own(name, statistic string) alarm.Metric {
	return alarm.Metric{Namespace: b.args.Stack.MetricsNamespace(), Name: name, Dimensions: of("cell", b.args.ID), Statistic: statistic}
}

// depth is how many messages of a queue wait to be received.
func depth(queue string) alarm.Metric {
	return alarm.Metric{Namespace: "AWS/SQS", Name: "ApproximateNumberOfMessagesVisible", Dimensions: of("QueueName", queue), Statistic: alarm.Maximum}
}

func ofFunction(function, name, statistic string) alarm.Metric {
	return alarm.Metric{Namespace: "AWS/Lambda", Name: name, Dimensions: of("FunctionName", function), Statistic: statistic}
}

// dropped is how many events a mapping of a stream has given up without its on-failure destination having taken them.
func dropped(mapping pulumi.StringInput) alarm.Metric {
	return alarm.Metric{Namespace: "AWS/Lambda", Name: "DroppedEventCount", Dimensions: pulumi.StringMap{"EventSourceMappingUUID": mapping}, Statistic: alarm.Sum}
}

func of(dimension, value string) pulumi.StringMap {
	return pulumi.StringMap{dimension: pulumi.String(value)}
}
