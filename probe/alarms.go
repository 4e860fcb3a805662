package probe

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/alarm"
	"cellular/internal/model/naming"
)

// runbook is the anchor of the probe's runbook.
const runbook = "17-the-probe"

// newAlarms registers the probe's alarms, once its schedule is there: an alarm of no rounds fires until there is one. The composite
// alarm tells nobody while the router's fires, without which no event gets to a cell. It waits for that: the router's alarm takes one more
// of its periods than the probe's to see that the router is down. A new probe has ended its first round by then, too.
func (b *builder) newAlarms(schedule pulumi.Resource) error {
	period := b.args.config().ProbePeriod()
	_, err := alarm.Register(b.ctx, alarm.Group{
		About: "The probe", Alarms: b.alarms(), Name: b.args.Stack.ProbeAlarm, Health: b.args.Stack.ProbeHealth(),
		Period: period, Wait: period + 2*b.args.Alarms.Period, Topic: b.args.AlarmTopicARN, Suppressor: b.args.RouterHealth,
		Child: b.child,
		Options: func(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
			return b.childOpts(append(extra, pulumi.DependsOn([]pulumi.Resource{schedule}))...)
		},
		Tags: b.tags(),
	})
	return err
}

// alarms are about the probe itself and what it sees that is no cell's. What a cell does not process is the cell's alarm.
func (b *builder) alarms() []alarm.Alarm {
	p := b.args.Alarms.Probe
	return []alarm.Alarm{
		{
			Part: naming.AlarmSilent, Wrong: "is silent: no round comes to its end, so that nobody looks whether the cells process events", Runbook: runbook,
			Value: alarm.Of(b.own("probe_rounds")), Condition: alarm.Absence(p.Silent),
		},
		{
			Part: naming.AlarmUnsent, Wrong: "cannot send its events, for no fault of the cells", Runbook: runbook,
			Value: alarm.Of(b.own("probe_unsent")), Condition: alarm.Count(p.Unsent),
		},
		{
			Part: naming.AlarmStalledMoves, Wrong: "sees moves or removals of tenants that are open and that nobody works on", Runbook: runbook,
			Value: alarm.Of(b.own("moves_stalled")), Condition: alarm.Count(p.StalledMoves),
		},
	}
}

// own is a metric that the probe writes of the whole deployment. A period may have two rounds, or none.
func (b *builder) own(name string) alarm.Metric {
	return alarm.Metric{Namespace: b.args.Stack.MetricsNamespace(), Name: name, Statistic: alarm.Maximum}
}
