package cell

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cellular/internal/consumer"
	"cellular/internal/mapping"
	"cellular/internal/naming"
)

const day = 24 * time.Hour

// AnswerMargin is the part of each invocation that the consumer keeps for its answer. A timeout without room for a whole
// record beside it would leave every record unstarted.
const AnswerMargin = consumer.AnswerMargin

// The values that AWS takes.
var (
	architectures = []string{"arm64", "x86_64"}
	logLevels     = []string{"debug", "info", "warn", "error"}
	retentionDays = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)

// Validate returns everything that is wrong with the arguments, joined; nil if nothing is. The bounds are those that AWS
// sets, and those without which an event could be lost. The stack's configuration sets narrower ones where it should.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("no arguments")
	}
	var p problems
	p.require(naming.ValidCellID(a.ID), "ID is %q, want 2 to 20 lower-case letters, digits and -, the first a letter", a.ID)
	p.between("Wave", a.Wave, 0, 1_000_000)
	oneOf(&p, "Tier", a.Tier, []string{mapping.TierStandard, mapping.TierDedicated})
	p.between("MaxTenants", a.MaxTenants, 1, 1_000_000)
	p.require(a.Stack != "", "Stack is empty, want the name that physical names start with")
	if err := a.Stack.Cell(a.ID).Check(); err != nil {
		p = append(p, err)
	}
	p.require(a.RouterRoleARN != nil, "RouterRoleARN is nil, want the ARN of the role that may enter the cell")
	p.require(strings.HasSuffix(a.Code.Producer, ".zip"), "Code.Producer is %q, want the path of a zip file", a.Code.Producer)
	p.require(strings.HasSuffix(a.Code.Consumer, ".zip"), "Code.Consumer is %q, want the path of a zip file", a.Code.Consumer)
	a.Functions.validate(&p)
	a.Pipeline.validate(&p)
	a.validateTogether(&p)
	return errors.Join(p...)
}

func (f Functions) validate(p *problems) {
	oneOf(p, "Functions.Architecture", f.Architecture, architectures)
	p.between("Functions.Memory", f.Memory, 128, 10_240)
	p.seconds("Functions.Timeout", f.Timeout, time.Second, 15*time.Minute)
	oneOf(p, "Functions.LogLevel", f.LogLevel, logLevels)
	oneOf(p, "Functions.LogRetentionDays", f.LogRetentionDays, retentionDays)
}

func (l Pipeline) validate(p *problems) {
	p.between("Pipeline.Stream.BatchSize", l.Stream.BatchSize, 1, 10_000)
	p.seconds("Pipeline.Stream.BatchWindow", l.Stream.BatchWindow, 0, 5*time.Minute)
	p.between("Pipeline.Stream.Retries", l.Stream.Retries, 0, 10_000)
	p.seconds("Pipeline.Stream.MaxRecordAge", l.Stream.MaxRecordAge, time.Minute, day-time.Second)
	p.between("Pipeline.Stream.Parallelization", l.Stream.Parallelization, 1, 10)
	p.between("Pipeline.InlinePayloadBytes", l.InlinePayloadBytes, 1, 240<<10)
	p.between("Pipeline.Queue.BatchSize", l.Queue.BatchSize, 1, 10_000)
	p.seconds("Pipeline.Queue.BatchWindow", l.Queue.BatchWindow, 0, 5*time.Minute)
	p.between("Pipeline.Queue.MaxReceiveCount", l.Queue.MaxReceiveCount, 5, 1000)
	p.between("Pipeline.Queue.MaxConcurrency", l.Queue.MaxConcurrency, 2, 1000)
	p.seconds("Pipeline.Queue.Retention", l.Queue.Retention, time.Minute, 14*day)
	p.seconds("Pipeline.Queue.DLQRetention", l.Queue.DLQRetention, time.Minute, 14*day)
	p.duration("Pipeline.Consumer.RecordTimeout", l.Consumer.RecordTimeout, time.Millisecond, 15*time.Minute)
	p.duration("Pipeline.Consumer.RetryBackoffBase", l.Consumer.RetryBackoffBase, time.Millisecond, 12*time.Hour)
	p.duration("Pipeline.Consumer.RetryBackoffMax", l.Consumer.RetryBackoffMax, time.Millisecond, 12*time.Hour)
	p.between("Pipeline.ProducerReservedConcurrency", l.ProducerReservedConcurrency, 0, 10_000)
	p.between("Pipeline.ConsumerReservedConcurrency", l.ConsumerReservedConcurrency, 0, 10_000)
}

// validateTogether reports values that contradict each other.
func (a *Args) validateTogether(p *problems) {
	queue, consumer := a.Pipeline.Queue, a.Pipeline.Consumer
	p.require(queue.BatchSize <= 10 || queue.BatchWindow >= time.Second,
		"Pipeline.Queue.BatchSize is %d, want at most 10, or a BatchWindow of at least 1s", queue.BatchSize)
	p.require(consumer.RecordTimeout+AnswerMargin <= a.Functions.Timeout,
		"Pipeline.Consumer.RecordTimeout is %s, want at least %s less than Functions.Timeout, %s: the consumer keeps that much for its answer",
		consumer.RecordTimeout, AnswerMargin, a.Functions.Timeout)
	p.require(consumer.RetryBackoffBase <= consumer.RetryBackoffMax,
		"Pipeline.Consumer.RetryBackoffBase is %s, want at most RetryBackoffMax, %s", consumer.RetryBackoffBase, consumer.RetryBackoffMax)
	reserved := a.Pipeline.ConsumerReservedConcurrency
	p.require(reserved == 0 || reserved >= queue.MaxConcurrency,
		"Pipeline.ConsumerReservedConcurrency is %d, want 0 or at least Queue.MaxConcurrency, %d: a throttled receive counts as a failed one", reserved, queue.MaxConcurrency)

	// SQS deletes what outlives its retention, and does not move it to the DLQ.
	receives := time.Duration(queue.MaxReceiveCount) * max(a.visibilityTimeout(), consumer.RetryBackoffMax)
	p.require(receives < queue.Retention,
		"Pipeline.Queue.Retention is %s, want more than the %s that MaxReceiveCount receives can take", queue.Retention, receives)
	p.require(queue.Retention < queue.DLQRetention,
		"Pipeline.Queue.DLQRetention is %s, want more than Retention, %s: a message in a DLQ keeps its age", queue.DLQRetention, queue.Retention)
	p.require(consumer.ResultTTL > queue.Retention+queue.DLQRetention,
		"Pipeline.Consumer.ResultTTL is %s, want more than Retention and DLQRetention, %s: the ledger outlives every redelivery", consumer.ResultTTL, queue.Retention+queue.DLQRetention)
}

// problems collects what is wrong.
type problems []error

func (p *problems) require(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p *problems) between(field string, value, low, high int) {
	p.require(low <= value && value <= high, "%s is %d, want %d to %d", field, value, low, high)
}

func (p *problems) duration(field string, value, low, high time.Duration) {
	p.require(low <= value && value <= high, "%s is %s, want %s to %s", field, value, low, high)
}

func (p *problems) seconds(field string, value, low, high time.Duration) {
	p.duration(field, value, low, high)
	p.require(value%time.Second == 0, "%s is %s, want whole seconds", field, value)
}

func oneOf[T comparable](p *problems, field string, value T, allowed []T) {
	p.require(slices.Contains(allowed, value), "%s is %#v, want one of %v", field, value, allowed)
}
