// Package alarm reads the alarms of a deployment: which part of which cell is in alarm, since when and why, and whom that
// pages. It reads only.
//
// Alarms are found by their names, since nothing lists the cells of a deployment: one request describes a hundred of them, of
// as many cells.
package alarm

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"cellular/internal/model/naming"
)

// CloudWatch is the part of the client that is needed.
type CloudWatch interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
}

// State is what CloudWatch says of an alarm.
type State string

const (
	OK           State = "OK"
	Firing       State = "ALARM"
	Insufficient State = "INSUFFICIENT_DATA" // of a metric without data
)

// Alarm is a metric alarm of a part of the deployment, or a composite one, which is the health of a whole.
type Alarm struct {
	Name        string
	Subject     Subject
	Part        string // what of the subject it watches; "" of a composite
	State       State
	Since       time.Time // when it came into the state
	Reason      string    // CloudWatch's, of the state
	Description string
	Runbook     string // the page and heading that the description names; "" if it names none

	// What follows is of composites alone.
	Children     []string // the names of the alarms in its rule
	ActionsOn    bool
	Actions      []string // ARNs of what is told when it fires
	Suppressor   string   // the name of the alarm that suppresses its actions
	SuppressedBy string   // why its actions are suppressed now; "" if they are not
}

// Health is what a composite is called among the parts of its subject. No part has this name.
const Health = "health"

// Composite reports whether the alarm is the health of its subject.
func (a Alarm) Composite() bool { return a.Part == "" }

// ofMetric is a metric alarm that CloudWatch described.
func ofMetric(n naming.Alarm, m types.MetricAlarm) Alarm {
	return Alarm{
		Name: aws.ToString(m.AlarmName), Subject: Subject{n.Owner, n.Cell}, Part: n.Part,
		State: State(m.StateValue), Since: since(m.StateTransitionedTimestamp, m.StateUpdatedTimestamp),
		Reason: aws.ToString(m.StateReason), Description: aws.ToString(m.AlarmDescription), Runbook: runbook(m.AlarmDescription),
	}
}

// ofComposite is a composite alarm that CloudWatch described.
func ofComposite(n naming.Alarm, c types.CompositeAlarm) Alarm {
	return Alarm{
		Name: aws.ToString(c.AlarmName), Subject: Subject{n.Owner, n.Cell},
		State: State(c.StateValue), Since: since(c.StateTransitionedTimestamp, c.StateUpdatedTimestamp),
		Reason: aws.ToString(c.StateReason), Description: aws.ToString(c.AlarmDescription), Runbook: runbook(c.AlarmDescription),
		Children: children(aws.ToString(c.AlarmRule)), ActionsOn: aws.ToBool(c.ActionsEnabled), Actions: c.AlarmActions,
		Suppressor: lastPart(aws.ToString(c.ActionsSuppressor)), SuppressedBy: suppressedBy(c),
	}
}

// runbookPattern is how a description names its runbook.
var runbookPattern = regexp.MustCompile(`\bRunbook: (\S+\.md#[\w-]+)`)

func runbook(description *string) string {
	found := runbookPattern.FindStringSubmatch(aws.ToString(description))
	if found == nil {
		return ""
	}
	return found[1]
}

// since is when an alarm came into its state. The time of an update is later where the reason alone has changed.
func since(transitioned, updated *time.Time) time.Time {
	if transitioned != nil {
		return *transitioned
	}
	return aws.ToTime(updated)
}

// suppressedBy says what keeps a composite from paging: the suppressor's name, or which wait it is in.
func suppressedBy(c types.CompositeAlarm) string {
	name := lastPart(aws.ToString(c.ActionsSuppressor))
	switch c.ActionsSuppressedBy {
	case "":
		return ""
	case types.ActionsSuppressedByWaitPeriod:
		return "wait for " + name
	case types.ActionsSuppressedByExtensionPeriod:
		return "extension of " + name
	}
	return name
}

// inRule finds the alarms of a rule: ALARM("name"), the quotes of which may be left out. An ARN stands for its alarm.
var inRule = regexp.MustCompile(`\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)`)

func children(rule string) []string {
	var names []string
	for _, m := range inRule.FindAllStringSubmatch(rule, -1) {
		if child := lastPart(m[1] + m[2] + m[3]); !slices.Contains(names, child) {
			names = append(names, child)
		}
	}
	return names
}

// lastPart is an alarm's name, of its name or its ARN. No name of this project has a colon.
func lastPart(name string) string { return name[strings.LastIndex(name, ":")+1:] }
