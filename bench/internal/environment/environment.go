// Package environment runs a packaged Lambda function as Lambda does: one process behind the Runtime API, one event at a
// time, with Lambda's variables and nothing inherited. It exists to measure such a process from outside, so it does as
// little as it can itself: no queue, no restart, no timeout that a well-behaved function would meet.
package environment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"time"

	"cellular/bench/internal/procfs"
	"cellular/local/process"
)

var errGone = errors.New("the process ended")

// Environment is one execution environment. One goroutine at a time may use it.
type Environment struct {
	api   *runtimeAPI
	child *process.Process
	log   *tail
}

// Answer is how a function answered an event.
type Answer struct {
	Payload []byte
	Took    time.Duration // from when the process was handed the event to when it posted the response
}

// Start starts the binary as a child of group. variables are the function's own; AWS calls go to endpoint.
func Start(group *process.Group, binary, endpoint string, variables map[string]string) (*Environment, error) {
	api, err := startRuntimeAPI()
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          api.address,
		"AWS_LAMBDA_FUNCTION_NAME":        "bench",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "INFO",
		"AWS_REGION":                      "us-east-1",
		"AWS_ACCESS_KEY_ID":               "local",
		"AWS_SECRET_ACCESS_KEY":           "local",
		"AWS_ENDPOINT_URL":                endpoint,
		"TZ":                              ":UTC",
	}
	maps.Copy(all, variables)

	e := &Environment{api: api, log: &tail{}}
	cmd := exec.Command(binary)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		cmd.Env = append(cmd.Env, name+"="+all[name])
	}
	// Through a pipe, as on Lambda: what a function logs is a part of what it costs.
	cmd.Stdout, cmd.Stderr = e.log, e.log
	e.child, err = group.Start(cmd)
	if err != nil {
		return nil, errors.Join(err, api.close())
	}
	return e, nil
}

// Invoke hands one event to the process and returns its answer. After an error the environment is of no further use.
func (e *Environment) Invoke(ctx context.Context, event []byte) (Answer, error) {
	answer, err := e.api.invoke(ctx, event, e.child.Done())
	if err != nil {
		return Answer{}, fmt.Errorf("invoke: %w; the last that the process wrote:\n%s", err, e.log)
	}
	return answer, nil
}

// CPU is the processor time that the process used so far, in user and kernel mode.
func (e *Environment) CPU() (time.Duration, error) { return procfs.CPU(e.child.Pid()) }

// PeakMemory is the most resident memory that the process had so far, in bytes.
func (e *Environment) PeakMemory() (int64, error) { return procfs.PeakMemory(e.child.Pid()) }

// Stop ends the process.
func (e *Environment) Stop() error {
	e.child.Kill()
	return e.api.close()
}
