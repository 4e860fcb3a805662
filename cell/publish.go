package cell

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/config"
	"cellular/internal/model/manifest"
)

// publishManifest writes the cell's manifest to SSM, where the operator's CLI finds each cell, and to the component's output.
// The standing probe finds the cell there, and judges it from then on: the manifest comes after all that an event needs, and is deleted
// before it.
func (b *builder) publishManifest(t tables, top topic, q queues, producer, consumer deploy.Function) error {
	document := pulumi.All(
		t.data.Name, t.results.Name, top.topic.Arn, q.queue.Url, q.queue.Arn,
		q.consumerDLQ.Url, q.subscriptionDLQ.Url, q.streamDLQ.Url,
		producer.Function.Name, consumer.Function.Name,
	).ApplyT(func(v []any) (string, error) {
		text := func(i int) string { return v[i].(string) }
		return manifest.Cell{
			ID: b.args.ID, Wave: b.args.Wave, Tier: b.args.Tier, MaxTenants: b.args.MaxTenants,
			DataTable: text(0), ResultsTable: text(1), TopicARN: text(2), QueueURL: text(3), QueueARN: text(4),
			ConsumerDLQURL: text(5), SubscriptionDLQURL: text(6), StreamDLQURL: text(7),
			Producer: text(8), Consumer: text(9),
			Settings: b.args.settings(),
		}.JSON()
	}).(pulumi.StringOutput)

	if _, err := ssm.NewParameter(b.ctx, b.child("facts"), &ssm.ParameterArgs{
		Name:        pulumi.String(b.names.Parameter()),
		Description: pulumi.String("Manifest of cell " + b.args.ID),
		Type:        pulumi.String("String"),
		Value:       document,
		Tags:        b.tags,
	}, b.childOpts(pulumi.DependsOn(b.last))...); err != nil {
		return fmt.Errorf("publish the cell's manifest: %w", err)
	}
	b.comp.Manifest = document.ApplyT(func(text string) (map[string]any, error) {
		var m map[string]any
		err := json.Unmarshal([]byte(text), &m)
		return m, err
	}).(pulumi.MapOutput)
	return nil
}

// settings are the arguments as the cell publishes them.
func (a *Args) settings() manifest.Settings {
	p := a.Pipeline
	return manifest.Settings{
		Protect:                     a.Protect,
		Architecture:                a.Functions.Architecture,
		FunctionTimeout:             manifest.Duration(a.Functions.Timeout),
		FunctionMemory:              a.Functions.Memory,
		StreamBatchSize:             p.Stream.BatchSize,
		StreamRetries:               config.StreamRetries(a.Functions, p.Stream),
		StreamMaxRecordAge:          manifest.Duration(p.Stream.MaxRecordAge),
		StreamParallelization:       p.Stream.Parallelization,
		InlinePayloadBytes:          p.InlinePayloadBytes,
		QueueBatchSize:              p.Queue.BatchSize,
		QueueVisibilityTimeout:      manifest.Duration(a.visibilityTimeout()),
		QueueMaxReceiveCount:        p.Queue.MaxReceiveCount,
		QueueMaxConcurrency:         p.Queue.MaxConcurrency,
		QueueRetention:              manifest.Duration(p.Queue.Retention),
		DLQRetention:                manifest.Duration(p.Queue.DLQRetention),
		DataTTL:                     manifest.Duration(p.DataTTL),
		ResultTTL:                   manifest.Duration(p.Consumer.ResultTTL),
		ProducerReservedConcurrency: p.ProducerReservedConcurrency,
		ConsumerReservedConcurrency: p.ConsumerReservedConcurrency,
		FaultInjection:              a.Functions.FaultInjection,
	}
}
