package router

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/alarm"
	"cellular/internal/model/naming"
)

// newAlarms registers the router's alarms. The composite alarm tells nobody while the control plane's fires: a router without
// mappings is no fault of its own.
func (b *builder) newAlarms(apiID pulumi.StringInput) error {
	health, err := alarm.Register(b.ctx, alarm.Group{
		About: "The router", Alarms: b.alarms(apiID), Name: b.args.Stack.RouterAlarm, Health: b.args.Stack.RouterHealth(),
		Period: b.args.Alarms.Period, Topic: b.args.AlarmTopicARN, Suppressor: b.args.ControlPlaneHealth,
		Child: b.child, Options: b.childOpts, Tags: b.tags(),
	})
	b.comp.Health = health
	return err
}

// alarms are what can go wrong with the router whatever its cells do: a request that a cell fails is an alarm of the cell.
func (b *builder) alarms(apiID pulumi.StringInput) []alarm.Alarm {
	r := b.args.Alarms.Router
	return []alarm.Alarm{
		{
			Part: naming.AlarmFailures, Wrong: "fails requests before it has found their cells", Runbook: "14-the-router-cannot-read-the-mapping-table",
			Value: alarm.ShareOf(b.own("requests_5xx_unrouted"), []alarm.Metric{
				b.own("requests_2xx"), b.own("requests_4xx"), b.own("requests_5xx"),
			}, r.Failures.MinSamples),
			Condition: alarm.Share(r.Failures),
		},
		{
			Part: naming.AlarmErrors, Wrong: "crashes or times out again and again", Runbook: "13-a-function-crashes-or-is-throttled",
			Value: alarm.Of(b.ofFunction("Errors")), Condition: alarm.Count(r.Errors),
		},
		{
			Part: naming.AlarmThrottles, Wrong: "is not run by Lambda as often as it is needed", Runbook: "13-a-function-crashes-or-is-throttled",
			Value: alarm.Of(b.ofFunction("Throttles")), Condition: alarm.Count(r.Throttles),
		},
		// What the function answers itself is the fault of a cell, or in failures; what it could not answer, the API tells alone.
		{
			Part: naming.AlarmIntegrationFailures, Wrong: "does not get to answer: its API fails requests by itself", Runbook: "13-a-function-crashes-or-is-throttled",
			Value: alarm.ShareOfRest(ofAPI(apiID, "5xx"), []alarm.Metric{b.own("requests_5xx"), b.own("probe_requests_5xx")},
				ofAPI(apiID, "Count"), r.IntegrationFailures.MinSamples),
			Condition: alarm.Share(r.IntegrationFailures),
		},
	}
}

// own is a metric of the whole router that its function writes.
func (b *builder) own(name string) alarm.Metric {
	return alarm.Metric{Namespace: b.args.Stack.MetricsNamespace(), Name: name, Statistic: alarm.Sum}
}

func (b *builder) ofFunction(name string) alarm.Metric {
	return alarm.Metric{
		Namespace: "AWS/Lambda", Name: name, Dimensions: pulumi.StringMap{"FunctionName": pulumi.String(b.args.Stack.Router())}, Statistic: alarm.Sum,
	}
}

func ofAPI(id pulumi.StringInput, name string) alarm.Metric {
	return alarm.Metric{Namespace: "AWS/ApiGateway", Name: name, Dimensions: pulumi.StringMap{"ApiId": id}, Statistic: alarm.Sum}
}
