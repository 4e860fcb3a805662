// Package alarm registers the alarms of one part of a deployment: a metric alarm for each thing that can go wrong with it, and
// a composite alarm, which fires while one of them does.
//
// Only the composite alarm tells somebody: a fault that shows in five places is one page. It is silent while its suppressor
// fires, an alarm of what this part depends on, so that a fault of that is one page, too.
package alarm

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/config"
)

// Runbooks is the page with the runbooks, to which the description of each alarm refers.
const Runbooks = "docs/operations.md"

// pageRunbook is the runbook of each composite alarm: how to find the one of the alarm that fires.
const pageRunbook = "12-a-page"

// Alarm is a metric alarm: it fires while its value meets its condition.
type Alarm struct {
	Part      string // what it watches, as in its name
	Wrong     string // what is wrong while it fires; the rest of a sentence that begins with Group.About
	Runbook   string // what to do about it: the anchor of a heading of Runbooks
	Value     Value
	Condition Condition
	Period    time.Duration // over which its metrics are summed up; 0: Group.Period
}

// Condition says from when on a value is too high, or too low.
type Condition struct {
	operator  string
	threshold float64
	config.Window
}

func above(threshold float64, w config.Window) Condition {
	return Condition{"GreaterThanThreshold", threshold, w}
}

// Count is the condition of a number.
func Count(a config.CountAlarm) Condition { return above(float64(a.Threshold), a.Window) }

// Absence is the condition of a whole number that is not to be 0.
func Absence(a config.AbsenceAlarm) Condition { return Condition{"LessThanThreshold", 1, a.Window} }

// Share is the condition of a share.
func Share(a config.ShareAlarm) Condition { return above(a.Threshold, a.Window) }

// Age is the condition of a duration that the metric has in a unit.
func Age(threshold time.Duration, unit time.Duration, w config.Window) Condition {
	return above(float64(threshold)/float64(unit), w)
}

// Group are the alarms of one part of a deployment.
type Group struct {
	About  string // what they are of, for example "Cell alpha"
	Alarms []Alarm
	// Name makes the name of a part's alarm. Health is the name of the composite alarm.
	Name   func(part string) string
	Health string

	Period time.Duration
	// Topic is the ARN of the topic that is told when the composite alarm begins and ends to fire.
	Topic pulumi.StringInput
	// Suppressor is the name of the alarm during which this composite alarm tells nobody; nil for none.
	Suppressor pulumi.StringInput
	// Wait is how long the composite alarm waits for the suppressor before it tells somebody; 0: Period.
	Wait time.Duration

	Child   func(part string) string // makes Pulumi's name of a resource
	Options func(extra ...pulumi.ResourceOption) []pulumi.ResourceOption
	Tags    pulumi.StringMap
}

// Register registers the alarms of a group, and returns the composite alarm's name. CloudWatch refuses a composite alarm of
// alarms that it does not know, and to delete an alarm that a composite one refers to: the composite alarm depends on them.
func Register(ctx *pulumi.Context, g Group) (pulumi.StringOutput, error) {
	var children []pulumi.Resource
	var terms []string
	for _, a := range g.Alarms {
		child, err := g.register(ctx, a)
		if err != nil {
			return pulumi.StringOutput{}, fmt.Errorf("create alarm %s: %w", a.Part, err)
		}
		children = append(children, child)
		terms = append(terms, fmt.Sprintf("ALARM(%q)", g.Name(a.Part)))
	}
	told := pulumi.StringArray{g.Topic}
	health, err := cloudwatch.NewCompositeAlarm(ctx, g.Child("health"), &cloudwatch.CompositeAlarmArgs{
		AlarmName:         pulumi.String(g.Health),
		AlarmDescription:  g.describe("is not well: one of its alarms fires", pageRunbook),
		AlarmRule:         pulumi.String(strings.Join(terms, " OR ")),
		AlarmActions:      told,
		OkActions:         told,
		ActionsSuppressor: g.suppressor(),
		Tags:              g.Tags,
	}, g.Options(pulumi.DependsOn(children))...)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("create the composite alarm: %w", err)
	}
	return health.AlarmName, nil
}

func (g Group) describe(wrong, runbook string) pulumi.String {
	return pulumi.String(fmt.Sprintf("%s %s. Runbook: %s#%s", g.About, wrong, Runbooks, runbook))
}

// suppressor waits for the suppressor before it tells somebody, because two alarms that see one fault are not judged
// at the same moment. It is silent for a period more than that after the suppressor's end, within which this part should recover, too.
func (g Group) suppressor() cloudwatch.CompositeAlarmActionsSuppressorPtrInput {
	if g.Suppressor == nil {
		return nil
	}
	wait := cmp.Or(g.Wait, g.Period)
	return cloudwatch.CompositeAlarmActionsSuppressorArgs{
		Alarm: g.Suppressor, WaitPeriod: seconds(wait), ExtensionPeriod: seconds(wait + g.Period),
	}
}

func (g Group) register(ctx *pulumi.Context, a Alarm) (*cloudwatch.MetricAlarm, error) {
	args := &cloudwatch.MetricAlarmArgs{
		Name:               pulumi.String(g.Name(a.Part)),
		AlarmDescription:   g.describe(a.Wrong, a.Runbook),
		ComparisonOperator: pulumi.String(a.Condition.operator),
		Threshold:          pulumi.Float64(a.Condition.threshold),
		DatapointsToAlarm:  pulumi.Int(a.Condition.Datapoints),
		EvaluationPeriods:  pulumi.Int(a.Condition.Periods),
		TreatMissingData:   pulumi.String(string(a.Condition.Missing)),
		Tags:               g.Tags,
	}
	a.Value.complete(args, cmp.Or(a.Period, g.Period))
	return cloudwatch.NewMetricAlarm(ctx, g.Child("alarm-"+a.Part), args, g.Options()...)
}

func seconds(d time.Duration) pulumi.Int { return pulumi.Int(int(d / time.Second)) }
