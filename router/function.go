package router

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/env"
	"cellular/internal/model/iam"
)

// function registers the function and its role.
func (b *builder) function() (*lambda.Function, error) {
	role, err := deploy.NewRole(b.ctx, deploy.Role{
		Resource: b.child("role"), Name: b.args.Stack.RouterRole(), Tags: b.tags(),
		Description: "The router; each cell's tables name it in their policies",
	}, b.childOpts)
	if err != nil {
		return nil, err
	}
	b.comp.RoleARN = role.Arn
	f, err := deploy.NewFunction(b.ctx, deploy.Spec{
		Resources: deploy.Resources{Function: b.child("function"), LogGroup: b.child("logs"), Policy: b.child("policy")},
		Name:      b.args.Stack.Router(), Description: "Writes each event to its tenant's cell",
		Zip: b.args.Code, Role: role, PolicyName: "router",
		Grants:      func(arn []string) []iam.Statement { return readMapping(arn[0]) },
		GrantsOn:    []pulumi.StringInput{b.args.MappingTableARN},
		Environment: pulumi.StringMap{env.MappingTable: b.args.MappingTableName}, Configured: b.args.config().RouterEnvironment(),
		Settings: b.args.config().Functions,
		Memory:   b.args.Settings.Memory, Timeout: b.args.Settings.Timeout, Reserved: b.args.Settings.ReservedConcurrency,
		SystemLogLevel: "WARN", Tags: b.tags(),
	}, b.childOpts)
	if err != nil {
		return nil, err
	}
	return f.Function, nil
}

func (b *builder) logGroup(part, name string) (*cloudwatch.LogGroup, error) {
	group, err := cloudwatch.NewLogGroup(b.ctx, b.child(part), &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(name),
		RetentionInDays: pulumi.Int(b.args.LogRetentionDays),
		Tags:            b.tags(),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("create log group %s: %w", name, err)
	}
	return group, nil
}
