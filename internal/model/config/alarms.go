package config

import (
	"regexp"
	"time"
)

// Alarms configures when the alarms of a deployment fire, and whom they tell.
type Alarms struct {
	Topic string // ARN of the SNS topic that is told; "" is the deployment's own
	// Period is over which every metric is summed up, and how often every alarm is judged: 10 s, 30 s or whole minutes.
	Period       time.Duration
	Cell         CellAlarms
	Router       RouterAlarms
	ControlPlane ControlPlaneAlarms
	Probe        ProbeAlarms
}

// CellAlarms are the alarms of each cell.
type CellAlarms struct {
	StreamDLQ, SubscriptionDLQ, ConsumerDLQ CountAlarm   // messages in the DLQ
	OldestMessage                           AgeAlarm     // in the queue
	IteratorAge                             AgeAlarm     // of the last record of a batch, when the producer is invoked with it
	DroppedEvents                           CountAlarm   // records that Lambda gave up and could not put into the stream DLQ
	ProducerErrors, ConsumerErrors          CountAlarm   // invocations that crashed or timed out
	ProducerThrottles, ConsumerThrottles    CountAlarm   // invocations that Lambda refused
	AcceptedToApplied                       LatencyAlarm // 99th percentile
	EdgeFailures                            ShareAlarm   // of the requests for the cell's tenants, those that the router answered with 5xx
	BreakerOpens                            CountAlarm   // times that a process of the router stopped to call the cell
	Pipeline                                AbsenceAlarm // events of the probe that the cell processed; without a probe there is no such alarm
}

// RouterAlarms are the alarms of the router.
type RouterAlarms struct {
	Failures            ShareAlarm // of all requests, those that the router answered with 5xx before it found a cell
	Errors              CountAlarm // invocations that crashed or timed out
	Throttles           CountAlarm // invocations that Lambda refused
	IntegrationFailures ShareAlarm // of all requests, those that the API answered with 5xx and the router's function did not
}

// ControlPlaneAlarms are the alarms of the control plane.
type ControlPlaneAlarms struct {
	MappingThrottles CountAlarm // reads of the mapping table that DynamoDB throttled
	MappingErrors    CountAlarm // reads of the mapping table that DynamoDB failed
	StaleAnswers     ShareAlarm // of all requests, those that the router answered by a mapping past its softTTL
	RefreshFailures  ShareAlarm // of the router's reads of the mapping table, those that failed
}

// ProbeAlarms are the alarms of the probe itself.
type ProbeAlarms struct {
	Silent       AbsenceAlarm // rounds
	Unsent       CountAlarm   // cells to which an event could not be sent in a round, for no fault of theirs
	StalledMoves CountAlarm   // moves and removals that are open and that nobody works on
}

// AbsenceAlarm fires when there is none in a period.
type AbsenceAlarm struct{ Window }

// CountAlarm fires when there are more than Threshold in a period.
type CountAlarm struct {
	Threshold int
	Window
}

// AgeAlarm fires when the highest age of a period is over Threshold.
type AgeAlarm struct {
	Threshold time.Duration
	Window
}

// LatencyAlarm fires when the 99th percentile of a period is over Threshold, and MinSamples were measured.
type LatencyAlarm struct {
	Threshold  time.Duration
	MinSamples int // fewer say nothing: of twenty, the slowest one is the percentile
	Window
}

// ShareAlarm fires when the share of a period is over Threshold, and it is one of at least MinSamples.
type ShareAlarm struct {
	Threshold  float64 // 0 to 1
	MinSamples int
	Window
}

// Window says how many of the latest periods have to be over the threshold.
type Window struct {
	Datapoints int // of the latest Periods
	Periods    int
	Missing    Missing
}

// Missing is how a period without data counts.
type Missing string

// The treatments of missing data, in the words of PutMetricAlarm.
const (
	MissingNotBreaching Missing = "notBreaching" // as one that is not over the threshold
	MissingBreaching    Missing = "breaching"    // as one that is
	MissingIgnore       Missing = "ignore"       // the alarm's state stays
	MissingMissing      Missing = "missing"      // without any data, the alarm has none to judge by
)

// An alarm sees at most a day, from the CloudWatch service quotas: "the alarm period by the number of evaluation periods".
const (
	maxAlarmPeriod  = 15 * time.Minute
	maxAlarmPeriods = int(day / maxAlarmPeriod)
)

// topicARN has the Region as its part; a topic of another Region cannot be an alarm's action, nor can a FIFO topic.
var topicARN = regexp.MustCompile(`\Aarn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}\z`)

func alarmFields(o *object, a *Alarms) {
	topicField(o, a)
	alarmPeriodField(o, a)
	o.object("cell", func(o *object) { cellAlarmFields(o, &a.Cell) })
	o.object("router", func(o *object) { routerAlarmFields(o, &a.Router) })
	o.object("controlPlane", func(o *object) { controlPlaneAlarmFields(o, &a.ControlPlane) })
	o.object("probe", func(o *object) { probeAlarmFields(o, &a.Probe) })
}

func topicField(o *object, a *Alarms) {
	o.text("topic", &a.Topic, func(s string) bool { return s == "" || topicARN.MatchString(s) }, `the ARN of a standard SNS topic, or "" for the deployment's own`)
}

// alarmPeriodField is the one field that all alarms share.
func alarmPeriodField(o *object, a *Alarms) {
	field(o, "period", &a.Period, parseDuration, func(d time.Duration) bool {
		return d == 10*time.Second || d == 30*time.Second || time.Minute <= d && d <= maxAlarmPeriod && d%time.Minute == 0
	}, "10s, 30s, or whole minutes from 1m to "+short(maxAlarmPeriod))
}

func cellAlarmFields(o *object, a *CellAlarms) {
	countAlarm(o, "streamDLQ", &a.StreamDLQ)
	countAlarm(o, "subscriptionDLQ", &a.SubscriptionDLQ)
	countAlarm(o, "consumerDLQ", &a.ConsumerDLQ)
	ageAlarm(o, "oldestMessage", &a.OldestMessage)
	ageAlarm(o, "iteratorAge", &a.IteratorAge)
	countAlarm(o, "droppedEvents", &a.DroppedEvents)
	countAlarm(o, "producerErrors", &a.ProducerErrors)
	countAlarm(o, "consumerErrors", &a.ConsumerErrors)
	countAlarm(o, "producerThrottles", &a.ProducerThrottles)
	countAlarm(o, "consumerThrottles", &a.ConsumerThrottles)
	o.object("acceptedToApplied", func(o *object) {
		ageThreshold(o, &a.AcceptedToApplied.Threshold)
		minSamples(o, &a.AcceptedToApplied.MinSamples)
		window(o, &a.AcceptedToApplied.Window)
	})
	shareAlarm(o, "edgeFailures", &a.EdgeFailures)
	countAlarm(o, "breakerOpens", &a.BreakerOpens)
	absenceAlarm(o, "pipeline", &a.Pipeline)
}

func routerAlarmFields(o *object, a *RouterAlarms) {
	shareAlarm(o, "failures", &a.Failures)
	countAlarm(o, "errors", &a.Errors)
	countAlarm(o, "throttles", &a.Throttles)
	shareAlarm(o, "integrationFailures", &a.IntegrationFailures)
}

func controlPlaneAlarmFields(o *object, a *ControlPlaneAlarms) {
	countAlarm(o, "mappingThrottles", &a.MappingThrottles)
	countAlarm(o, "mappingErrors", &a.MappingErrors)
	shareAlarm(o, "staleAnswers", &a.StaleAnswers)
	shareAlarm(o, "refreshFailures", &a.RefreshFailures)
}

func probeAlarmFields(o *object, a *ProbeAlarms) {
	absenceAlarm(o, "silent", &a.Silent)
	countAlarm(o, "unsent", &a.Unsent)
	countAlarm(o, "stalledMoves", &a.StalledMoves)
}

func absenceAlarm(o *object, key string, a *AbsenceAlarm) {
	o.object(key, func(o *object) { window(o, &a.Window) })
}

func countAlarm(o *object, key string, a *CountAlarm) {
	o.object(key, func(o *object) {
		o.integer("threshold", &a.Threshold, 0, 1_000_000)
		window(o, &a.Window)
	})
}

func ageAlarm(o *object, key string, a *AgeAlarm) {
	o.object(key, func(o *object) {
		ageThreshold(o, &a.Threshold)
		window(o, &a.Window)
	})
}

func shareAlarm(o *object, key string, a *ShareAlarm) {
	o.object(key, func(o *object) {
		o.share("threshold", &a.Threshold)
		minSamples(o, &a.MinSamples)
		window(o, &a.Window)
	})
}

func ageThreshold(o *object, into *time.Duration) { o.duration("threshold", into, time.Second, 14*day) }

func minSamples(o *object, into *int) { o.integer("minSamples", into, 1, 1_000_000) }

func window(o *object, w *Window) {
	o.integer("datapoints", &w.Datapoints, 1, maxAlarmPeriods)
	o.integer("periods", &w.Periods, 1, maxAlarmPeriods)
	choice(o, "missing", &w.Missing, MissingNotBreaching, MissingBreaching, MissingIgnore, MissingMissing)
	rules{problems: o.problems, prefix: o.prefix}.require(w.Datapoints <= w.Periods, []string{"datapoints", "periods"},
		"is %d, want at most %d, the number of periods", w.Datapoints, w.Periods)
}

// checkAlarmPeriod keeps periods of seconds to stacks that may be thrown away.
func checkAlarmPeriod(c Config, r rules) {
	r.require(c.Alarms.Period >= time.Minute || !c.Protect, []string{"alarms.period", "protect"},
		"is %s while %sprotect is true, want whole minutes: AWS's services report each minute, so that most of such periods have no data", short(c.Alarms.Period), r.prefix)
}

// checkCellAlarms refuses thresholds that nothing can reach.
func checkCellAlarms(c Config, r rules) {
	a, retention, recordAge := c.Alarms.Cell, c.Pipeline.Queue.Retention, c.Pipeline.Stream.MaxRecordAge
	r.require(a.OldestMessage.Threshold < retention, []string{"alarms.cell.oldestMessage.threshold", "pipeline.queue.retention"},
		"is %s, want less than the queue's retention of %s: no message gets that old", short(a.OldestMessage.Threshold), short(retention))
	r.require(a.IteratorAge.Threshold < recordAge, []string{"alarms.cell.iteratorAge.threshold", "pipeline.stream.maxRecordAge"},
		"is %s, want less than the stream's maxRecordAge of %s: a record that old is given up", short(a.IteratorAge.Threshold), short(recordAge))
}

// checkTopic refuses a topic of another Region, which CloudWatch cannot publish to.
func checkTopic(c Config, r rules) {
	parts := topicARN.FindStringSubmatch(c.Alarms.Topic)
	if parts == nil {
		return // none, or reported
	}
	// A component does not know its Region.
	r.require(parts[1] == c.Region || c.Region == "", []string{"alarms.topic", "aws:region"},
		"is in %s, want a topic in %s, where the alarms are", parts[1], c.Region)
}
