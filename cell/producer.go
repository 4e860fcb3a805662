package cell

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/config"
	"cellular/internal/model/env"
	"cellular/internal/model/iam"
)

// insertsOnly passes new items. An accepted event is never modified, and its removal is no event.
const insertsOnly = `{"eventName":["INSERT"]}`

// newProducer registers the function that publishes the data table's stream to the topic.
func (b *builder) newProducer(t tables, top topic, q queues, r roles) (deploy.Function, *lambda.EventSourceMapping, error) {
	f, err := b.newFunction(functionSpec{
		part: "producer", name: b.names.Producer(), zip: b.args.Code.Producer, role: r.producer,
		reserved: b.args.Pipeline.ProducerReservedConcurrency,
		settings: b.args.Pipeline.ProducerEnvironment(),
		environment: pulumi.StringMap{
			env.TopicARN:     top.topic.Arn,
			env.StreamDLQURL: q.streamDLQ.Url,
		},
		grants:   func(arn []string) []iam.Statement { return producerPolicy(arn[0], arn[1], arn[2]) },
		grantsOn: []pulumi.StringInput{t.data.StreamArn, top.topic.Arn, q.streamDLQ.Arn},
	})
	if err != nil {
		return deploy.Function{}, nil, err
	}
	dlqPolicy, err := b.newQueuePolicy("stream-dlq", q.streamDLQ, r.producer.Arn, noSender)
	if err != nil {
		return deploy.Function{}, nil, err
	}
	mapping, err := b.mapStream(t, top, q, f, dlqPolicy)
	return f, mapping, err
}

// mapStream has Lambda read the stream. It waits for the subscription: what is published to a topic without a
// subscriber is gone. Nothing is lost while it waits, since it starts with the oldest record that the stream holds.
func (b *builder) mapStream(t tables, top topic, q queues, f deploy.Function, dlqPolicy pulumi.Resource) (*lambda.EventSourceMapping, error) {
	s := b.args.Pipeline.Stream
	mapping, err := lambda.NewEventSourceMapping(b.ctx, b.child("producer-mapping"), &lambda.EventSourceMappingArgs{
		EventSourceArn:                 t.data.StreamArn,
		FunctionName:                   f.Function.Name,
		StartingPosition:               pulumi.String("TRIM_HORIZON"),
		BatchSize:                      pulumi.Int(s.BatchSize),
		MaximumBatchingWindowInSeconds: seconds(s.BatchWindow),
		ParallelizationFactor:          pulumi.Int(s.Parallelization),
		FilterCriteria: lambda.EventSourceMappingFilterCriteriaArgs{
			Filters: lambda.EventSourceMappingFilterCriteriaFilterArray{
				lambda.EventSourceMappingFilterCriteriaFilterArgs{Pattern: pulumi.String(insertsOnly)},
			},
		},
		FunctionResponseTypes:      reportBatchItemFailures,
		BisectBatchOnFunctionError: pulumi.Bool(true),
		MaximumRetryAttempts:       pulumi.Int(config.StreamRetries(b.args.Functions, s)),
		MaximumRecordAgeInSeconds:  seconds(s.MaxRecordAge),
		DestinationConfig: lambda.EventSourceMappingDestinationConfigArgs{
			OnFailure: lambda.EventSourceMappingDestinationConfigOnFailureArgs{DestinationArn: q.streamDLQ.Arn},
		},
		MetricsConfig: countEvents,
		Tags:          b.tags,
	}, b.mappingOpts(f.Policy, dlqPolicy, top.policy, top.subscription)...)
	if err != nil {
		return nil, fmt.Errorf("map the stream to the producer: %w", err)
	}
	b.last = append(b.last, mapping)
	return mapping, nil
}

// countEvents has Lambda report what a mapping does with its events, such as how many it drops.
var countEvents = lambda.EventSourceMappingMetricsConfigArgs{Metrics: pulumi.StringArray{pulumi.String("EventCount")}}

// reportBatchItemFailures has a function answer which records failed, so that the others of the batch are done.
var reportBatchItemFailures = pulumi.StringArray{pulumi.String("ReportBatchItemFailures")}

// mappingOpts has a mapping wait for others. Lambda refuses a second mapping of the same source to the same function,
// so a replacement deletes the old one first.
func (b *builder) mappingOpts(after ...pulumi.Resource) []pulumi.ResourceOption {
	return b.childOpts(pulumi.DependsOn(after), pulumi.DeleteBeforeReplace(true))
}
