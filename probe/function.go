package probe

import (
	"fmt"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/env"
	"cellular/internal/model/iam"
)

// function registers the function and its role.
func (b *builder) function() (*lambda.Function, error) {
	role, err := deploy.NewRole(b.ctx, deploy.Role{
		Resource: b.child("role"), Name: b.args.Stack.ProbeRole(), Tags: b.tags(), Description: "The standing probe",
	}, b.childOpts)
	if err != nil {
		return nil, err
	}
	f, err := deploy.NewFunction(b.ctx, deploy.Spec{
		Resources: deploy.Resources{Function: b.child("function"), LogGroup: b.child("logs"), Policy: b.child("policy")},
		Name:      b.args.Stack.Probe(), Description: "Sends an event through each cell and reads it back",
		Zip: b.args.Code, Role: role, PolicyName: "probe",
		Grants: func(arns []string) []iam.Statement {
			return grants(b.args.Stack, arns[0], arns[1], arns[2])
		},
		GrantsOn:    []pulumi.StringInput{b.args.MappingTableARN, b.args.MoveTableARN, b.args.RouterExecutionARN},
		Environment: pulumi.StringMap{env.APIURL: b.args.RouterURL}, Configured: b.args.config().ProbeEnvironment(),
		Settings: b.args.Functions, Memory: b.args.Settings.Memory, Timeout: b.args.Settings.Timeout(),
		SystemLogLevel: "WARN", Tags: b.tags(),
	}, b.childOpts)
	if err != nil {
		return nil, err
	}
	// The scheduler hands a round to Lambda's queue. A round that failed is over: Lambda would run it twice more, beside the next
	// ones, and one that was throttled for up to six hours.
	if _, err := lambda.NewFunctionEventInvokeConfig(b.ctx, b.child("invocations"), &lambda.FunctionEventInvokeConfigArgs{
		FunctionName:             f.Function.Name,
		MaximumRetryAttempts:     pulumi.Int(0),
		MaximumEventAgeInSeconds: pulumi.Int(int(roundAge / time.Second)),
	}, b.childOpts()...); err != nil {
		return nil, fmt.Errorf("bound the invocations of function %s: %w", b.args.Stack.Probe(), err)
	}
	return f.Function, nil
}

// roundAge is how late a round may begin: the least that Lambda and the scheduler take, and the shortest interval.
const roundAge = time.Minute
