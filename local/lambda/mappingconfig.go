package lambda

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"cellular/local/lambda/filter"
)

// Where a mapping starts in a stream.
const (
	TrimHorizon = "TRIM_HORIZON"
	Latest      = "LATEST"
)

// MappingConfig describes an event source mapping. What is said of ranges is what AWS accepts.
type MappingConfig struct {
	FunctionName            string // or ARN
	EventSourceARN          string // of a DynamoDB stream or an SQS queue
	Enabled                 bool
	BatchSize               int           // 1 to 10,000; 0: 100 for a stream, 10 for a queue
	BatchWindow             time.Duration // 0 to 300 s, whole seconds; a queue with batches of more than 10 needs 1 s
	StartingPosition        string        // streams: TRIM_HORIZON or LATEST
	Filters                 []string      // streams: event patterns, at most 5; see package filter
	ReportBatchItemFailures bool
	BisectOnError           bool          // streams
	MaxRetries              int           // streams: 0 to 10,000; -1: no bound
	MaxRecordAge            time.Duration // streams: 60 s to 7 days, whole seconds; 0: no bound
	Parallelization         int           // streams: 1 to 10; 0: 1
	OnFailureARN            string        // streams: SQS queue or SNS topic; "": none
	MaxConcurrency          int           // queues: 2 to 1,000; 0: the bound of a function without reserved concurrency
	CountEvents             bool          // the metrics EventCount
}

// Mapping is an event source mapping as it is.
type Mapping struct {
	UUID                 string
	ARN                  string
	FunctionARN          string
	Config               MappingConfig // defaults filled in
	State                string        // Creating, Enabled, Disabled, Enabling, Disabling, Updating or Deleting
	LastModified         time.Time
	LastProcessingResult string // "No records processed", "OK", or "PROBLEM: " and what is wrong
}

// Services of event sources.
const (
	dynamoDB = "dynamodb"
	sqsQueue = "sqs"
	snsTopic = "sns"
)

// complete fills in AWS's defaults and reports everything that AWS would refuse.
func (c MappingConfig) complete() (MappingConfig, error) {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	source, err := arn.Parse(c.EventSourceARN)
	if err != nil || source.Service != dynamoDB && source.Service != sqsQueue {
		return c, fmt.Errorf("event source is %q, want the ARN of a DynamoDB stream or an SQS queue", c.EventSourceARN)
	}
	isStream := source.Service == dynamoDB
	if isStream {
		check(strings.Contains(source.Resource, "/stream/"), "event source is %q, a table; want the ARN of its stream", c.EventSourceARN)
		defaultTo(&c.BatchSize, 100)
		defaultTo(&c.Parallelization, 1)
		check(c.StartingPosition == TrimHorizon || c.StartingPosition == Latest, "starting position is %q, want %s or %s", c.StartingPosition, TrimHorizon, Latest)
		check(c.MaxRetries >= -1 && c.MaxRetries <= 10_000, "maximum retry attempts are %d, want -1 to 10000", c.MaxRetries)
		check(c.MaxRecordAge == 0 || between(c.MaxRecordAge, time.Minute, 7*24*time.Hour), "maximum record age is %s, want 0, or whole seconds from 60s to 168h", c.MaxRecordAge)
		check(c.Parallelization >= 1 && c.Parallelization <= 10, "parallelization factor is %d, want 1 to 10", c.Parallelization)
		check(c.MaxConcurrency == 0, "maximum concurrency is for queues, this is a stream")
		if c.OnFailureARN != "" {
			destination, err := arn.Parse(c.OnFailureARN)
			check(err == nil && slices.Contains([]string{sqsQueue, snsTopic}, destination.Service), "on-failure destination is %q, want the ARN of an SQS queue or an SNS topic", c.OnFailureARN)
			check(!strings.HasSuffix(c.OnFailureARN, ".fifo"), "on-failure destination %s is FIFO, want a standard queue or topic", c.OnFailureARN)
		}
		_, err := filter.Compile(c.Filters)
		check(err == nil, "%w", err)
	} else {
		defaultTo(&c.BatchSize, 10)
		check(c.BatchSize <= 10 || c.BatchWindow >= time.Second, "batch size is %d, which needs a batch window of at least 1s (without one at most 10)", c.BatchSize)
		check(c.MaxConcurrency == 0 || c.MaxConcurrency >= 2 && c.MaxConcurrency <= 1000, "maximum concurrency is %d, want 2 to 1000", c.MaxConcurrency)
		check(c.StartingPosition == "" && !c.BisectOnError && c.MaxRecordAge == 0 && c.Parallelization <= 1 && c.OnFailureARN == "",
			"starting position, bisecting, record age, parallelization and on-failure destination are for streams, this is a queue")
		check(len(c.Filters) == 0, "filters on queues are not implemented here")
		check(!strings.HasSuffix(c.EventSourceARN, ".fifo"), "FIFO queues are not implemented here")
	}
	check(c.FunctionName != "", "function name is empty")
	check(c.BatchSize >= 1 && c.BatchSize <= 10_000, "batch size is %d, want 1 to 10000", c.BatchSize)
	check(between(c.BatchWindow, 0, 5*time.Minute), "batch window is %s, want whole seconds from 0s to 300s", c.BatchWindow)
	return c, errors.Join(errs...)
}

// between says whether d is in the range and has whole seconds.
func between(d, low, high time.Duration) bool {
	return d >= low && d <= high && d%time.Second == 0
}
