package naming

import (
	"errors"
	"fmt"
	"slices"
)

// The longest names that AWS allows, in characters, from each service's API reference (CreateTable, CreateTopic,
// CreateQueue, CreateFunction, CreateRole, PutParameter, PutMetricAlarm, PutCompositeAlarm, PutDashboard, CreateSchedule; an alias
// of KMS has 256 with its prefix, CreateAlias).
const (
	maxTable     = 255
	maxTopic     = 256
	maxQueue     = 80
	maxFunction  = 64
	maxRole      = 64
	maxParameter = 1011
	maxAlarm     = 255
	maxAlias     = 256
	maxSchedule  = 64
	maxDashboard = 255
)

type limited struct {
	kind, name string
	max        int
}

// CheckGlobal returns an error for each global name that AWS would refuse as too long, joined; nil if there is none.
func (s Stack) CheckGlobal() error {
	return check("", append([]limited{
		{"DynamoDB table", s.MappingTable(), maxTable},
		{"DynamoDB table", s.CellTable(), maxTable},
		{"DynamoDB table", s.MoveTable(), maxTable},
		{"DynamoDB table", s.AuditTable(), maxTable},
		{"Lambda function", s.Router(), maxFunction},
		{"IAM role", s.RouterRole(), maxRole},
		{"Lambda function", s.Probe(), maxFunction},
		{"IAM role", s.ProbeRole(), maxRole},
		{"IAM role", s.ProbeScheduleRole(), maxRole},
		{"schedule", s.ProbeSchedule(), maxSchedule},
		{"SSM parameter", s.ControlPlaneParameter(), maxParameter},
		{"SSM parameter", s.RouterParameter(), maxParameter},
		{"SNS topic", s.AlarmTopic(), maxTopic},
		{"KMS alias", s.AlarmKeyAlias(), maxAlias},
		{"CloudWatch dashboard", s.FleetDashboard(), maxDashboard},
		{"CloudWatch alarm", s.RouterHealth(), maxAlarm},
		{"CloudWatch alarm", s.ControlPlaneHealth(), maxAlarm},
		{"CloudWatch alarm", s.ProbeHealth(), maxAlarm},
	}, slices.Concat(
		alarms(s.RouterAlarm, RouterAlarms()), alarms(s.ControlPlaneAlarm, ControlPlaneAlarms()), alarms(s.ProbeAlarm, ProbeAlarms()),
	)...))
}

// Check returns an error for each of the cell's names that AWS would refuse as too long, joined; nil if there is none.
func (c Cell) Check() error {
	return check("cell "+c.id+": ", append([]limited{
		{"DynamoDB table", c.DataTable(), maxTable},
		{"DynamoDB table", c.ResultsTable(), maxTable},
		{"DynamoDB table", c.CountersTable(), maxTable},
		{"SNS topic", c.Topic(), maxTopic},
		{"SQS queue", c.Queue(), maxQueue},
		{"SQS queue", c.ConsumerDLQ(), maxQueue},
		{"SQS queue", c.SubscriptionDLQ(), maxQueue},
		{"SQS queue", c.StreamDLQ(), maxQueue},
		{"Lambda function", c.Producer(), maxFunction},
		{"Lambda function", c.Consumer(), maxFunction},
		{"IAM role", c.ProducerRole(), maxRole},
		{"IAM role", c.ConsumerRole(), maxRole},
		{"SSM parameter", c.Parameter(), maxParameter},
		{"CloudWatch alarm", c.Health(), maxAlarm},
	}, alarms(c.Alarm, CellAlarms())...))
}

// alarms are the names of the metric alarms of parts.
func alarms(name func(part string) string, parts []string) []limited {
	all := make([]limited, len(parts))
	for i, part := range parts {
		all[i] = limited{"CloudWatch alarm", name(part), maxAlarm}
	}
	return all
}

func check(where string, names []limited) error {
	var errs []error
	for _, n := range names {
		if over := len(n.name) - n.max; over > 0 {
			errs = append(errs, fmt.Errorf("%s%s name %q is %d characters long, AWS allows %d: shorten the stack name or the cell id by %d",
				where, n.kind, n.name, len(n.name), n.max, over))
		}
	}
	return errors.Join(errs...)
}
