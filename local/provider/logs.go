package provider

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
)

const logsGone = "ResourceNotFoundException"

// retentions are the days for which CloudWatch can keep logs (API reference, PutRetentionPolicy); 0 keeps them for ever.
var retentions = []float64{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

var logGroupKind = &kind{
	token: "aws:cloudwatch/logGroup:LogGroup",
	args:  elementOf(cloudwatch.LogGroupArgs{}),
	state: reflect.TypeFor[cloudwatch.LogGroup](),
	rules: map[string]rule{
		"name":            named(`.\-_/#A-Za-z0-9`, 1, 512),
		"retentionInDays": numberIn(retentions...),
		"logGroupClass":   oneOf("STANDARD", "INFREQUENT_ACCESS"),
		"skipDestroy":     nil,
		"tags":            tagMap,
	},
	defaults:  values{"retentionInDays": 0, "skipDestroy": false},
	replaceOn: []string{"name", "logGroupClass"},
	create:    createLogGroup,
	read:      readLogGroup,
	update:    updateLogGroup,
	remove: func(ctx context.Context, c *clients, r request) error {
		if r.in.flag("skipDestroy") {
			return nil
		}
		_, err := c.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &r.id})
		return gone(err, logsGone)
	},
}

func createLogGroup(ctx context.Context, c *clients, r request) (string, values, error) {
	name := r.in.str("name")
	_, err := c.logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{
		LogGroupName: &name, LogGroupClass: types.LogGroupClass(r.in.str("logGroupClass")), Tags: r.tags,
	})
	if err != nil {
		return "", nil, err
	}
	if days := r.in.num("retentionInDays"); days > 0 {
		if err := c.setRetention(ctx, name, days); err != nil {
			return name, nil, err
		}
	}
	found, err := c.describeLogGroup(ctx, name)
	return name, found, err
}

// setRetention keeps the logs for that many days, or for ever if days is 0.
func (c *clients) setRetention(ctx context.Context, name string, days int) error {
	var err error
	if days == 0 {
		_, err = c.logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &name})
	} else {
		_, err = c.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &name, RetentionInDays: aws.Int32(int32(days))})
	}
	if err != nil {
		return fmt.Errorf("set retention: %w", err)
	}
	return nil
}

func readLogGroup(ctx context.Context, c *clients, r request) (values, error) {
	found, err := c.describeLogGroup(ctx, r.id)
	if err != nil {
		return nil, err
	}
	arn := found["arn"].(string)
	tags, err := c.logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return nil, gone(err, logsGone)
	}
	found["tagsAll"] = tags.Tags
	return found, nil
}

// describeLogGroup gives everything but the tags.
func (c *clients) describeLogGroup(ctx context.Context, name string) (values, error) {
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(c.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range page.LogGroups {
			if aws.ToString(g.LogGroupName) == name {
				return values{
					"arn": strings.TrimSuffix(aws.ToString(g.Arn), ":*"), "name": name, "namePrefix": "",
					"retentionInDays": int(aws.ToInt32(g.RetentionInDays)), "logGroupClass": logGroupClass(g),
				}, nil
			}
		}
	}
	return nil, fmt.Errorf("log group %s %w", name, errGone)
}

func logGroupClass(g types.LogGroup) string {
	if g.LogGroupClass == "" {
		return string(types.LogGroupClassStandard)
	}
	return string(g.LogGroupClass)
}

func updateLogGroup(ctx context.Context, c *clients, r request) (values, error) {
	if r.changed("retentionInDays") {
		if err := c.setRetention(ctx, r.id, r.in.num("retentionInDays")); err != nil {
			return nil, err
		}
	}
	arn := r.out.str("arn")
	return nil, retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error {
			_, err := c.logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: &arn, Tags: set})
			return err
		},
		func(ctx context.Context, keys []string) error {
			_, err := c.logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: keys})
			return err
		})
}
