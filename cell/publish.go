package cell

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/facts"
)

// publishFacts writes the cell's facts to SSM, where the operator's CLI finds each cell, and to the component's output.
func (b *builder) publishFacts(t tables, top topic, q queues, producer, consumer function) error {
	document := pulumi.All(
		t.data.Name, t.results.Name, top.topic.Arn, q.queue.Url, q.queue.Arn,
		q.consumerDLQ.Url, q.subscriptionDLQ.Url, q.streamDLQ.Url,
		producer.function.Name, consumer.function.Name,
	).ApplyT(func(v []any) (string, error) {
		text := func(i int) string { return v[i].(string) }
		return facts.Cell{
			ID: b.args.ID, Wave: b.args.Wave, Tier: b.args.Tier, MaxTenants: b.args.MaxTenants,
			DataTable: text(0), ResultsTable: text(1), TopicARN: text(2), QueueURL: text(3), QueueARN: text(4),
			ConsumerDLQURL: text(5), SubscriptionDLQURL: text(6), StreamDLQURL: text(7),
			Producer: text(8), Consumer: text(9),
		}.JSON()
	}).(pulumi.StringOutput)

	if _, err := ssm.NewParameter(b.ctx, b.child("facts"), &ssm.ParameterArgs{
		Name:        pulumi.String(b.names.Parameter()),
		Description: pulumi.String("Facts of cell " + b.args.ID),
		Type:        pulumi.String("String"),
		Value:       document,
		Tags:        b.tags,
	}, b.childOpts()...); err != nil {
		return fmt.Errorf("publish the cell's facts: %w", err)
	}
	b.comp.Facts = document.ApplyT(func(text string) (map[string]any, error) {
		var m map[string]any
		err := json.Unmarshal([]byte(text), &m)
		return m, err
	}).(pulumi.MapOutput)
	return nil
}
