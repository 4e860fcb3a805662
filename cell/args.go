package cell

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/naming"
)

// Args configures a cell. The first block is all in which two cells of a stack may differ; the rest is the stamp.
// Every field must be set unless its comment says otherwise: the defaults belong to the stack's configuration.
type Args struct {
	ID         string // 2 to 20 lower-case letters, digits and -, the first a letter
	Wave       int    // release wave, from 0
	Tier       string // mapping.TierStandard or mapping.TierDedicated
	MaxTenants int    // the cap that placement honours, at least 1

	Stack   naming.Stack // what the physical names start with
	Protect bool         // deletion protection, PITR and Pulumi's protect on tables and queues; false for throw-away stacks

	// RouterRoleARN is the one principal outside the cell that may use the cell's tables.
	RouterRoleARN pulumi.StringInput

	Code      Code
	Functions Functions
	Pipeline  Pipeline
}

// Code is the functions' packages: paths of zip files with a bootstrap binary for Functions.Architecture.
type Code struct {
	Producer string
	Consumer string
}

// Functions configures both functions of the cell.
type Functions struct {
	Architecture     string        // arm64 or x86_64
	Memory           int           // MiB, 128 to 10,240
	Timeout          time.Duration // whole seconds, 1 s to 15 min
	LogLevel         string        // debug, info, warn or error
	LogRetentionDays int           // one of the periods that CloudWatch Logs offers
	Tracing          bool          // X-Ray
	FaultInjection   bool          // the consumer honours the fault.* event types
}

// Pipeline configures the way of an event through the cell.
type Pipeline struct {
	Stream                      Stream
	InlinePayloadBytes          int // a larger payload travels as a reference to the cell's own item; 1 to 240 Ki
	Queue                       Queue
	Consumer                    Consumer
	ProducerReservedConcurrency int // 0 reserves none
	ConsumerReservedConcurrency int // 0 reserves none, else at least Queue.MaxConcurrency
}

// Stream configures the mapping of the data table's stream to the producer. Durations are whole seconds.
type Stream struct {
	BatchSize       int           // records, 1 to 10,000
	BatchWindow     time.Duration // up to 5 min; 0 invokes at once
	Retries         int           // of a failed batch, 0 to 10,000
	MaxRecordAge    time.Duration // 1 min to less than 24 h, when the stream itself forgets the record
	Parallelization int           // batches of one shard in flight, 1 to 10
}

// Queue configures the queue, its DLQs and its mapping to the consumer. Durations are whole seconds.
type Queue struct {
	BatchSize       int           // messages, 1 to 10,000; more than 10 need a BatchWindow
	BatchWindow     time.Duration // up to 5 min; 0 invokes at once
	MaxReceiveCount int           // 5 to 1,000: with fewer, receives that were throttled eject good messages
	MaxConcurrency  int           // consumers at work at once, 2 to 1,000
	Retention       time.Duration // 1 min to 14 days
	DLQRetention    time.Duration // longer than Retention, since a message keeps its age; up to 14 days
}

// Consumer configures how a message is applied.
type Consumer struct {
	RecordTimeout    time.Duration // less than the function's timeout
	RetryBackoffBase time.Duration // delay after the first failure, doubled each time
	RetryBackoffMax  time.Duration // the longest delay, up to 12 h
	ResultTTL        time.Duration // how long an outcome, and so the ledger entry, is kept: longer than Retention and DLQRetention
}

// visibilityTimeout is how long a received message stays hidden: six times the function's timeout and the batch
// window, as AWS recommends, so that a batch that was throttled is not delivered again while it still waits.
func (a *Args) visibilityTimeout() time.Duration {
	return 6*a.Functions.Timeout + a.Pipeline.Queue.BatchWindow
}
