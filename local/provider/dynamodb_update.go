package provider

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// updateTable makes each change with a call of its own: DynamoDB takes one kind of change, and one index, at a time.
func updateTable(ctx context.Context, c *clients, r request) (values, error) {
	steps := []*awsdynamodb.UpdateTableInput{}
	if r.changed("deletionProtectionEnabled") {
		steps = append(steps, &awsdynamodb.UpdateTableInput{DeletionProtectionEnabled: aws.Bool(r.in.flag("deletionProtectionEnabled"))})
	}
	if r.changed("billingMode") { // only to on demand: the local cloud has no table of another kind
		steps = append(steps, &awsdynamodb.UpdateTableInput{BillingMode: types.BillingMode(r.in.str("billingMode"))})
	}
	if r.changed("tableClass") {
		steps = append(steps, &awsdynamodb.UpdateTableInput{TableClass: types.TableClass(cmp.Or(r.in.str("tableClass"), "STANDARD"))})
	}
	if r.changed("serverSideEncryption") {
		steps = append(steps, &awsdynamodb.UpdateTableInput{SSESpecification: &types.SSESpecification{Enabled: aws.Bool(r.in.object("serverSideEncryption").flag("enabled"))}})
	}
	steps = append(steps, streamSteps(r)...)
	steps = append(steps, indexSteps(r)...)
	for _, step := range steps {
		step.TableName = &r.id
		if _, err := c.dynamodb.UpdateTable(ctx, step); err != nil {
			return nil, err
		}
		if _, err := c.tableReady(ctx, r.id); err != nil {
			return nil, err
		}
	}
	if err := c.updateTTL(ctx, r); err != nil {
		return nil, err
	}
	if r.changed("pointInTimeRecovery") {
		if err := c.setPITR(ctx, r.id, r.in.object("pointInTimeRecovery").flag("enabled")); err != nil {
			return nil, err
		}
	}
	if err := c.retagTable(ctx, r); err != nil {
		return nil, err
	}
	return readTable(ctx, c, r)
}

// streamSteps turn the stream off before they turn it on with another view: there is no other way to change the view.
func streamSteps(r request) []*awsdynamodb.UpdateTableInput {
	if !r.changed("streamEnabled", "streamViewType") {
		return nil
	}
	var steps []*awsdynamodb.UpdateTableInput
	if r.old.flag("streamEnabled") {
		steps = append(steps, &awsdynamodb.UpdateTableInput{StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(false)}})
	}
	if spec := streamSpecification(r.in); spec != nil {
		steps = append(steps, &awsdynamodb.UpdateTableInput{StreamSpecification: spec})
	}
	return steps
}

// indexSteps delete the indexes that went or changed, then create those that changed or are new.
func indexSteps(r request) []*awsdynamodb.UpdateTableInput {
	before, after := indexesByName(r.old), indexesByName(r.in)
	same := func(name string) bool {
		a, inBefore := before[name]
		b, inAfter := after[name]
		return inBefore && inAfter && equivalent(resource.NewProperty(resource.PropertyMap(a)), resource.NewProperty(resource.PropertyMap(b)))
	}
	var steps []*awsdynamodb.UpdateTableInput
	for _, name := range sortedKeys(before) {
		if !same(name) {
			steps = append(steps, &awsdynamodb.UpdateTableInput{GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{
				{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &name}},
			}})
		}
	}
	for _, name := range sortedKeys(after) {
		if !same(name) {
			steps = append(steps, &awsdynamodb.UpdateTableInput{
				AttributeDefinitions: attributeDefinitions(r.in),
				GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{
					{Create: &types.CreateGlobalSecondaryIndexAction{IndexName: &name, KeySchema: keySchema(after[name]), Projection: projection(after[name])}},
				},
			})
		}
	}
	return steps
}

func indexesByName(in props) map[string]props {
	out := map[string]props{}
	for _, gsi := range in.objects("globalSecondaryIndexes") {
		out[gsi.str("name")] = gsi
	}
	return out
}

// updateTTL turns the time to live off before it turns it on for another attribute.
func (c *clients) updateTTL(ctx context.Context, r request) error {
	if !r.changed("ttl") {
		return nil
	}
	before, after := r.old.object("ttl"), r.in.object("ttl")
	if before.flag("enabled") {
		if err := c.setTTL(ctx, r.id, before, false); err != nil {
			return err
		}
	}
	if after.flag("enabled") {
		return c.setTTL(ctx, r.id, after, true)
	}
	return nil
}

func (c *clients) retagTable(ctx context.Context, r request) error {
	arn := r.out.str("arn")
	return retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error {
			_, err := c.dynamodb.TagResource(ctx, &awsdynamodb.TagResourceInput{ResourceArn: &arn, Tags: tableTags(set)})
			return err
		},
		func(ctx context.Context, keys []string) error {
			_, err := c.dynamodb.UntagResource(ctx, &awsdynamodb.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
			return err
		})
}
