package config

import (
	"time"

	"cellular/internal/model/env"
)

// Probe is what an operator tunes of the standing probe, which sends one event through each cell in every round.
type Probe struct {
	Enabled  bool
	Interval time.Duration // from the start of a round to that of the next: whole minutes
	// Patience is how long a cell has to process its event. It counts for each cell by itself. A round starts its cells within the
	// first third of the interval, so that with a patience of less than half of it, a sixth is left for the rest of the round.
	Patience time.Duration
	Memory   int // MiB
}

// maxProbeInterval is the longest timeout of a function, and the longest period of an alarm.
const maxProbeInterval = maxAlarmPeriod

// Timeout is that of the probe's function: a round that hangs is ended when the next begins.
func (p Probe) Timeout() time.Duration { return p.Interval }

// ProbePeriod is the period of the alarms that measure what the probe writes: a shorter one than the interval would have no
// data most of the time. Periods of seconds are for the local cloud, which runs schedules that much faster.
func (c Config) ProbePeriod() time.Duration {
	if c.Alarms.Period < time.Minute {
		return c.Alarms.Period
	}
	return max(c.Alarms.Period, c.Probe.Interval)
}

// ProbeEnvironment returns those variables of the probe's function that the configuration decides. See package env.
func (c Config) ProbeEnvironment() map[string]string {
	return map[string]string{
		env.CellParameters:   c.Deployment.CellParameters(),
		env.MappingTable:     c.Deployment.MappingTable(),
		env.MoveTable:        c.Deployment.MoveTable(),
		env.CacheHardTTL:     c.Router.HardTTL.String(),
		env.ProbeInterval:    c.Probe.Interval.String(),
		env.ProbePatience:    c.Probe.Patience.String(),
		env.MetricsNamespace: c.Deployment.MetricsNamespace(),
		env.LogLevel:         c.Functions.LogLevel,
	}
}

func probeFields(o *object, p *Probe) {
	o.boolean("enabled", &p.Enabled)
	field(o, "interval", &p.Interval, parseDuration, func(d time.Duration) bool {
		return time.Minute <= d && d <= maxProbeInterval && d%time.Minute == 0
	}, "whole minutes from 1m to "+short(maxProbeInterval))
	o.seconds("patience", &p.Patience, time.Second, maxProbeInterval)
	o.integer("memory", &p.Memory, 128, 10240)
}

// checkProbe refuses rounds that do not end before the next.
func checkProbe(c Config, r rules) {
	r.require(2*c.Probe.Patience < c.Probe.Interval, []string{"probe.patience", "probe.interval"},
		"is %s, want less than half the interval of %s", short(c.Probe.Patience), short(c.Probe.Interval))
}

// checkProbePatience refuses a probe that gives up before a cell that is well has had the time, or before the router has said
// which cell is not.
func checkProbePatience(c Config, r rules) {
	if !c.Probe.Enabled {
		return
	}
	atRouter := c.Router.RefreshTimeout + c.Router.CellTimeout
	r.require(c.Probe.Patience > atRouter, []string{"probe.patience", "router.refreshTimeout", "router.cellTimeout"},
		"is %s, want more than the router's refreshTimeout and cellTimeout, which are %s: the router says which cell hangs", short(c.Probe.Patience), short(atRouter))
	windows := c.Pipeline.Stream.BatchWindow + c.Pipeline.Queue.BatchWindow
	r.require(c.Probe.Patience > windows, []string{"probe.patience", "pipeline.stream.batchWindow", "pipeline.queue.batchWindow"},
		"is %s, want more than the batchWindows of the stream and the queue, which are %s: an event waits for both", short(c.Probe.Patience), short(windows))
}
