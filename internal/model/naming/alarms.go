package naming

import (
	"regexp"
	"slices"
	"strings"
)

// The parts of a cell that an alarm each watches. A part is words of lower-case letters and digits with - between them, and
// has none of the words of reservedWords: ParseAlarm depends on it.
const (
	AlarmStreamDLQ         = "stream-dlq"
	AlarmSubscriptionDLQ   = "subscription-dlq"
	AlarmConsumerDLQ       = "consumer-dlq"
	AlarmOldestMessage     = "oldest-message"
	AlarmIteratorAge       = "iterator-age"
	AlarmDroppedEvents     = "dropped-events"
	AlarmProducerErrors    = "producer-errors"
	AlarmConsumerErrors    = "consumer-errors"
	AlarmProducerThrottles = "producer-throttles"
	AlarmConsumerThrottles = "consumer-throttles"
	AlarmAcceptedToApplied = "accepted-to-applied"
	AlarmEdgeFailures      = "edge-failures"
	AlarmBreakerOpens      = "breaker-opens"
	AlarmPipeline          = "pipeline"
)

// The parts of the router that an alarm each watches.
const (
	AlarmFailures            = "failures"
	AlarmErrors              = "errors"
	AlarmThrottles           = "throttles"
	AlarmIntegrationFailures = "integration-failures"
)

// The parts of the control plane that an alarm each watches.
const (
	AlarmMappingThrottles = "mapping-throttles"
	AlarmMappingErrors    = "mapping-errors"
	AlarmStaleAnswers     = "stale-answers"
	AlarmRefreshFailures  = "refresh-failures"
)

// The parts of the probe that an alarm each watches.
const (
	AlarmSilent       = "silent"
	AlarmUnsent       = "unsent"
	AlarmStalledMoves = "stalled-moves"
)

// CellAlarms returns the parts of a cell that an alarm each watches; without a probe there is none of AlarmPipeline.
func CellAlarms() []string {
	return []string{
		AlarmStreamDLQ, AlarmSubscriptionDLQ, AlarmConsumerDLQ, AlarmOldestMessage, AlarmIteratorAge, AlarmDroppedEvents,
		AlarmProducerErrors, AlarmConsumerErrors, AlarmProducerThrottles, AlarmConsumerThrottles,
		AlarmAcceptedToApplied, AlarmEdgeFailures, AlarmBreakerOpens, AlarmPipeline,
	}
}

// RouterAlarms returns the parts of the router that an alarm each watches.
func RouterAlarms() []string {
	return []string{AlarmFailures, AlarmErrors, AlarmThrottles, AlarmIntegrationFailures}
}

// ControlPlaneAlarms returns the parts of the control plane that an alarm each watches.
func ControlPlaneAlarms() []string {
	return []string{AlarmMappingThrottles, AlarmMappingErrors, AlarmStaleAnswers, AlarmRefreshFailures}
}

// ProbeAlarms returns the parts of the probe that an alarm each watches.
func ProbeAlarms() []string { return []string{AlarmSilent, AlarmUnsent, AlarmStalledMoves} }

// The ends of the names of the global plane's alarms.
const (
	ofRouter       = "router"
	ofControlPlane = "control-plane"
	ofProbe        = "probe"
	ofCell         = "cell-"
)

// AlarmPrefix starts the name of each of the deployment's metric alarms, and may start one of a deployment whose own name
// starts alike: ParseAlarm tells them apart.
func (s Stack) AlarmPrefix() string { return string(s) + "-alarm-" }

// HealthPrefix starts the name of each of the deployment's composite alarms, and may start one of another deployment, too.
func (s Stack) HealthPrefix() string { return string(s) + "-health-" }

// Alarm is the metric alarm of a part of the cell.
func (c Cell) Alarm(part string) string { return c.stack.AlarmPrefix() + part + "-" + ofCell + c.id }

// Health is the composite alarm of the cell: it fires while one of the cell's metric alarms does.
func (c Cell) Health() string { return c.stack.HealthPrefix() + ofCell + c.id }

// RouterAlarm is the metric alarm of a part of the router.
func (s Stack) RouterAlarm(part string) string { return s.AlarmPrefix() + part + "-" + ofRouter }

// RouterHealth is the router's composite alarm.
func (s Stack) RouterHealth() string { return s.HealthPrefix() + ofRouter }

// ControlPlaneAlarm is the metric alarm of a part of the control plane.
func (s Stack) ControlPlaneAlarm(part string) string {
	return s.AlarmPrefix() + part + "-" + ofControlPlane
}

// ControlPlaneHealth is the control plane's composite alarm.
func (s Stack) ControlPlaneHealth() string { return s.HealthPrefix() + ofControlPlane }

// ProbeAlarm is the metric alarm of a part of the probe.
func (s Stack) ProbeAlarm(part string) string { return s.AlarmPrefix() + part + "-" + ofProbe }

// ProbeHealth is the probe's composite alarm.
func (s Stack) ProbeHealth() string { return s.HealthPrefix() + ofProbe }

// AlarmTopic is the SNS topic to which the composite alarms of the deployment publish.
func (s Stack) AlarmTopic() string { return string(s) + "-global-alarms" }

// AlarmKeyAlias is the alias of the KMS key that encrypts AlarmTopic.
func (s Stack) AlarmKeyAlias() string { return "alias/" + string(s) + "-global-alarms" }

// AlarmOwner is what an alarm is about: a cell, or a part of the global plane.
type AlarmOwner string

// The owners of alarms.
const (
	OwnerCell         AlarmOwner = "cell"
	OwnerRouter       AlarmOwner = "router"
	OwnerControlPlane AlarmOwner = "control-plane"
	OwnerProbe        AlarmOwner = "probe"
)

// Alarm is what the name of an alarm says.
type Alarm struct {
	Owner AlarmOwner
	Cell  string // the cell's id; "" unless the owner is a cell
	Part  string // what a metric alarm watches; "" for a composite alarm
}

var partShape = regexp.MustCompile(`\A[a-z0-9]+(-[a-z0-9]+)*\z`)

// reservedWords are in no part. Names of alarms have each of them at one place, by which a name is read; a deployment whose
// name goes on where this one's ends, such as dev-alarm beside dev, has one of them where a part would be.
var reservedWords = []string{"alarm", "health", "cell", "router", "control", "plane", "probe"}

func validPart(part string) bool {
	return partShape.MatchString(part) && !slices.ContainsFunc(strings.Split(part, "-"), func(word string) bool { return slices.Contains(reservedWords, word) })
}

// ParseAlarm reads the name of one of the deployment's alarms, metric or composite. It reports false for any other name. The
// part may be one that this version does not know.
func (s Stack) ParseAlarm(name string) (Alarm, bool) {
	if owner, ok := strings.CutPrefix(name, s.HealthPrefix()); ok {
		return alarmOf(owner)
	}
	rest, ok := strings.CutPrefix(name, s.AlarmPrefix())
	if !ok {
		return Alarm{}, false
	}
	part, owner := splitOwner(rest)
	a, ok := alarmOf(owner)
	if !ok || !validPart(part) {
		return Alarm{}, false
	}
	a.Part = part
	return a, true
}

// splitOwner splits PART-OWNER; the owner is "" if there is none.
func splitOwner(s string) (part, owner string) {
	// The first: no part has the word, and a cell's id may have it.
	if at := strings.Index(s, "-"+ofCell); at >= 0 {
		return s[:at], s[at+1:]
	}
	for _, owner := range []string{ofRouter, ofControlPlane, ofProbe} {
		if part, ok := strings.CutSuffix(s, "-"+owner); ok {
			return part, owner
		}
	}
	return s, ""
}

// alarmOf is the composite alarm of the owner at the end of a name.
func alarmOf(owner string) (Alarm, bool) {
	id, isCell := strings.CutPrefix(owner, ofCell)
	switch {
	case isCell && ValidCellID(id):
		return Alarm{Owner: OwnerCell, Cell: id}, true
	case owner == ofRouter:
		return Alarm{Owner: OwnerRouter}, true
	case owner == ofControlPlane:
		return Alarm{Owner: OwnerControlPlane}, true
	case owner == ofProbe:
		return Alarm{Owner: OwnerProbe}, true
	}
	return Alarm{}, false
}
