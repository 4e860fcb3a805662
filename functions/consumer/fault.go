package main

import (
	"context"
	"errors"
	"os"

	"cellular/app"
	"cellular/internal/runtime/consumer"
)

// The event types that break something on purpose, for game days and tests. They do so only where the cell's
// configuration turns fault injection on; elsewhere they are types like any other.
const (
	faultPanic          = "fault.panic"            // the business function panics
	faultError          = "fault.error"            // it returns an error that is worth a retry
	faultHang           = "fault.hang"             // it never returns, whatever its context says
	faultExit           = "fault.exit"             // the process ends before the event is applied
	faultExitAfterApply = "fault.exit-after-apply" // the process ends when it is applied, before the batch is answered
)

// injectFaults puts the faults around the business function.
func injectFaults(o *consumer.Options) {
	next := o.Apply
	o.Apply = func(ctx context.Context, e app.Event) (app.Effect, error) {
		switch e.Type {
		case faultPanic:
			panic("injected")
		case faultError:
			return app.Effect{}, errors.New("injected")
		case faultHang:
			select {}
		case faultExit:
			os.Exit(1)
		}
		return next(ctx, e)
	}
	o.AfterApply = func(e app.Event) {
		if e.Type == faultExitAfterApply {
			os.Exit(1)
		}
	}
}
