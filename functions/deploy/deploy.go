// Package deploy registers a Lambda function of the program with what it needs: its log group, its role and the policy of
// that role. Components pass the options of their children, so that everything is registered below them.
package deploy

import (
	"fmt"
	"maps"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	awsiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/config"
	"cellular/internal/model/iam"
	"cellular/internal/model/naming"
)

// ChildOpts makes the options of a child of a component: its parent, and the extra ones.
type ChildOpts func(extra ...pulumi.ResourceOption) []pulumi.ResourceOption

// Role is a role that Lambda may take.
type Role struct {
	Resource    string // Pulumi's name of it
	Name        string
	Description string // "" for none
	Tags        pulumi.StringMap
}

// NewRole registers a role without any right.
func NewRole(ctx *pulumi.Context, r Role, opts ChildOpts) (*awsiam.Role, error) {
	trust, err := iam.Document(iam.LambdaTrust())
	if err != nil {
		return nil, fmt.Errorf("write the trust policy of role %s: %w", r.Name, err)
	}
	role, err := awsiam.NewRole(ctx, r.Resource, &awsiam.RoleArgs{
		Name:             pulumi.String(r.Name),
		Description:      optional(r.Description),
		AssumeRolePolicy: pulumi.String(trust),
		Tags:             r.Tags,
	}, opts()...)
	if err != nil {
		return nil, fmt.Errorf("create role %s: %w", r.Name, err)
	}
	return role, nil
}

// Resources are Pulumi's names of what belongs to a function. They must not change: another name is another resource.
type Resources struct{ Function, LogGroup, Policy string }

// Spec is a function.
type Spec struct {
	Resources   Resources
	Name        string
	Description string // "" for none
	Zip         string // path of the code
	Role        *awsiam.Role
	PolicyName  string // within the role
	// Grants makes the role's statements, but for logs and traces, of the values of GrantsOn.
	Grants   func(values []string) []iam.Statement
	GrantsOn []pulumi.StringInput

	Environment pulumi.StringMap  // variables that come from other resources, or from this function's component
	Configured  map[string]string // the variables of the configuration
	Settings    config.Functions  // architecture, logs and traces; its memory and timeout are those of a cell's functions
	Memory      int               // MB
	Timeout     time.Duration     // whole seconds
	Reserved    int               // concurrency; 0 reserves none
	// SystemLogLevel is that of Lambda's own lines. REPORT lines (duration, memory, cold starts) are of level INFO.
	SystemLogLevel string
	Tags           pulumi.StringMap
}

// Function is a registered function, and the policy that whatever invokes it has to wait for.
type Function struct {
	Function *lambda.Function
	Policy   *awsiam.RolePolicy
}

// NewFunction registers a function behind its log group, which has a retention that one created by Lambda would not
// have, and behind its role's policy, without which its first invocations would fail.
func NewFunction(ctx *pulumi.Context, s Spec, opts ChildOpts) (Function, error) {
	logs, err := cloudwatch.NewLogGroup(ctx, s.Resources.LogGroup, &cloudwatch.LogGroupArgs{
		Name:            pulumi.String(naming.LogGroup(s.Name)),
		RetentionInDays: pulumi.Int(s.Settings.LogRetentionDays),
		Tags:            s.Tags,
	}, opts()...)
	if err != nil {
		return Function{}, fmt.Errorf("create the log group of function %s: %w", s.Name, err)
	}
	policy, err := awsiam.NewRolePolicy(ctx, s.Resources.Policy, &awsiam.RolePolicyArgs{
		Name:   pulumi.String(s.PolicyName),
		Role:   s.Role.Name,
		Policy: s.policy(logs.Arn),
	}, opts()...)
	if err != nil {
		return Function{}, fmt.Errorf("create the role policy of function %s: %w", s.Name, err)
	}
	function, err := lambda.NewFunction(ctx, s.Resources.Function, &lambda.FunctionArgs{
		Name:          pulumi.String(s.Name),
		Description:   optional(s.Description),
		Role:          s.Role.Arn,
		Runtime:       pulumi.String("provided.al2023"),
		Handler:       pulumi.String("bootstrap"),
		Code:          pulumi.NewFileArchive(s.Zip),
		Architectures: pulumi.ToStringArray([]string{s.Settings.Architecture}),
		MemorySize:    pulumi.Int(s.Memory),
		Timeout:       pulumi.Int(int(s.Timeout / time.Second)),
		Environment:   lambda.FunctionEnvironmentArgs{Variables: s.variables()},
		LoggingConfig: lambda.FunctionLoggingConfigArgs{
			LogFormat:           pulumi.String("JSON"),
			LogGroup:            logs.Name,
			ApplicationLogLevel: pulumi.String(filter(s.Settings.LogLevel)),
			SystemLogLevel:      pulumi.String(s.SystemLogLevel),
		},
		TracingConfig:                lambda.FunctionTracingConfigArgs{Mode: pulumi.String(tracingMode(s.Settings.Tracing))},
		ReservedConcurrentExecutions: reservation(s.Reserved),
		Tags:                         s.Tags,
	}, opts(pulumi.DependsOn([]pulumi.Resource{logs, policy}))...)
	if err != nil {
		return Function{}, fmt.Errorf("create function %s: %w", s.Name, err)
	}
	return Function{Function: function, Policy: policy}, nil
}

// variables is the function's environment. See package env.
func (s Spec) variables() pulumi.StringMap {
	all := maps.Clone(s.Environment)
	for name, value := range s.Configured {
		all[name] = pulumi.String(value)
	}
	return all
}

// policy is all that the function may do.
func (s Spec) policy(logGroupARN pulumi.StringInput) pulumi.StringOutput {
	return Document(func(values []string) []iam.Statement {
		statements := append(s.Grants(values[1:]), iam.WriteLogs(values[0]))
		if s.Settings.Tracing {
			statements = append(statements, iam.WriteTraces())
		}
		return statements
	}, append([]pulumi.StringInput{logGroupARN}, s.GrantsOn...)...)
}

// Document renders the statements that build makes of the inputs' values, in their order.
func Document(build func(values []string) []iam.Statement, inputs ...pulumi.StringInput) pulumi.StringOutput {
	all := make([]any, len(inputs))
	for i, in := range inputs {
		all[i] = in
	}
	return pulumi.All(all...).ApplyT(func(resolved []any) (string, error) {
		values := make([]string, len(resolved))
		for i, v := range resolved {
			values[i] = v.(string)
		}
		return iam.Document(build(values)...)
	}).(pulumi.StringOutput)
}

func tracingMode(on bool) string {
	if on {
		return "Active"
	}
	return "PassThrough"
}

// filter is the level below which Lambda drops a function's lines. It is never above INFO: Lambda takes a line without a level
// for one of INFO, and such are those that have nothing but metrics. What else is below the configured level the functions
// themselves do not write; see env.LogLevel.
func filter(level string) string {
	if level == "debug" {
		return "DEBUG"
	}
	return "INFO"
}

// reservation is nil for no reservation: a zero would stop the function.
func reservation(n int) pulumi.IntPtrInput {
	if n == 0 {
		return nil
	}
	return pulumi.IntPtr(n)
}

func optional(text string) pulumi.StringPtrInput {
	if text == "" {
		return nil
	}
	return pulumi.StringPtr(text)
}
