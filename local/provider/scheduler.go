package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"

	localscheduler "cellular/local/scheduler"
)

// Scheduler is the room where schedules live.
type Scheduler interface {
	Put(localscheduler.Schedule) error
	Get(group, name string) (localscheduler.Schedule, error)
	Delete(group, name string) error
	ARN(group, name string) string
}

// scheduleKind is a schedule in the group that every account has. Its id is GROUP/NAME. Limits: API reference, CreateSchedule.
var scheduleKind = &kind{
	token: "aws:scheduler/schedule:Schedule",
	args:  elementOf(scheduler.ScheduleArgs{}),
	state: reflect.TypeFor[scheduler.Schedule](),
	rules: map[string]rule{
		"name":                       named("0-9a-zA-Z_.-", 1, 64),
		"groupName":                  oneOf("default"), // the program makes no others
		"description":                length(0, 512),
		"scheduleExpression":         text(func(s string) error { _, err := localscheduler.Interval(s); return err }),
		"scheduleExpressionTimezone": oneOf("UTC"),
		"state":                      oneOf("ENABLED", "DISABLED"),
		"flexibleTimeWindow.mode":    oneOf("OFF"), // the local cloud is never late
		"target.arn":                 arnOf("lambda"),
		"target.roleArn":             arnOf("iam"),
		"target.input": text(func(s string) error {
			if !json.Valid([]byte(s)) {
				return errors.New("is not JSON, which Lambda takes alone")
			}
			return nil
		}),
		"target.retryPolicy.maximumRetryAttempts":     numberIn(0), // the local cloud has no others
		"target.retryPolicy.maximumEventAgeInSeconds": between(60, 86_400),
	},
	defaults:  values{"groupName": "default", "state": "ENABLED", "scheduleExpressionTimezone": "UTC"},
	verify:    verifySchedule,
	replaceOn: []string{"name", "groupName"},
	create: func(_ context.Context, c *clients, r request) (string, values, error) {
		s := schedule(r.in)
		if _, err := c.scheduler.Get(s.Group, s.Name); err == nil {
			return "", nil, fmt.Errorf("ConflictException: there is a schedule %s already", s.Name)
		}
		if err := c.scheduler.Put(s); err != nil {
			return "", nil, err
		}
		return s.Group + "/" + s.Name, values{"arn": c.scheduler.ARN(s.Group, s.Name), "namePrefix": ""}, nil
	},
	read: func(_ context.Context, c *clients, r request) (values, error) {
		group, name, _ := strings.Cut(r.id, "/")
		s, err := c.scheduler.Get(group, name)
		if err != nil {
			return nil, absentSchedule(err)
		}
		found := values{
			"arn": c.scheduler.ARN(group, name), "namePrefix": "", "name": name, "groupName": group, "scheduleExpression": s.Expression,
			"scheduleExpressionTimezone": "UTC", "state": "DISABLED", "flexibleTimeWindow": values{"mode": "OFF"},
		}
		if s.Enabled {
			found["state"] = "ENABLED"
		}
		if s.Description != "" {
			found["description"] = s.Description
		}
		retries := values{"maximumRetryAttempts": 0}
		if s.MaximumAge > 0 {
			retries["maximumEventAgeInSeconds"] = s.MaximumAge
		}
		target := values{"arn": s.TargetARN, "roleArn": s.RoleARN, "retryPolicy": retries}
		if s.Input != "" {
			target["input"] = s.Input
		}
		found["target"] = target
		return found, nil
	},
	update: func(_ context.Context, c *clients, r request) (values, error) {
		return nil, c.scheduler.Put(schedule(r.in))
	},
	remove: func(_ context.Context, c *clients, r request) error {
		group, name, _ := strings.Cut(r.id, "/")
		return absentSchedule(c.scheduler.Delete(group, name))
	},
}

// verifySchedule refuses the retries that AWS makes where nothing else is said, 185 within a day.
func verifySchedule(in props) []problem {
	const retries = "target.retryPolicy.maximumRetryAttempts"
	target, ok := in.get("target")
	if !ok || !target.IsObject() || target.ContainsUnknowns() {
		return nil
	}
	if in.object("target").object("retryPolicy").has("maximumRetryAttempts") {
		return nil
	}
	return []problem{{retries, "is required: the local cloud does not run anything again"}}
}

func schedule(in props) localscheduler.Schedule {
	target := in.object("target")
	return localscheduler.Schedule{
		Group: in.str("groupName"), Name: in.str("name"), Description: in.str("description"), Expression: in.str("scheduleExpression"),
		TargetARN: target.str("arn"), RoleARN: target.str("roleArn"), Input: target.str("input"),
		MaximumAge: target.object("retryPolicy").num("maximumEventAgeInSeconds"), Enabled: in.str("state") == "ENABLED",
	}
}

func absentSchedule(err error) error {
	if errors.Is(err, localscheduler.ErrNotFound) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}
