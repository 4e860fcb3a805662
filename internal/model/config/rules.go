package config

import (
	"slices"
	"strings"
	"time"
)

// checkRules reports the values that contradict each other.
func checkRules(c Config, p *problems) {
	checkGlobalNames(c.Deployment, namespace+"deployment", p)
	r := rules{problems: p, prefix: namespace}
	checkCells(c, r)
	checkAuth(c, r)
	checkRouter(c, r)
	checkFaults(c, r)
	checkPipeline(c, r)
	checkReserved(c, r)
	checkProbe(c, r)
	checkProbePatience(c, r)
	checkAlarmPeriod(c, r)
	checkCellAlarms(c, r)
	checkTopic(c, r)
}

// rules reports about keys by their paths within the configuration, such as "router.softTTL".
type rules struct {
	*problems
	prefix string // of the paths in messages
}

// require reports the first of the keys unless ok. It says nothing where a key is already reported: its value is then
// not the one that was given.
func (r rules) require(ok bool, keys []string, format string, args ...any) {
	if ok || slices.ContainsFunc(keys, func(key string) bool { return r.bad[r.prefix+key] }) {
		return
	}
	r.add(r.prefix+keys[0], "", format, args...)
}

func checkCells(c Config, r rules) {
	r.require(len(c.Cells) > 0 || !c.Plane.HasCells() || r.reportedCells(), []string{"cells", "plane"},
		"lists no cell, want at least one, or %splane: %s for a stack without cells", r.prefix, PlaneGlobal)
}

// reportedCells is whether a cell was given and refused.
func (r rules) reportedCells() bool {
	for path := range r.bad {
		if strings.HasPrefix(path, r.prefix+"cells[") {
			return true
		}
	}
	return false
}

// checkAuth keeps an open router to stacks that may be thrown away: whatever a stack is called, one that protects its
// data does not let anyone write to it.
func checkAuth(c Config, r rules) {
	const kind, issuer, audience, claim = "router.auth.type", "router.auth.issuer", "router.auth.audience", "router.auth.tenantClaim"
	auth := c.Router.Auth
	r.require(auth.Type != AuthNone || !c.Protect, []string{kind, "protect"},
		"is %s while %sprotect is true, want %s or %s: an open router is for throw-away stacks", AuthNone, r.prefix, AuthIAM, AuthJWT)
	for _, field := range []struct {
		key string
		set bool
	}{
		{issuer, auth.Issuer != ""}, {audience, len(auth.Audience) > 0}, {claim, auth.TenantClaim != ""},
	} {
		if auth.Type == AuthJWT {
			r.require(field.set, []string{field.key, kind}, "is not set, want a value: %s%s is %s", r.prefix, kind, auth.Type)
		} else {
			r.require(!field.set, []string{field.key, kind}, "is set, want none: %s%s is %s, only %s has a use for it", r.prefix, kind, auth.Type, AuthJWT)
		}
	}
}

func checkRouter(config Config, r rules) {
	c := config.Router
	const claim = "router.auth.tenantClaim"
	size := EnvironmentSize(config.RouterEnvironment())
	r.require(size <= maxEnvironment, []string{claim, "deployment"},
		"is %d bytes long, so that the environment of the router's function takes %d bytes, want at most %d", len(c.Auth.TenantClaim), size, maxEnvironment)
	r.require(c.SoftTTL < c.HardTTL, []string{"router.softTTL", "router.hardTTL"},
		"is %s, want less than the hardTTL of %s", short(c.SoftTTL), short(c.HardTTL))
	// The longest request reads the mapping and then uses up its time in the cell, and has to be answered even so.
	waits := c.RefreshTimeout + c.CellTimeout
	r.require(waits < c.Timeout, []string{"router.timeout", "router.refreshTimeout", "router.cellTimeout"},
		"is %s, want more than refreshTimeout and cellTimeout, which are %s", short(c.Timeout), short(waits))
	r.require(c.CellLimit.Rate >= c.TenantLimit.Rate, []string{"router.cellLimit.rate", "router.tenantLimit.rate"},
		"is %d, want at least the tenantLimit's rate of %d: one tenant alone must not use up its cell's share", c.CellLimit.Rate, c.TenantLimit.Rate)
	r.require(c.CellLimit.Burst >= c.TenantLimit.Burst, []string{"router.cellLimit.burst", "router.tenantLimit.burst"},
		"is %d, want at least the tenantLimit's burst of %d: one tenant alone must not use up its cell's share", c.CellLimit.Burst, c.TenantLimit.Burst)
}

// checkFaults keeps game days to stacks that may be thrown away.
func checkFaults(c Config, r rules) {
	r.require(!c.Functions.FaultInjection || !c.Protect, []string{"functions.faultInjection", "protect"},
		"is true while %sprotect is true, want false: faults are for throw-away stacks", r.prefix)
}

// maxAccountConcurrency is more than any account's Lambda concurrency in a Region: 1,000 at first, up to tens of thousands
// on request. Lambda keeps unreservedConcurrency of it for functions that reserve none.
const (
	maxAccountConcurrency = 100_000
	unreservedConcurrency = 100
)

// checkReserved adds up what the stack's functions reserve of the account's one pool.
func checkReserved(c Config, r rules) {
	total := 0
	if c.Plane.HasGlobal() {
		total += c.Router.ReservedConcurrency
	}
	if c.Plane.HasCells() {
		total += len(c.Cells) * (c.Pipeline.ProducerReservedConcurrency + c.Pipeline.ConsumerReservedConcurrency)
	}
	const most = maxAccountConcurrency - unreservedConcurrency
	r.require(total <= most, []string{"pipeline.consumerReservedConcurrency", "pipeline.producerReservedConcurrency", "router.reservedConcurrency", "cells"},
		"makes %d with what the router and the producers of %d cells reserve, want at most %d: no account has more", total, len(c.Cells), most)
}

func checkPipeline(c Config, r rules) {
	stream, queue, consumer := c.Pipeline.Stream, c.Pipeline.Queue, c.Pipeline.Consumer
	const timeout = "functions.timeout"

	r.require(consumer.RecordTimeout+ConsumerAnswerMargin <= c.Functions.Timeout, []string{"pipeline.consumer.recordTimeout", timeout},
		"is %s, want at least %s less than the functions' timeout of %s, which the consumer keeps for its answer",
		short(consumer.RecordTimeout), short(ConsumerAnswerMargin), short(c.Functions.Timeout))
	r.require(StreamRetries(c.Functions, stream) <= maxStreamRetries, []string{"pipeline.stream.maxRecordAge", timeout},
		"is %s, want at most %s with the functions' timeout of %s: Lambda retries a record at most %d times, and a topic that fails must not use them up",
		short(stream.MaxRecordAge), short(longestRecordAge(c.Functions)), short(c.Functions.Timeout), maxStreamRetries)
	r.require(consumer.RetryBackoffBase <= consumer.RetryBackoffMax, []string{"pipeline.consumer.retryBackoff.base", "pipeline.consumer.retryBackoff.max"},
		"is %s, want at most the max of %s", short(consumer.RetryBackoffBase), short(consumer.RetryBackoffMax))
	r.require(queue.BatchSize <= 10 || queue.BatchWindow >= time.Second, []string{"pipeline.queue.batchSize", "pipeline.queue.batchWindow"},
		"is %d, want at most 10, or a batchWindow of at least 1s", queue.BatchSize)
	r.require(c.Pipeline.ConsumerReservedConcurrency == 0 || c.Pipeline.ConsumerReservedConcurrency >= queue.MaxConcurrency,
		[]string{"pipeline.consumerReservedConcurrency", "pipeline.queue.maxConcurrency"},
		"is %d, want 0 or at least the queue's maxConcurrency of %d: receives that are throttled count as failures", c.Pipeline.ConsumerReservedConcurrency, queue.MaxConcurrency)

	// A message that SQS forgets before its last receive never reaches the DLQ.
	retries := time.Duration(queue.MaxReceiveCount) * (VisibilityTimeout(c.Functions, queue) + consumer.RetryBackoffMax)
	r.require(queue.Retention > retries,
		[]string{"pipeline.queue.retention", "pipeline.queue.maxReceiveCount", "pipeline.queue.batchWindow", "pipeline.consumer.retryBackoff.max", timeout},
		"is %s, want more than the %s that maxReceiveCount receives can take", short(queue.Retention), short(retries))
	r.require(queue.DLQRetention > queue.Retention, []string{"pipeline.queue.dlqRetention", "pipeline.queue.retention"},
		"is %s, want more than the queue's retention of %s: a message in a DLQ keeps its age", short(queue.DLQRetention), short(queue.Retention))

	// The longest way of one event: retried on the stream, in the stream's DLQ, replayed into the queue, in its DLQ.
	longest := stream.MaxRecordAge + queue.DLQRetention + queue.Retention + queue.DLQRetention
	r.require(c.Pipeline.DataTTL > longest,
		[]string{"pipeline.dataTTL", "pipeline.stream.maxRecordAge", "pipeline.queue.retention", "pipeline.queue.dlqRetention"},
		"is %s, want more than the %s that an event can be on its way (maxRecordAge, retention and twice dlqRetention): its payload may be read until then",
		short(c.Pipeline.DataTTL), short(longest))
	r.require(consumer.ResultTTL > c.Pipeline.DataTTL, []string{"pipeline.consumer.resultTTL", "pipeline.dataTTL"},
		"is %s, want more than the dataTTL of %s: an event that was applied must not be seen as accepted once more", short(consumer.ResultTTL), short(c.Pipeline.DataTTL))
}
