package provider

import (
	"context"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
)

// queryDefinitionKind is a saved query of Logs Insights. The limits are those of PutQueryDefinition.
var queryDefinitionKind = &kind{
	token: "aws:cloudwatch/queryDefinition:QueryDefinition",
	args:  elementOf(cloudwatch.QueryDefinitionArgs{}),
	state: reflect.TypeFor[cloudwatch.QueryDefinition](),
	rules: map[string]rule{
		"name":            length(1, 255),
		"queryString":     length(1, 10_000),
		"logGroupNames":   length(0, 50),
		"logGroupNames[]": named(`.\-_/#A-Za-z0-9`, 1, 512),
	},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		id, err := c.putQuery(ctx, r.in, nil)
		if err != nil {
			return "", nil, err
		}
		found, err := c.describeQuery(ctx, id)
		return id, found, err
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		return c.describeQuery(ctx, r.id)
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		_, err := c.putQuery(ctx, r.in, &r.id)
		return nil, err
	},
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.logs.DeleteQueryDefinition(ctx, &cloudwatchlogs.DeleteQueryDefinitionInput{QueryDefinitionId: &r.id})
		return gone(err, logsGone)
	},
}

func (c *clients) putQuery(ctx context.Context, in props, id *string) (string, error) {
	out, err := c.logs.PutQueryDefinition(ctx, &cloudwatchlogs.PutQueryDefinitionInput{
		QueryDefinitionId: id, Name: aws.String(in.str("name")), QueryString: aws.String(in.str("queryString")), LogGroupNames: in.strs("logGroupNames"),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.QueryDefinitionId), nil
}

func (c *clients) describeQuery(ctx context.Context, id string) (values, error) {
	in := &cloudwatchlogs.DescribeQueryDefinitionsInput{}
	for {
		page, err := c.logs.DescribeQueryDefinitions(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, q := range page.QueryDefinitions {
			if aws.ToString(q.QueryDefinitionId) == id {
				return queryValues(q), nil
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil, fmt.Errorf("saved query %s %w", id, errGone)
		}
	}
}

func queryValues(q types.QueryDefinition) values {
	v := values{"name": aws.ToString(q.Name), "queryString": aws.ToString(q.QueryString), "queryDefinitionId": aws.ToString(q.QueryDefinitionId)}
	if len(q.LogGroupNames) > 0 {
		v["logGroupNames"] = q.LogGroupNames
	}
	return v
}
