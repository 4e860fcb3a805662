package cell

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	awsiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/iam"
	"cellular/internal/model/naming"
)

type roles struct{ producer, consumer *awsiam.Role }

// newRoles registers a role for each function, before anything that names the role in its own policy.
func (b *builder) newRoles() (roles, error) {
	producer, err := b.newRole("producer", b.names.ProducerRole())
	if err != nil {
		return roles{}, err
	}
	consumer, err := b.newRole("consumer", b.names.ConsumerRole())
	if err != nil {
		return roles{}, err
	}
	return roles{producer: producer, consumer: consumer}, nil
}

func (b *builder) newRole(part, name string) (*awsiam.Role, error) {
	trust, err := iam.Document(iam.LambdaTrust())
	if err != nil {
		return nil, fmt.Errorf("write the %s's trust policy: %w", part, err)
	}
	role, err := awsiam.NewRole(b.ctx, b.child(part+"-role"), &awsiam.RoleArgs{
		Name:             pulumi.String(name),
		AssumeRolePolicy: pulumi.String(trust),
		Tags:             b.tags,
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("create the %s's role: %w", part, err)
	}
	return role, nil
}

// functionSpec is what one function has for itself.
type functionSpec struct {
	part        string // producer or consumer
	name        string
	zip         string
	role        *awsiam.Role
	reserved    int // concurrency; 0 reserves none
	environment pulumi.StringMap

	// grants are the role's statements but for logs and traces, made of the values of grantsOn.
	grants   func(arn []string) []iam.Statement
	grantsOn []pulumi.StringInput
}

// function is a function and the policy that its mapping has to wait for.
type function struct {
	function *lambda.Function
	policy   *awsiam.RolePolicy
}

// newFunction registers the function behind its log group, which has a retention that one created by Lambda would not
// have, and behind its role's policy, without which its first invocations would fail.
func (b *builder) newFunction(spec functionSpec) (function, error) {
	f := b.args.Functions
	logs, err := cloudwatch.NewLogGroup(b.ctx, b.child(spec.part+"-logs"), &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(naming.LogGroup(spec.name)),
		RetentionInDays: pulumi.Int(f.LogRetentionDays),
		Tags:            b.tags,
	}, b.childOpts()...)
	if err != nil {
		return function{}, fmt.Errorf("create the %s's log group: %w", spec.part, err)
	}
	policy, err := awsiam.NewRolePolicy(b.ctx, b.child(spec.part+"-role-policy"), &awsiam.RolePolicyArgs{
		Name:   pulumi.String(spec.part),
		Role:   spec.role.Name,
		Policy: b.rolePolicy(spec, logs),
	}, b.childOpts()...)
	if err != nil {
		return function{}, fmt.Errorf("create the %s's role policy: %w", spec.part, err)
	}
	fn, err := lambda.NewFunction(b.ctx, b.child(spec.part), &lambda.FunctionArgs{
		Name:          pulumi.String(spec.name),
		Role:          spec.role.Arn,
		Runtime:       pulumi.String("provided.al2023"),
		Handler:       pulumi.String("bootstrap"),
		Code:          pulumi.NewFileArchive(spec.zip),
		Architectures: pulumi.ToStringArray([]string{f.Architecture}),
		MemorySize:    pulumi.Int(f.Memory),
		Timeout:       seconds(f.Timeout),
		Environment:   lambda.FunctionEnvironmentArgs{Variables: spec.environment},
		LoggingConfig: lambda.FunctionLoggingConfigArgs{
			LogFormat:           pulumi.String("JSON"),
			LogGroup:            logs.Name,
			ApplicationLogLevel: pulumi.String(strings.ToUpper(f.LogLevel)),
			SystemLogLevel:      pulumi.String("INFO"), // the level of REPORT lines: duration, memory, cold starts
		},
		TracingConfig:                lambda.FunctionTracingConfigArgs{Mode: pulumi.String(tracingMode(f.Tracing))},
		ReservedConcurrentExecutions: reservation(spec.reserved),
		Tags:                         b.tags,
	}, b.childOpts(pulumi.DependsOn([]pulumi.Resource{logs, policy}))...)
	if err != nil {
		return function{}, fmt.Errorf("create the %s: %w", spec.part, err)
	}
	return function{function: fn, policy: policy}, nil
}

func (b *builder) rolePolicy(spec functionSpec, logs *cloudwatch.LogGroup) pulumi.StringOutput {
	return document(func(arn []string) []iam.Statement {
		statements := append(spec.grants(arn[1:]), iam.WriteLogs(arn[0]))
		if b.args.Functions.Tracing {
			statements = append(statements, iam.WriteTraces())
		}
		return statements
	}, append([]pulumi.StringInput{logs.Arn}, spec.grantsOn...)...)
}

func tracingMode(on bool) string {
	if on {
		return "Active"
	}
	return "PassThrough"
}

// reservation is nil for no reservation: a zero would stop the function.
func reservation(n int) pulumi.IntPtrInput {
	if n == 0 {
		return nil
	}
	return pulumi.IntPtr(n)
}
