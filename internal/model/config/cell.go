package config

import "time"

// ConsumerAnswerMargin is the part of each invocation that the consumer keeps for settling what failed and for its
// answer. A timeout without room for a whole record beside it would leave every record unstarted.
const ConsumerAnswerMargin = 2 * time.Second

// MaxRetryBackoff is the longest that a failed message is hidden for. SQS refuses what would hide it for more than 12 h
// since it was received (ChangeMessageVisibility), and the consumer does not know when that was: at most a visibility
// timeout ago, which is six times Lambda's longest timeout of 15 min and a batch window of 5 min, and its own 15 min.
const MaxRetryBackoff = 12*time.Hour - 2*time.Hour

// Cell is one cell's declared parameters: all in which it differs from the other cells.
type Cell struct {
	ID         string
	Wave       int    // release wave
	Tier       string // mapping.TierStandard or mapping.TierDedicated, which takes only tenants that are pinned to it
	MaxTenants int    // the cap that placement honours
}

// Functions configures both functions of a cell.
type Functions struct {
	Architecture     string        // arm64 or x86_64
	Memory           int           // MiB
	Timeout          time.Duration // whole seconds
	LogLevel         string        // debug, info, warn or error
	LogRetentionDays int           // one of the periods that CloudWatch Logs offers
	Tracing          bool          // X-Ray
	FaultInjection   bool          // the consumer honours the fault.* event types
}

// Pipeline configures the way of an event through a cell.
type Pipeline struct {
	Stream             Stream
	InlinePayloadBytes int // a larger payload travels as a reference to the cell's own item
	// DataTTL is how long an event is kept from when it was accepted: longer than it can be on its way. It is the router's
	// stamp, and so one for all cells. Whole seconds.
	DataTTL                     time.Duration
	Queue                       Queue
	Consumer                    Consumer
	ProducerReservedConcurrency int // 0 reserves none
	ConsumerReservedConcurrency int // 0 reserves none, else at least Queue.MaxConcurrency
}

// Stream configures the mapping of the data table's stream to the producer. Durations are whole seconds.
type Stream struct {
	BatchSize       int           // records
	BatchWindow     time.Duration // 0 invokes at once
	MaxRecordAge    time.Duration // less than the 24 h after which the stream itself forgets the record; StreamRetries follows from it
	Parallelization int           // batches of one shard in flight
	// ConcurrentPublishes is how many calls of the topic the producer makes at a time, for one batch.
	ConcurrentPublishes int
}

// Queue configures the queue, its DLQs and its mapping to the consumer. Durations are whole seconds.
type Queue struct {
	BatchSize       int           // messages; more than 10 need a BatchWindow
	BatchWindow     time.Duration // 0 invokes at once
	MaxReceiveCount int           // at least 5: with fewer, receives that were throttled eject good messages
	MaxConcurrency  int           // consumers at work at once
	Retention       time.Duration
	DLQRetention    time.Duration // longer than Retention, since a message keeps its age
}

// Consumer configures how a message is applied.
type Consumer struct {
	// ConcurrentTenants is of how many tenants the consumer handles records at a time, within a batch. They share the function's
	// CPU and memory, so 1 is for business logic that computes rather than waits.
	ConcurrentTenants int

	RecordTimeout    time.Duration // less than the function's timeout, by ConsumerAnswerMargin
	RetryBackoffBase time.Duration // delay after the first failure, doubled each time
	RetryBackoffMax  time.Duration // the longest delay
	ResultTTL        time.Duration // how long an outcome, and so the ledger entry, is kept: longer than the event itself
}

// VisibilityTimeout is how long a received message stays hidden: six times the consumer's timeout and the batch window,
// as AWS recommends, so that a batch that was throttled is not delivered again while it still waits.
func VisibilityTimeout(f Functions, q Queue) time.Duration { return 6*f.Timeout + q.BatchWindow }
