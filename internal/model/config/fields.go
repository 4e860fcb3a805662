package config

import (
	"cmp"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"cellular/internal/model/env"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
)

// The functions of this file name every field of the configuration once, each with what it may be. Whether a field is
// read from JSON or only checked is the object's business.

// retentions are the days that CloudWatch Logs can keep a log group's events (PutRetentionPolicy).
var retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// maxItemPayload is the longest payload that fits a DynamoDB item of 400 KB with the event's other attributes, which
// are at most 640 bytes with their names: two ids of 63 and 128 characters, each twice, a type of 128, an epoch and two times.
const maxItemPayload = 400<<10 - 1<<10

// maxInlinePayload leaves 16 KiB of the 256 KiB that SNS and SQS allow for the rest of a message.
const maxInlinePayload = 240 << 10

const wantCellID = "2 to 20 lower-case letters, digits and -, of which the first is a letter"

// maxMessages is the largest batch of messages that the consumer keeps hidden in time while it works on it: with 10 messages
// to a call of some 10 ms, it hides 1,000 within a second. Lambda takes up to 10,000 (CreateEventSourceMapping).
const maxMessages = 1000

func cellFields(o *object, c *Cell) {
	o.text("id", &c.ID, naming.ValidCellID, wantCellID)
	o.integer("wave", &c.Wave, 0, 99)
	choice(o, "tier", &c.Tier, mapping.TierStandard, mapping.TierDedicated)
	o.integer("maxTenants", &c.MaxTenants, 1, 1_000_000)
}

func routerFields(o *object, r *Router) {
	o.object("auth", func(o *object) {
		choice(o, "type", &r.Auth.Type, AuthIAM, AuthJWT, AuthNone)
		o.text("issuer", &r.Auth.Issuer, isIssuer, "the https URL of the tokens' issuer, without user, space, query or fragment")
		o.texts("audience", &r.Auth.Audience, maxAudiences)
		o.text("tenantClaim", &r.Auth.TenantClaim, func(s string) bool { return !unprintable(s) }, "the name of the token's claim that holds the tenant")
	})
	o.duration("softTTL", &r.SoftTTL, time.Second, time.Hour)
	o.duration("hardTTL", &r.HardTTL, time.Second, day)
	o.duration("negativeTTL", &r.NegativeTTL, 100*time.Millisecond, 5*time.Minute)
	o.integer("cacheSize", &r.CacheSize, 1, 1_000_000)
	o.duration("refreshTimeout", &r.RefreshTimeout, 10*time.Millisecond, 5*time.Second)
	o.duration("cellTimeout", &r.CellTimeout, 10*time.Millisecond, 20*time.Second)
	o.duration("counterTimeout", &r.CounterTimeout, 10*time.Millisecond, 5*time.Second)
	o.duration("minCellTimeout", &r.MinCellTimeout, 10*time.Millisecond, 20*time.Second)
	o.integer("maxPayloadBytes", &r.MaxPayloadBytes, 1, maxItemPayload)
	o.integer("memory", &r.Memory, 128, 10240)
	o.seconds("timeout", &r.Timeout, time.Second, 28*time.Second) // the HTTP API gives up after 30 s
	o.integer("reservedConcurrency", &r.ReservedConcurrency, 0, 10_000)
	o.object("throttle", func(o *object) {
		o.integer("rate", &r.Throttle.Rate, 1, 10_000) // the account's quota in a Region
		o.integer("burst", &r.Throttle.Burst, 1, 5_000)
	})
	o.object("tenantLimit", func(o *object) {
		o.integer("rate", &r.TenantLimit.Rate, 1, 10_000)
		o.integer("burst", &r.TenantLimit.Burst, 1, 10_000)
	})
	o.object("cellLimit", func(o *object) {
		o.integer("inFlight", &r.CellLimit.InFlight, 1, 1_000)
		o.integer("rate", &r.CellLimit.Rate, 1, 10_000)
		o.integer("burst", &r.CellLimit.Burst, 1, 10_000)
	})
	o.object("breaker", func(o *object) {
		o.integer("failures", &r.Breaker.Failures, 1, 100)
		o.duration("openFor", &r.Breaker.OpenFor, 100*time.Millisecond, 5*time.Minute)
		o.integer("probes", &r.Breaker.Probes, 1, 100)
	})
}

// maxAudiences is the quota of audiences per authorizer of an HTTP API. It cannot be raised.
const maxAudiences = 50

var issuerShape = regexp.MustCompile(`\Ahttps://[A-Za-z0-9.-]*[A-Za-z0-9](:[0-9]+)?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?\z`)

// isIssuer reports whether API Gateway can look for an OpenID configuration under s: it appends a path to it.
func isIssuer(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !issuerShape.MatchString(s) {
		return false
	}
	port, err := strconv.Atoi(cmp.Or(u.Port(), "443"))
	return err == nil && 1 <= port && port <= 65535
}

// functionFields are those of a cell's functions.
func functionFields(o *object, f *Functions) {
	sharedFields(o, f)
	o.integer("memory", &f.Memory, 128, 10240)
	o.seconds("timeout", &f.Timeout, time.Second, 15*time.Minute)
	o.boolean("faultInjection", &f.FaultInjection)
}

// sharedFields are those that hold for the router's function too.
func sharedFields(o *object, f *Functions) {
	choice(o, "architecture", &f.Architecture, "arm64", "x86_64")
	choice(o, "logLevel", &f.LogLevel, env.LogLevels...)
	o.oneOf("logRetentionDays", &f.LogRetentionDays, retentions)
	o.boolean("tracing", &f.Tracing)
}

// minDataTTL is more than the longest hardTTL and event.ClockMargin. During a move a tenant's event may be accepted in both cells,
// up to a hardTTL apart, and is one: the later stamp must be before the end of the earlier one's time.
const minDataTTL = 2 * day

// dataTTLField is the one field of the pipeline that the router goes by, too.
func dataTTLField(o *object, l *Pipeline) {
	o.seconds("dataTTL", &l.DataTTL, minDataTTL, 3650*day)
}

func pipelineFields(o *object, l *Pipeline) {
	o.object("stream", func(o *object) {
		o.integer("batchSize", &l.Stream.BatchSize, 1, 10_000)
		o.seconds("batchWindow", &l.Stream.BatchWindow, 0, 5*time.Minute)
		o.seconds("maxRecordAge", &l.Stream.MaxRecordAge, time.Minute, day-time.Hour) // a stream forgets a record after a day, which must not come first
		o.integer("parallelization", &l.Stream.Parallelization, 1, 10)
		o.integer("concurrentPublishes", &l.Stream.ConcurrentPublishes, 1, 100)
	})
	o.integer("inlinePayloadBytes", &l.InlinePayloadBytes, 1, maxInlinePayload)
	dataTTLField(o, l)
	o.object("queue", func(o *object) {
		o.integer("batchSize", &l.Queue.BatchSize, 1, maxMessages)
		o.seconds("batchWindow", &l.Queue.BatchWindow, 0, 5*time.Minute)
		o.integer("maxReceiveCount", &l.Queue.MaxReceiveCount, 5, 1000) // below 5, receives that were throttled eject good messages
		o.integer("maxConcurrency", &l.Queue.MaxConcurrency, 2, 1000)
		o.seconds("retention", &l.Queue.Retention, time.Minute, 14*day)
		o.seconds("dlqRetention", &l.Queue.DLQRetention, time.Minute, 14*day)
	})
	o.object("consumer", func(o *object) {
		o.integer("concurrentTenants", &l.Consumer.ConcurrentTenants, 1, 100)
		o.duration("recordTimeout", &l.Consumer.RecordTimeout, 10*time.Millisecond, 15*time.Minute)
		o.object("retryBackoff", func(o *object) {
			o.duration("base", &l.Consumer.RetryBackoffBase, time.Millisecond, MaxRetryBackoff)
			o.duration("max", &l.Consumer.RetryBackoffMax, time.Millisecond, MaxRetryBackoff)
		})
		o.seconds("resultTTL", &l.Consumer.ResultTTL, time.Hour, 3650*day)
	})
	o.integer("producerReservedConcurrency", &l.ProducerReservedConcurrency, 0, 10_000)
	o.integer("consumerReservedConcurrency", &l.ConsumerReservedConcurrency, 0, 10_000)
}
