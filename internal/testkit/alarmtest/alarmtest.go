// Package alarmtest has CloudWatch's alarms in memory, for tests of what reads them.
package alarmtest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"cellular/internal/model/naming"
)

// Topic is what the composites of a deployment page.
const Topic = "arn:aws:sns:us-east-1:123456789012:dev-global-alarms"

// CloudWatch answers DescribeAlarms as AWS does. It is safe for concurrent use once its alarms are made.
type CloudWatch struct {
	Page int   // how many alarms an answer has at most; 0: as many as it is asked for
	Err  error // of every request
	Ask  func() error

	mu         sync.Mutex
	requests   int
	metrics    []*types.MetricAlarm
	composites []*types.CompositeAlarm
}

// Deployment is the alarms of a stack and its cells. All are OK since then.
func Deployment(stack naming.Stack, then time.Time, cells ...string) *CloudWatch {
	c := &CloudWatch{}
	c.Add(stack, "control-plane", then, naming.ControlPlaneAlarms()...)
	c.Add(stack, "router", then, naming.RouterAlarms()...)
	for _, id := range cells {
		c.AddCell(stack, id, then)
	}
	return c
}

// AddCell makes the alarms of a cell.
func (c *CloudWatch) AddCell(stack naming.Stack, id string, then time.Time) {
	c.Add(stack, "cell-"+id, then, naming.CellAlarms()...)
}

// Add makes the alarms of a subject, which is named as the names of its alarms end.
func (c *CloudWatch) Add(stack naming.Stack, subject string, then time.Time, parts ...string) {
	var rule []string
	for _, part := range parts {
		name := stack.AlarmPrefix() + part + "-" + subject
		rule = append(rule, `ALARM("`+name+`")`)
		c.metrics = append(c.metrics, &types.MetricAlarm{
			AlarmName: &name, StateValue: types.StateValueOk, StateReason: aws.String("Threshold Crossed: no datapoints were received"),
			StateTransitionedTimestamp: &then, StateUpdatedTimestamp: aws.Time(then.Add(time.Hour)),
			AlarmDescription: aws.String("Something waits. Runbook: docs/operations.md#4-poison"),
		})
	}
	health := &types.CompositeAlarm{
		AlarmName: aws.String(stack.HealthPrefix() + subject), StateValue: types.StateValueOk, StateReason: aws.String("all is OK"),
		StateTransitionedTimestamp: &then, StateUpdatedTimestamp: &then, AlarmRule: aws.String(strings.Join(rule, " OR ")),
		ActionsEnabled: aws.Bool(true), AlarmActions: []string{Topic}, OKActions: []string{Topic},
		AlarmDescription: aws.String("It is not well: one of its alarms fires. Runbook: docs/operations.md#5-a-sick-cell"),
	}
	switch {
	case strings.HasPrefix(subject, "cell-"):
		health.ActionsSuppressor = aws.String("arn:aws:cloudwatch:us-east-1:123456789012:alarm:" + stack.HealthPrefix() + "router")
	case subject == "router":
		health.ActionsSuppressor = aws.String(stack.HealthPrefix() + "control-plane")
	}
	c.composites = append(c.composites, health)
}

// Metric is a metric alarm, to be changed.
func (c *CloudWatch) Metric(name string) *types.MetricAlarm {
	return c.metrics[slices.IndexFunc(c.metrics, func(m *types.MetricAlarm) bool { return *m.AlarmName == name })]
}

// Composite is a composite alarm, to be changed.
func (c *CloudWatch) Composite(name string) *types.CompositeAlarm {
	return c.composites[slices.IndexFunc(c.composites, func(m *types.CompositeAlarm) bool { return *m.AlarmName == name })]
}

// Set has a metric alarm, and the composite whose rule names it, be in a state since a time.
func (c *CloudWatch) Set(name string, state types.StateValue, since time.Time, reason string) {
	m := c.Metric(name)
	m.StateValue, m.StateReason, m.StateTransitionedTimestamp = state, &reason, &since
	for _, h := range c.composites {
		if state == types.StateValueAlarm && strings.Contains(*h.AlarmRule, `"`+name+`"`) {
			h.StateValue, h.StateReason, h.StateTransitionedTimestamp = state, aws.String(name+" transitioned to ALARM"), &since
		}
	}
}

// Delete removes alarms.
func (c *CloudWatch) Delete(names ...string) {
	c.metrics = slices.DeleteFunc(c.metrics, func(m *types.MetricAlarm) bool { return slices.Contains(names, *m.AlarmName) })
	c.composites = slices.DeleteFunc(c.composites, func(m *types.CompositeAlarm) bool { return slices.Contains(names, *m.AlarmName) })
}

// Requests is how many requests there were.
func (c *CloudWatch) Requests() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// DescribeAlarms returns the alarms that the input asks for, a page at a time: metric alarms first.
func (c *CloudWatch) DescribeAlarms(_ context.Context, in *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	c.mu.Lock()
	c.requests++
	c.mu.Unlock()
	if c.Ask != nil {
		if err := c.Ask(); err != nil {
			return nil, err
		}
	}
	if c.Err != nil {
		return nil, c.Err
	}
	size := int(aws.ToInt32(in.MaxRecords))
	if len(in.AlarmNames) > 100 || size > 100 || len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, errors.New("ValidationError: more than a hundred, or names and a prefix")
	}
	if c.Page > 0 {
		size = c.Page
	}
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	wanted := func(kind types.AlarmType, name string, state types.StateValue) bool {
		return slices.Contains(kinds, kind) && strings.HasPrefix(name, aws.ToString(in.AlarmNamePrefix)) &&
			(len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, name)) && (in.StateValue == "" || in.StateValue == state)
	}
	start, _ := strconv.Atoi(aws.ToString(in.NextToken)) // 0 without a token
	out, i := &cloudwatch.DescribeAlarmsOutput{}, 0
	page := func(is bool) bool {
		if !is {
			return false
		}
		i++
		if i == start+size+1 {
			out.NextToken = aws.String(strconv.Itoa(start + size))
		}
		return i > start && i <= start+size
	}
	for _, m := range c.metrics {
		if page(wanted(types.AlarmTypeMetricAlarm, *m.AlarmName, m.StateValue)) {
			out.MetricAlarms = append(out.MetricAlarms, *m)
		}
	}
	for _, h := range c.composites {
		if page(wanted(types.AlarmTypeCompositeAlarm, *h.AlarmName, h.StateValue)) {
			out.CompositeAlarms = append(out.CompositeAlarms, *h)
		}
	}
	return out, nil
}
