package provider

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const (
	tableGone = "ResourceNotFoundException"
	// tablePoll is the delay between two looks at a table that is being made; the emulator's tables are ready at once.
	tablePoll = 100 * time.Millisecond
)

var tableKind = &kind{
	token: "aws:dynamodb/table:Table",
	args:  elementOf(dynamodb.TableArgs{}),
	state: reflect.TypeFor[dynamodb.Table](),
	rules: map[string]rule{
		"name":                                        named("A-Za-z0-9_.-", 3, 255),
		"billingMode":                                 oneOf("PAY_PER_REQUEST"), // what the program uses; the emulator meters nothing
		"hashKey":                                     length(1, 255),
		"rangeKey":                                    length(1, 255),
		"attributes[].name":                           length(1, 255),
		"attributes[].type":                           oneOf("S", "N", "B"),
		"globalSecondaryIndexes":                      length(0, 20),
		"globalSecondaryIndexes[].name":               named("A-Za-z0-9_.-", 3, 255),
		"globalSecondaryIndexes[].hashKey":            length(1, 255),
		"globalSecondaryIndexes[].rangeKey":           length(1, 255),
		"globalSecondaryIndexes[].projectionType":     oneOf("ALL", "KEYS_ONLY", "INCLUDE"),
		"globalSecondaryIndexes[].nonKeyAttributes":   nil,
		"globalSecondaryIndexes[].nonKeyAttributes[]": length(1, 255),
		"streamEnabled":                               nil,
		"streamViewType":                              oneOf("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"),
		"ttl.attributeName":                           length(1, 255),
		"ttl.enabled":                                 nil,
		"pointInTimeRecovery.enabled":                 nil,
		"serverSideEncryption.enabled":                nil,
		"deletionProtectionEnabled":                   nil,
		"tableClass":                                  oneOf("STANDARD", "STANDARD_INFREQUENT_ACCESS"),
		"tags":                                        tagMap,
	},
	defaults:  values{"billingMode": "PROVISIONED"},
	verify:    verifyTable,
	replaceOn: []string{"name", "hashKey", "rangeKey"},
	renews:    map[string][]string{"streamEnabled": {"streamArn", "streamLabel"}, "streamViewType": {"streamArn", "streamLabel"}},
	create:    createTable,
	read:      readTable,
	update:    updateTable,
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.dynamodb.DeleteTable(ctx, &awsdynamodb.DeleteTableInput{TableName: &r.id})
		return gone(err, tableGone)
	},
}

// verifyTable checks that the attributes are those of the keys, no more and no less, as DynamoDB does.
func verifyTable(in props) []problem {
	if resource.PropertyMap(in).ContainsUnknowns() {
		return nil // the check is made again when all is known
	}
	var problems []problem
	if !in.has("hashKey") {
		problems = append(problems, problem{"hashKey", "is required"})
	}
	used := []string{in.str("hashKey"), in.str("rangeKey")}
	for _, gsi := range in.objects("globalSecondaryIndexes") {
		used = append(used, gsi.str("hashKey"), gsi.str("rangeKey"))
	}
	var declared []string
	for _, a := range in.objects("attributes") {
		name := a.str("name")
		declared = append(declared, name)
		if name != "" && !slices.Contains(used, name) {
			problems = append(problems, problem{"attributes", fmt.Sprintf("declares %q, which no key uses", name)})
		}
	}
	for _, name := range used {
		if name != "" && !slices.Contains(declared, name) {
			problems = append(problems, problem{"attributes", fmt.Sprintf("does not declare %q, which a key uses", name)})
		}
	}
	if in.flag("streamEnabled") != in.has("streamViewType") {
		problems = append(problems, problem{"streamViewType", "goes with streamEnabled, and only with it"})
	}
	if ttl := in.object("ttl"); ttl.flag("enabled") && !ttl.has("attributeName") {
		problems = append(problems, problem{"ttl.attributeName", "is required where ttl is enabled"})
	}
	return problems
}

func createTable(ctx context.Context, c *clients, r request) (string, values, error) {
	name := r.in.str("name")
	in := &awsdynamodb.CreateTableInput{
		TableName:                 &name,
		AttributeDefinitions:      attributeDefinitions(r.in),
		KeySchema:                 keySchema(r.in),
		BillingMode:               types.BillingMode(r.in.str("billingMode")),
		StreamSpecification:       streamSpecification(r.in),
		DeletionProtectionEnabled: aws.Bool(r.in.flag("deletionProtectionEnabled")),
		TableClass:                types.TableClass(r.in.str("tableClass")),
		Tags:                      tableTags(r.tags),
	}
	for _, gsi := range r.in.objects("globalSecondaryIndexes") {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(gsi.str("name")), KeySchema: keySchema(gsi), Projection: projection(gsi),
		})
	}
	if sse := r.in.object("serverSideEncryption"); sse != nil {
		in.SSESpecification = &types.SSESpecification{Enabled: aws.Bool(sse.flag("enabled"))}
	}
	if _, err := c.dynamodb.CreateTable(ctx, in); err != nil {
		return "", nil, err
	}
	t, err := c.tableReady(ctx, name)
	if err != nil {
		return name, nil, err
	}
	if r.in.object("ttl").flag("enabled") {
		if err := c.setTTL(ctx, name, r.in.object("ttl"), true); err != nil {
			return name, nil, err
		}
	}
	if r.in.object("pointInTimeRecovery").flag("enabled") {
		if err := c.setPITR(ctx, name, true); err != nil {
			return name, nil, err
		}
	}
	return name, values{
		"arn": aws.ToString(t.TableArn), "streamArn": aws.ToString(t.LatestStreamArn), "streamLabel": aws.ToString(t.LatestStreamLabel),
		"streamViewType": r.in.str("streamViewType"), "readCapacity": 0, "writeCapacity": 0,
		"pointInTimeRecovery":  values{"enabled": r.in.object("pointInTimeRecovery").flag("enabled")},
		"serverSideEncryption": values{"enabled": r.in.object("serverSideEncryption").flag("enabled")},
		"ttl":                  values{"enabled": r.in.object("ttl").flag("enabled"), "attributeName": r.in.object("ttl").str("attributeName")},
	}, nil
}

// tableReady waits until the table can be used.
func (c *clients) tableReady(ctx context.Context, name string) (*types.TableDescription, error) {
	for {
		out, err := c.dynamodb.DescribeTable(ctx, &awsdynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			return nil, gone(err, tableGone)
		}
		if out.Table.TableStatus == types.TableStatusActive {
			return out.Table, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("table %s is %s: %w", name, out.Table.TableStatus, ctx.Err())
		case <-time.After(tablePoll):
		}
	}
}

func readTable(ctx context.Context, c *clients, r request) (values, error) {
	t, err := c.tableReady(ctx, r.id)
	if err != nil {
		return nil, err
	}
	ttl, err := c.dynamodb.DescribeTimeToLive(ctx, &awsdynamodb.DescribeTimeToLiveInput{TableName: &r.id})
	if err != nil {
		return nil, gone(err, tableGone)
	}
	pitr, err := c.dynamodb.DescribeContinuousBackups(ctx, &awsdynamodb.DescribeContinuousBackupsInput{TableName: &r.id})
	if err != nil {
		return nil, gone(err, tableGone)
	}
	tags, err := c.dynamodb.ListTagsOfResource(ctx, &awsdynamodb.ListTagsOfResourceInput{ResourceArn: t.TableArn})
	if err != nil {
		return nil, gone(err, tableGone)
	}
	found := describedTable(t)
	recovery := pitr.ContinuousBackupsDescription.PointInTimeRecoveryDescription
	found["pointInTimeRecovery"] = values{"enabled": recovery != nil && recovery.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled}
	found["ttl"] = values{
		"enabled":       ttl.TimeToLiveDescription.TimeToLiveStatus == types.TimeToLiveStatusEnabled,
		"attributeName": aws.ToString(ttl.TimeToLiveDescription.AttributeName),
	}
	found["tagsAll"] = tagsOf(tags.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
	return found, nil
}

// describedTable gives the properties that DescribeTable tells.
func describedTable(t *types.TableDescription) values {
	hash, rng := keys(t.KeySchema)
	found := values{
		"name": aws.ToString(t.TableName), "arn": aws.ToString(t.TableArn), "hashKey": hash,
		"streamArn": aws.ToString(t.LatestStreamArn), "streamLabel": aws.ToString(t.LatestStreamLabel), "streamViewType": "",
		"streamEnabled": false, "deletionProtectionEnabled": aws.ToBool(t.DeletionProtectionEnabled),
		"readCapacity": 0, "writeCapacity": 0,
		"serverSideEncryption": values{"enabled": t.SSEDescription != nil && t.SSEDescription.Status != types.SSEStatusDisabled},
	}
	if rng != "" {
		found["rangeKey"] = rng
	}
	if t.BillingModeSummary != nil {
		found["billingMode"] = string(t.BillingModeSummary.BillingMode)
	}
	if t.TableClassSummary != nil {
		found["tableClass"] = string(t.TableClassSummary.TableClass)
	}
	if s := t.StreamSpecification; s != nil && aws.ToBool(s.StreamEnabled) {
		found["streamEnabled"], found["streamViewType"] = true, string(s.StreamViewType)
	}
	var defined, indexes []values
	for _, a := range t.AttributeDefinitions {
		defined = append(defined, values{"name": aws.ToString(a.AttributeName), "type": string(a.AttributeType)})
	}
	for _, g := range t.GlobalSecondaryIndexes {
		hash, rng := keys(g.KeySchema)
		index := values{"name": aws.ToString(g.IndexName), "hashKey": hash, "projectionType": string(g.Projection.ProjectionType)}
		if rng != "" {
			index["rangeKey"] = rng
		}
		if len(g.Projection.NonKeyAttributes) > 0 {
			index["nonKeyAttributes"] = g.Projection.NonKeyAttributes
		}
		indexes = append(indexes, index)
	}
	found["attributes"], found["globalSecondaryIndexes"] = defined, indexes
	return found
}

func keys(schema []types.KeySchemaElement) (hash, rng string) {
	for _, k := range schema {
		if k.KeyType == types.KeyTypeHash {
			hash = aws.ToString(k.AttributeName)
		} else {
			rng = aws.ToString(k.AttributeName)
		}
	}
	return hash, rng
}

func attributeDefinitions(in props) []types.AttributeDefinition {
	var out []types.AttributeDefinition
	for _, a := range in.objects("attributes") {
		out = append(out, types.AttributeDefinition{AttributeName: aws.String(a.str("name")), AttributeType: types.ScalarAttributeType(a.str("type"))})
	}
	return out
}

func keySchema(in props) []types.KeySchemaElement {
	out := []types.KeySchemaElement{{AttributeName: aws.String(in.str("hashKey")), KeyType: types.KeyTypeHash}}
	if in.has("rangeKey") {
		out = append(out, types.KeySchemaElement{AttributeName: aws.String(in.str("rangeKey")), KeyType: types.KeyTypeRange})
	}
	return out
}

func projection(gsi props) *types.Projection {
	return &types.Projection{ProjectionType: types.ProjectionType(gsi.str("projectionType")), NonKeyAttributes: gsi.strs("nonKeyAttributes")}
}

func streamSpecification(in props) *types.StreamSpecification {
	if !in.flag("streamEnabled") {
		return nil
	}
	return &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(in.str("streamViewType"))}
}

func tableTags(tags map[string]string) []types.Tag {
	return tagList(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

func (c *clients) setTTL(ctx context.Context, table string, ttl props, enabled bool) error {
	_, err := c.dynamodb.UpdateTimeToLive(ctx, &awsdynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(ttl.str("attributeName")), Enabled: &enabled},
	})
	if err != nil {
		return fmt.Errorf("set time to live: %w", err)
	}
	return nil
}

func (c *clients) setPITR(ctx context.Context, table string, enabled bool) error {
	_, err := c.dynamodb.UpdateContinuousBackups(ctx, &awsdynamodb.UpdateContinuousBackupsInput{
		TableName:                        &table,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: &enabled},
	})
	if err != nil {
		return fmt.Errorf("set point-in-time recovery: %w", err)
	}
	return nil
}
