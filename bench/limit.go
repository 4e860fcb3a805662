package main

import (
	"context"
	"fmt"
	"time"

	"cellular/internal/runtime/guard"
	"cellular/internal/testkit/limittest"
)

// The tenant's limit is the default of stack config. A minute is any 60 s that begin after limitWarmUp.
const (
	limitRate   = 100 // requests per second
	limitBurst  = 200
	limitWarmUp = 10 * time.Second
)

var (
	limitProcesses = []int{1, 20, 200}
	limitLoads     = []float64{0.5, 1, 2, 10} // of the limit
)

// measureLimit has one tenant send less and more than its limit to small and large fleets of routers, in simulated time:
// the guards are the real ones, the clock and the counter are not.
func measureLimit(ctx context.Context, h *harness) ([]row, error) {
	duration := pick(h, 5*time.Minute, 80*time.Second)
	var rows []row
	for _, processes := range limitProcesses {
		for _, load := range limitLoads {
			fleet := limittest.Fleet{
				Limit: guard.Limit{Rate: limitRate, Burst: limitBurst}, Processes: processes, Load: load, For: duration,
			}
			more, err := limitRows(ctx, h, fleet)
			if err != nil {
				return nil, err
			}
			rows = append(rows, more...)
		}
	}
	for i := range rows {
		rows[i].Note = fmt.Sprintf("A tenant's limit is %d/s, burst %d. Its requests come by chance, evenly spread over the processes, for %s of simulated time a round. "+
			"Most and least: of the limit, or of the load where that is less, in any 60 s after the first %s. Own limits alone: no counter answers.",
			limitRate, limitBurst, duration, limitWarmUp)
	}
	return rows, nil
}

// limitRows compares a fleet with the same one without a counter, and what it writes with a write for each request.
func limitRows(ctx context.Context, h *harness, fleet limittest.Fleet) ([]row, error) {
	var most, least, writes, alone, aloneLeast, asked series
	err := interleave(ctx, h.rounds,
		func() error {
			fleet.Seed++
			m := fleet.Run()
			low, high := m.Minutes(fleet.Limit, fleet.Load, limitWarmUp)
			most, least = append(most, 100*high), append(least, 100*low)
			seconds := fleet.For.Seconds()
			writes, asked = append(writes, float64(m.Calls())/seconds), append(asked, float64(m.Requests())/seconds)
			return nil
		},
		func() error {
			without := fleet
			without.Failing = 1
			low, high := without.Run().Minutes(fleet.Limit, fleet.Load, limitWarmUp)
			alone, aloneLeast = append(alone, 100*high), append(aloneLeast, 100*low)
			return nil
		},
	)
	if err != nil {
		return nil, err
	}
	const against = "own limits alone"
	of := fmt.Sprintf("limit, %gx asked, processes %d: ", fleet.Load, fleet.Processes)
	return []row{
		newRow(of+"most in a minute", percent, most, against, alone, valueAtMost(120)),
		newRow(of+"least in a minute", percent, least, against, aloneLeast, valueAtLeast(80)),
		newRow(of+"counter writes", perSecond, writes, "a write for each request", asked, nil),
	}, nil
}
