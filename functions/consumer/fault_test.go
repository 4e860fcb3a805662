package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/runtime/consumer"
)

// childFault names the fault that a copy of the test's process meets: an exit can only be seen from outside.
const childFault = "CONSUMER_TEST_FAULT"

func TestMain(m *testing.M) {
	if fault := os.Getenv(childFault); fault != "" {
		meet(fault)
		return
	}
	os.Exit(m.Run())
}

// meet says on standard output how far it came.
func meet(fault string) {
	o := faulty()
	_, _ = o.Apply(context.Background(), event.Event{Type: fault})
	_, _ = os.Stdout.WriteString("applied\n")
	o.AfterApply(event.Event{Type: fault})
	_, _ = os.Stdout.WriteString("answered\n")
}

func faulty() consumer.Options {
	o := consumer.Options{Apply: func(context.Context, event.Event) (app.Effect, error) { return app.Effect{}, nil }}
	injectFaults(&o)
	return o
}

func TestExitsWhereTheFaultSays(t *testing.T) {
	for fault, output := range map[string]string{
		faultExit: "", faultExitAfterApply: "applied\n", "order.placed": "applied\nanswered\n",
	} {
		t.Run(fault, func(t *testing.T) {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childFault+"="+fault)
			got, err := child.Output()
			require.Equal(t, output, string(got))
			if fault == "order.placed" {
				require.NoError(t, err)
				return
			}
			exit, ok := errors.AsType[*exec.ExitError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, 1, exit.ExitCode())
		})
	}
}

func TestFaultsThatLeaveTheProcessAlive(t *testing.T) {
	o := faulty()
	require.Panics(t, func() { _, _ = o.Apply(t.Context(), event.Event{Type: faultPanic}) })
	_, err := o.Apply(t.Context(), event.Event{Type: faultError})
	require.Error(t, err)
}

func TestAHangListensToNothing(t *testing.T) {
	o := faulty()
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	go func() { // stays behind when the test ends
		_, _ = o.Apply(ctx, event.Event{Type: faultHang})
		close(returned)
	}()
	cancel()
	select {
	case <-returned:
		t.Fatal("it returned")
	case <-time.After(20 * time.Millisecond):
	}
}
