package local

import (
	"context"
	"fmt"
	"time"

	"cellular/local/gate"
	"cellular/local/lambda"
	"cellular/local/scheduler"
)

// scheduleMinute is how long a minute of a schedule takes: as long as a period of the alarms, so that a demo sees a fault in one of them.
const scheduleMinute = 10 * time.Second

const schedulerService = "scheduler.amazonaws.com"

// schedules runs functions on schedule, as the roles that the schedules name.
type schedules struct {
	functions *lambda.Service
	gate      *gate.Gate
}

func (s schedules) run(ctx context.Context, schedule scheduler.Schedule, groupARN string) error {
	// The service's session has the name of the schedule.
	if _, err := s.gate.AssumeFor(schedulerService, schedule.RoleARN, schedule.Name, groupARN); err != nil {
		return err
	}
	if err := s.gate.Authorize(schedule.RoleARN, schedule.Name, "lambda:InvokeFunction", schedule.TargetARN); err != nil {
		return err
	}
	result, err := s.functions.Invoke(ctx, schedule.TargetARN, []byte(schedule.Input))
	if err == nil && result.FunctionError != "" {
		return fmt.Errorf("the function failed: %s", result.Payload)
	}
	return err
}

// newScheduler makes the cloud's scheduler, which runs what it keeps if the options say so.
func (c *Cloud) newScheduler(region string) (*scheduler.Service, error) {
	log, err := c.logs.open("scheduler")
	if err != nil {
		return nil, err
	}
	o := scheduler.Options{Region: region, Account: gate.Account, Run: schedules{c.Lambda, c.gate}.run, Log: log}
	if c.options.Schedules {
		o.Minute = scheduleMinute
	}
	return scheduler.New(o), nil
}

// PauseSchedules has nothing run on schedule any more, until a schedule is changed.
func (c *Cloud) PauseSchedules() { c.schedules.Pause() }
