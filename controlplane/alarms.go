package controlplane

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/alarm"
	"cellular/internal/model/naming"
)

// AlarmsType is the component's Pulumi type.
const AlarmsType = "cellular:controlplane:Alarms"

// Alarms are the control plane's alarms.
type Alarms struct {
	pulumi.ResourceState

	// Health is the name of the composite alarm.
	Health pulumi.StringOutput `pulumi:"health"`
}

// NewAlarms registers the alarms; the composite alarm tells the topic. opts apply to the component.
func NewAlarms(ctx *pulumi.Context, name string, args *Args, topicARN pulumi.StringInput, opts ...pulumi.ResourceOption) (*Alarms, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("alarms %s: %w", name, err)
	}
	c := &Alarms{}
	if err := ctx.RegisterComponentResource(AlarmsType, name, c, opts...); err != nil {
		return nil, fmt.Errorf("alarms %s: register: %w", name, err)
	}
	health, err := alarm.Register(ctx, alarm.Group{
		About: "The control plane", Alarms: args.alarms(), Name: args.Stack.ControlPlaneAlarm, Health: args.Stack.ControlPlaneHealth(),
		Period: args.Alarms.Period, Topic: topicARN,
		Child: func(part string) string { return name + "-" + part },
		Options: func(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
			return append([]pulumi.ResourceOption{pulumi.Parent(c)}, extra...)
		},
		Tags: tags(),
	})
	if err != nil {
		return nil, fmt.Errorf("alarms %s: %w", name, err)
	}
	c.Health = health
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{"health": c.Health}); err != nil {
		return nil, fmt.Errorf("alarms %s: register outputs: %w", name, err)
	}
	return c, nil
}

// alarms are about the mapping table, which the router reads; the rest is the operator's alone. Two are what DynamoDB says of it,
// two what the router sees of it, whose network and rights are between.
func (a *Args) alarms() []alarm.Alarm {
	c := a.Alarms.ControlPlane
	return []alarm.Alarm{
		{
			Part: naming.AlarmMappingThrottles, Wrong: "is throttled: DynamoDB refuses reads of the mapping table", Runbook: "14-the-router-cannot-read-the-mapping-table",
			Value: alarm.Filled(a.reads("ThrottledRequests")), Condition: alarm.Count(c.MappingThrottles),
		},
		{
			Part: naming.AlarmMappingErrors, Wrong: "fails: DynamoDB answers reads of the mapping table with errors of its own", Runbook: "14-the-router-cannot-read-the-mapping-table",
			Value: alarm.Filled(a.reads("SystemErrors")), Condition: alarm.Count(c.MappingErrors),
		},
		{
			Part: naming.AlarmStaleAnswers, Wrong: "does not answer the router, which goes by what it knew of the tenants' cells", Runbook: "14-the-router-cannot-read-the-mapping-table",
			Value: alarm.ShareOf(a.ofRouter("stale_answers"), []alarm.Metric{
				a.ofRouter("requests_2xx"), a.ofRouter("requests_4xx"), a.ofRouter("requests_5xx"),
			}, c.StaleAnswers.MinSamples),
			Condition: alarm.Share(c.StaleAnswers),
		},
		{
			Part: naming.AlarmRefreshFailures, Wrong: "fails the router's reads of the mapping table", Runbook: "14-the-router-cannot-read-the-mapping-table",
			Value: alarm.ShareOf(a.ofRouter("refresh_failures"), []alarm.Metric{
				a.ofRouter("cache_misses"), a.ofRouter("refresh_failures"),
			}, c.RefreshFailures.MinSamples),
			Condition: alarm.Share(c.RefreshFailures),
		},
	}
}

// reads is a metric of DynamoDB about the only way in which the router reads the mapping table.
func (a *Args) reads(name string) alarm.Metric {
	return alarm.Metric{
		Namespace: "AWS/DynamoDB", Name: name, Statistic: alarm.Sum,
		Dimensions: pulumi.StringMap{"TableName": pulumi.String(a.Stack.MappingTable()), "Operation": pulumi.String("GetItem")},
	}
}

// ofRouter is a metric of the whole router.
func (a *Args) ofRouter(name string) alarm.Metric {
	return alarm.Metric{Namespace: a.Stack.MetricsNamespace(), Name: name, Statistic: alarm.Sum}
}
