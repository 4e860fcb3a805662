package router

import (
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	awsiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/env"
	"cellular/internal/model/iam"
	"cellular/internal/model/naming"
)

// function registers the function, after its log group and its role's rights: without the one Lambda would make a
// group that keeps its logs for ever, without the other the first requests fail.
func (b *builder) function() (*lambda.Function, error) {
	name := b.args.Stack.Router()
	logs, err := b.logGroup("logs", naming.LogGroup(name))
	if err != nil {
		return nil, err
	}
	role, policy, err := b.role(logs)
	if err != nil {
		return nil, err
	}
	args := &lambda.FunctionArgs{
		Name:          pulumi.String(name),
		Description:   pulumi.String("Writes each event to its tenant's cell"),
		Runtime:       pulumi.String("provided.al2023"),
		Handler:       pulumi.String("bootstrap"),
		Architectures: pulumi.StringArray{pulumi.String(b.args.Architecture)},
		Code:          pulumi.NewFileArchive(b.args.Code),
		Role:          role.Arn,
		MemorySize:    pulumi.Int(b.args.Settings.Memory),
		Timeout:       pulumi.Int(int(b.args.Settings.Timeout / time.Second)),
		Environment:   lambda.FunctionEnvironmentArgs{Variables: b.environment()},
		LoggingConfig: lambda.FunctionLoggingConfigArgs{
			LogFormat:           pulumi.String("JSON"),
			ApplicationLogLevel: pulumi.String(strings.ToUpper(b.args.LogLevel)),
			SystemLogLevel:      pulumi.String("WARN"),
			LogGroup:            logs.Name,
		},
		TracingConfig: lambda.FunctionTracingConfigArgs{Mode: pulumi.String(b.tracingMode())},
		Tags:          b.tags(),
	}
	if n := b.args.Settings.ReservedConcurrency; n > 0 {
		args.ReservedConcurrentExecutions = pulumi.Int(n)
	}
	function, err := lambda.NewFunction(b.ctx, b.child("function"), args, b.childOpts(pulumi.DependsOn([]pulumi.Resource{logs, policy}))...)
	if err != nil {
		return nil, fmt.Errorf("create function: %w", err)
	}
	return function, nil
}

func (b *builder) tracingMode() string {
	if b.args.Tracing {
		return "Active"
	}
	return "PassThrough"
}

// environment is the function's configuration. See package env.
func (b *builder) environment() pulumi.StringMap {
	variables := pulumi.StringMap{}
	for name, value := range b.args.config().RouterEnvironment() {
		variables[name] = pulumi.String(value)
	}
	variables[env.MappingTable] = b.args.MappingTableName
	return variables
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

// role registers the function's role and its only policy.
func (b *builder) role(logs *cloudwatch.LogGroup) (*awsiam.Role, *awsiam.RolePolicy, error) {
	trust, err := iam.Document(iam.LambdaTrust())
	if err != nil {
		return nil, nil, fmt.Errorf("write the role's trust: %w", err)
	}
	role, err := awsiam.NewRole(b.ctx, b.child("role"), &awsiam.RoleArgs{
		Name:             pulumi.String(b.args.Stack.RouterRole()),
		Description:      pulumi.String("The router; each cell's tables name it in their policies"),
		AssumeRolePolicy: pulumi.String(trust),
		Tags:             b.tags(),
	}, b.childOpts()...)
	if err != nil {
		return nil, nil, fmt.Errorf("create role: %w", err)
	}
	b.comp.RoleARN = role.Arn
	document := pulumi.All(b.args.MappingTableARN, logs.Arn).ApplyT(func(arns []any) (string, error) {
		return iam.Document(statements(arns[0].(string), arns[1].(string), b.args.Tracing)...)
	}).(pulumi.StringOutput)
	policy, err := awsiam.NewRolePolicy(b.ctx, b.child("policy"), &awsiam.RolePolicyArgs{
		Name: pulumi.String("router"), Role: role.Name, Policy: document,
	}, b.childOpts()...)
	if err != nil {
		return nil, nil, fmt.Errorf("create role policy: %w", err)
	}
	return role, policy, nil
}
