package probe

import (
	"fmt"
	"time"

	awsiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/iam"
)

// scheduleGroup is the group that every account has.
const scheduleGroup = "default"

// schedule registers the schedule, and the role with which it runs the function.
func (b *builder) schedule(function *lambda.Function) (*scheduler.Schedule, error) {
	trust := deploy.Document(func(arns []string) []iam.Statement {
		return []iam.Statement{schedulerTrust(arns[0])}
	}, b.args.MappingTableARN)
	role, err := awsiam.NewRole(b.ctx, b.child("schedule-role"), &awsiam.RoleArgs{
		Name: pulumi.String(b.args.Stack.ProbeScheduleRole()), Description: pulumi.String("Runs the standing probe"),
		AssumeRolePolicy: trust, Tags: b.tags(),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("create role %s: %w", b.args.Stack.ProbeScheduleRole(), err)
	}
	policy, err := awsiam.NewRolePolicy(b.ctx, b.child("schedule-policy"), &awsiam.RolePolicyArgs{
		Name: pulumi.String("schedule"), Role: role.Name,
		Policy: deploy.Document(func(arns []string) []iam.Statement { return scheduleGrants(arns[0]) }, function.Arn),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("create the policy of role %s: %w", b.args.Stack.ProbeScheduleRole(), err)
	}
	schedule, err := scheduler.NewSchedule(b.ctx, b.child("schedule"), &scheduler.ScheduleArgs{
		Name: pulumi.String(b.args.Stack.ProbeSchedule()), GroupName: pulumi.String(scheduleGroup),
		Description:        pulumi.String("Begins a round of the standing probe"),
		ScheduleExpression: pulumi.String(rate(b.args.Settings.Interval)),
		FlexibleTimeWindow: scheduler.ScheduleFlexibleTimeWindowArgs{Mode: pulumi.String("OFF")},
		Target: scheduler.ScheduleTargetArgs{
			Arn: function.Arn, RoleArn: role.Arn, Input: pulumi.String("{}"),
			// A round that could not begin is over: the next one comes.
			RetryPolicy: scheduler.ScheduleTargetRetryPolicyArgs{
				MaximumRetryAttempts: pulumi.Int(0), MaximumEventAgeInSeconds: pulumi.Int(int(roundAge / time.Second)),
			},
		},
	}, b.childOpts(pulumi.DependsOn([]pulumi.Resource{policy}))...)
	if err != nil {
		return nil, fmt.Errorf("create schedule %s: %w", b.args.Stack.ProbeSchedule(), err)
	}
	return schedule, nil
}

// rate is the expression of an interval of whole minutes.
func rate(interval time.Duration) string {
	if interval == time.Minute {
		return "rate(1 minute)"
	}
	return fmt.Sprintf("rate(%d minutes)", interval/time.Minute)
}
