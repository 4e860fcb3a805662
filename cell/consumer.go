package cell

import (
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/env"
	"cellular/internal/model/iam"
)

// newConsumer registers the function that applies the queue's messages.
func (b *builder) newConsumer(t tables, q queues, r roles) (deploy.Function, error) {
	f, err := b.newFunction(functionSpec{
		part: "consumer", name: b.names.Consumer(), zip: b.args.Code.Consumer, role: r.consumer,
		reserved: b.args.Pipeline.ConsumerReservedConcurrency,
		settings: b.args.Pipeline.ConsumerEnvironment(),
		environment: pulumi.StringMap{
			env.DataTable:      t.data.Name,
			env.ResultsTable:   t.results.Name,
			env.QueueURL:       q.queue.Url,
			env.ConsumerDLQURL: q.consumerDLQ.Url,
			env.FaultInjection: pulumi.String(strconv.FormatBool(b.args.Functions.FaultInjection)),
		},
		grants:   func(arn []string) []iam.Statement { return consumerPolicy(arn[0], arn[1], arn[2], arn[3]) },
		grantsOn: []pulumi.StringInput{q.queue.Arn, q.consumerDLQ.Arn, t.data.Arn, t.results.Arn},
	})
	if err != nil {
		return deploy.Function{}, err
	}
	return f, b.mapQueue(q, f)
}

// mapQueue has Lambda read the queue, with as many consumers at once as the cell may take out of the account's
// concurrency. Bounding the mapping, and not the function, leaves what is too much in the queue, unreceived.
func (b *builder) mapQueue(q queues, f deploy.Function) error {
	l := b.args.Pipeline.Queue
	mapping, err := lambda.NewEventSourceMapping(b.ctx, b.child("consumer-mapping"), &lambda.EventSourceMappingArgs{
		EventSourceArn:                 q.queue.Arn,
		FunctionName:                   f.Function.Name,
		BatchSize:                      pulumi.Int(l.BatchSize),
		MaximumBatchingWindowInSeconds: seconds(l.BatchWindow),
		FunctionResponseTypes:          reportBatchItemFailures,
		ScalingConfig:                  lambda.EventSourceMappingScalingConfigArgs{MaximumConcurrency: pulumi.Int(l.MaxConcurrency)},
		MetricsConfig:                  countEvents,
		Tags:                           b.tags,
	}, b.mappingOpts(f.Policy)...)
	if err != nil {
		return fmt.Errorf("map the queue to the consumer: %w", err)
	}
	b.last = append(b.last, mapping)
	return nil
}
