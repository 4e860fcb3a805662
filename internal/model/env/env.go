// Package env names the environment variables through which the Pulumi program configures the Lambda functions,
// and reads them strictly.
package env

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The router's variables.
const (
	MappingTable        = "MAPPING_TABLE"         // name of the tenant to cell mapping table
	DataTablePrefix     = "DATA_TABLE_PREFIX"     // a cell's data table is this prefix and the cell's id
	ResultsTablePrefix  = "RESULTS_TABLE_PREFIX"  // a cell's results table is this prefix and the cell's id
	CountersTablePrefix = "COUNTERS_TABLE_PREFIX" // a cell's table of counters is this prefix and the cell's id
	CacheSize           = "CACHE_SIZE"            // tenants held in the mapping cache
	CacheSoftTTL        = "CACHE_SOFT_TTL"        // duration: a mapping is fresh for this long
	CacheHardTTL        = "CACHE_HARD_TTL"        // duration: a mapping is never used past this age
	CacheNegativeTTL    = "CACHE_NEGATIVE_TTL"    // duration: an unknown tenant is remembered for this long
	RefreshTimeout      = "REFRESH_TIMEOUT"       // duration: deadline of one read of the mapping table
	CellTimeout         = "CELL_TIMEOUT"          // duration: deadline of one call into a cell
	DataTTL             = "DATA_TTL"              // duration for which an event is kept from when it was accepted
	CounterTimeout      = "COUNTER_TIMEOUT"       // duration: deadline of one report to a tenant's counter
	MinCellTimeout      = "MIN_CELL_TIMEOUT"      // duration: no answer of a cell that comes sooner is given up
	MaxPayloadBytes     = "MAX_PAYLOAD_BYTES"     // bytes of a payload that the router accepts
	AuthType            = "AUTH_TYPE"             // AuthIAM, AuthJWT or AuthNone
	TenantClaim         = "TENANT_CLAIM"          // the token's claim that names the caller's tenant; with AuthJWT alone
	TenantRate          = "TENANT_RATE"           // requests per second of one tenant, over all processes
	TenantBurst         = "TENANT_BURST"          // requests of one tenant at once, per process
	CellInFlight        = "CELL_IN_FLIGHT"        // calls into one cell under way, per process
	CellRate            = "CELL_RATE"             // calls per second into one cell, per process
	CellBurst           = "CELL_BURST"            // calls into one cell at once, per process
	BreakerFailures     = "BREAKER_FAILURES"      // failed calls into a cell in a row that open its circuit breaker
	BreakerOpenFor      = "BREAKER_OPEN_FOR"      // duration: an open breaker lets no call through for this long
	BreakerProbes       = "BREAKER_PROBES"        // calls that have to succeed after that for the breaker to close
)

// The probe's variables. It has MappingTable and CacheHardTTL, too.
const (
	APIURL         = "API_URL"         // where the router's HTTP API answers
	CellParameters = "CELL_PARAMETERS" // the path of the SSM parameters in which the cells publish their manifests
	MoveTable      = "MOVE_TABLE"      // name of the table of moves and removals
	ProbeInterval  = "PROBE_INTERVAL"  // duration from the start of one round to that of the next
	ProbePatience  = "PROBE_PATIENCE"  // duration that the probe of one cell may take
)

// The variables of all functions.
const (
	MetricsNamespace = "METRICS_NAMESPACE"           // where CloudWatch files the metrics
	LogLevel         = "LOG_LEVEL"                   // the least level of the lines that are logged: one of LogLevels
	FunctionVersion  = "AWS_LAMBDA_FUNCTION_VERSION" // set by Lambda
)

// LogLevels are the values of LogLevel, each level with all that follow it.
var LogLevels = []string{"debug", "info", "warn", "error"}

// The values of AuthType: what has told callers apart before the router sees a request.
const (
	AuthIAM  = "iam"  // API Gateway has verified the request's signature by an AWS principal
	AuthJWT  = "jwt"  // API Gateway has verified the request's bearer token
	AuthNone = "none" // nothing has
)

// The variables of a cell's functions.
const (
	CellID              = "CELL_ID"              // the cell that the function belongs to
	TopicARN            = "TOPIC_ARN"            // producer: the cell's topic
	StreamDLQURL        = "STREAM_DLQ_URL"       // producer: where it ejects records that can never be published
	InlinePayloadBytes  = "INLINE_PAYLOAD_BYTES" // producer: larger payloads travel as a reference to the item
	ConcurrentPublishes = "CONCURRENT_PUBLISHES" // producer: how many calls of the topic it makes at a time
	DataTable           = "DATA_TABLE"           // consumer: the cell's data table
	ResultsTable        = "RESULTS_TABLE"        // consumer: the cell's results table
	ConsumerDLQURL      = "CONSUMER_DLQ_URL"     // consumer: where it sends what no retry can mend
	QueueURL            = "QUEUE_URL"            // consumer: the queue whose messages it delays after a failure
	MaxReceiveCount     = "MAX_RECEIVE_COUNT"    // consumer: the receive after which SQS ejects a message
	ConcurrentTenants   = "CONCURRENT_TENANTS"   // consumer: of how many tenants it handles records at a time
	RecordTimeout       = "RECORD_TIMEOUT"       // consumer: duration, deadline of one record
	RetryBackoffBase    = "RETRY_BACKOFF_BASE"   // consumer: duration, delay after the first failure; doubles each time
	RetryBackoffMax     = "RETRY_BACKOFF_MAX"    // consumer: duration, the longest delay
	ResultTTL           = "RESULT_TTL"           // consumer: duration for which an outcome, and so the ledger entry, is kept
	FaultInjection      = "FAULT_INJECTION"      // consumer: "true" honours the fault.* event types (game days, tests)
)

// Reader reads variables and collects what is wrong with them, so that a function refuses to start with one error
// that names all of them. The zero value reads the process's environment.
type Reader struct {
	Lookup func(string) (string, bool) // nil means os.LookupEnv
	errs   []error
}

// Optional returns a variable that may be left out, which is then empty.
//
// A variable that a release brings is to be read so, if the function can do its work without it: while the release is put back,
// AWS updates a function's environment before its code, so that for some seconds the new code runs with the variables of the
// release before.
func (r *Reader) Optional(name string) string {
	lookup := r.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	v, _ := lookup(name)
	return v
}

// String returns a variable that must be set and not empty.
func (r *Reader) String(name string) string {
	v := r.Optional(name)
	if v == "" {
		r.errs = append(r.errs, fmt.Errorf("environment variable %s is not set", name))
	}
	return v
}

// Int returns a whole number of at least min.
func (r *Reader) Int(name string, min int) int {
	v := r.String(name)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < min {
		r.errs = append(r.errs, fmt.Errorf("environment variable %s is %q, want a whole number of at least %d", name, v, min))
	}
	return n
}

// Duration returns a positive duration in Go's notation, for example "250ms".
func (r *Reader) Duration(name string) time.Duration {
	v := r.String(name)
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.errs = append(r.errs, fmt.Errorf("environment variable %s is %q, want a positive duration such as 250ms or 30s", name, v))
	}
	return d
}

// OneOf returns a string that is one of those allowed.
func (r *Reader) OneOf(name string, allowed ...string) string {
	return r.oneOf(name, r.String(name), allowed)
}

func (r *Reader) oneOf(name, v string, allowed []string) string {
	if v != "" && !slices.Contains(allowed, v) {
		r.errs = append(r.errs, fmt.Errorf("environment variable %s is %q, want one of %s", name, v, strings.Join(allowed, ", ")))
	}
	return v
}

// Level returns a log level that is one of LogLevels; info where the variable is left out, as Optional says.
func (r *Reader) Level(name string) slog.Level {
	level := slog.LevelInfo
	if v := r.oneOf(name, r.Optional(name), LogLevels); v != "" {
		_ = level.UnmarshalText([]byte(v)) // oneOf has reported any other text
	}
	return level
}

// Bool returns "true" or "false".
func (r *Reader) Bool(name string) bool {
	v := r.String(name)
	switch v {
	case "true":
		return true
	case "false", "":
	default:
		r.errs = append(r.errs, fmt.Errorf("environment variable %s is %q, want true or false", name, v))
	}
	return false
}

// Err returns everything that was wrong, joined; nil if nothing was.
func (r *Reader) Err() error { return errors.Join(r.errs...) }
