package cloudwatch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// maxHistory bounds how many changes of state are remembered, of all alarms together.
const maxHistory = 1_000

// Notice tells of a change of state. It is what an action gets.
type Notice struct {
	Alarm, ARN   string
	From, To     State
	Reason       string
	At           time.Time
	Description  string
	Composite    bool
	Rule         string   // of a composite
	Because      []Notice // of a composite: the changes of alarms in its rule for which it changed; none where it was set by hand
	Actions      []string // ARNs
	ActionsOn    bool     // actions are enabled
	SuppressedBy string   // the alarm for which the actions are not taken; "" if they are
}

// Alarms keeps alarms and their states. It is safe for concurrent use.
type Alarms struct {
	metrics *Metrics
	prefix  string // of alarms' ARNs
	act     func(Notice)

	turn    sync.Mutex // held by whoever changes states, until the actions are done; before mu
	mu      sync.Mutex
	alarms  map[string]*alarm
	history []Notice // the oldest first
}

// alarm is a metric alarm or a composite one, and its state.
type alarm struct {
	name      string
	metric    *metricAlarm    // nil of a composite
	composite *compositeAlarm // nil of a metric alarm
	tags      map[string]string
	actions   map[State][]string // what it does when it comes into a state: ARNs
	actionsOn bool

	state      State
	reason     string
	since      time.Time // of the state
	configured time.Time
	set        bool // the state of a composite was set by hand, and stays until an alarm of its rule changes

	suppression
}

type compositeAlarm struct {
	in   cloudwatch.PutCompositeAlarmInput
	rule rule
}

// NewAlarms returns an empty set of alarms on metrics. Act is called for each change of state, one at a time, in no lock.
func NewAlarms(m *Metrics, region, account string, act func(Notice)) *Alarms {
	return &Alarms{metrics: m, prefix: "arn:aws:cloudwatch:" + region + ":" + account + ":alarm:", act: act, alarms: map[string]*alarm{}}
}

// ARN is the ARN of an alarm.
func (a *Alarms) ARN(name string) string { return a.prefix + name }

// PutMetric makes a metric alarm, or replaces one; its state stays.
func (a *Alarms) PutMetric(in cloudwatch.PutMetricAlarmInput, now time.Time) error {
	m, err := newMetricAlarm(in)
	if err != nil {
		return fmt.Errorf("metric alarm %q: %w", aws.ToString(in.AlarmName), err)
	}
	return a.put(&alarm{
		name: aws.ToString(in.AlarmName), metric: m, tags: tagsFrom(in.Tags),
		actions: actionsOf(in.AlarmActions, in.OKActions, in.InsufficientDataActions), actionsOn: in.ActionsEnabled == nil || *in.ActionsEnabled,
	}, now)
}

// PutComposite makes a composite alarm, or replaces one; its state stays. The alarms that its rule names exist.
func (a *Alarms) PutComposite(in cloudwatch.PutCompositeAlarmInput, now time.Time) error {
	name := aws.ToString(in.AlarmName)
	c, err := newCompositeAlarm(in)
	if err != nil {
		return fmt.Errorf("composite alarm %q: %w", name, err)
	}
	return a.put(&alarm{
		name: name, composite: c, tags: tagsFrom(in.Tags),
		actions: actionsOf(in.AlarmActions, in.OKActions, in.InsufficientDataActions), actionsOn: in.ActionsEnabled == nil || *in.ActionsEnabled,
	}, now)
}

func actionsOf(inAlarm, ok, insufficient []string) map[State][]string {
	return map[State][]string{InAlarm: inAlarm, OK: ok, InsufficientData: insufficient}
}

func tagsFrom(given []types.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range given {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

func (a *Alarms) put(next *alarm, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if next.composite != nil {
		if err := a.refersToOthers(next); err != nil {
			return fmt.Errorf("composite alarm %q: %w", next.name, err)
		}
	}
	next.state, next.reason, next.since = InsufficientData, "Unchecked: Initial alarm creation", now
	if before := a.alarms[next.name]; before != nil {
		if (before.metric == nil) != (next.metric == nil) {
			return fmt.Errorf("alarm %q is of the other kind, metric or composite", next.name)
		}
		next.state, next.reason, next.since, next.suppression, next.tags = before.state, before.reason, before.since, before.suppression, before.tags
	}
	next.configured = now
	a.alarms[next.name] = next
	return nil
}

// refersToOthers returns an error where a composite's rule or suppressor is no other alarm that exists.
func (a *Alarms) refersToOthers(al *alarm) error {
	for _, child := range al.composite.rule.children() {
		if a.alarms[child] == nil || child == al.name {
			return fmt.Errorf("its rule names %q, and there is no such other alarm", child)
		}
	}
	if s := a.suppressor(al); s != "" && (a.alarms[s] == nil || s == al.name) {
		return fmt.Errorf("its suppressor is %q, and there is no such other alarm", s)
	}
	return nil
}

// Delete removes alarms. Those that are not there are as good as removed; one that a composite names is refused.
func (a *Alarms) Delete(names ...string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, other := range a.alarms {
		if other.composite == nil || slices.Contains(names, other.name) {
			continue
		}
		for _, child := range other.composite.rule.children() {
			if slices.Contains(names, child) {
				return fmt.Errorf("alarm %q is in the rule of the composite alarm %q, which has to be deleted or changed first", child, other.name)
			}
		}
	}
	for _, name := range names {
		delete(a.alarms, name)
	}
	return nil
}

// Evaluate brings all states up to date: metric alarms first, then composites until none changes.
func (a *Alarms) Evaluate(now time.Time) {
	a.update(now, func() (notices []Notice) {
		for _, name := range slices.Sorted(maps.Keys(a.alarms)) {
			al := a.alarms[name]
			if al.metric == nil {
				continue
			}
			state, why, err := al.metric.evaluate(a.metrics, now, al.state)
			if err != nil {
				why = err.Error()
			}
			notices = a.change(al, state, why, now, notices)
		}
		return notices
	})
}

// SetState sets the state of an alarm by hand, to try its actions and those of the composites that rest on it. The next evaluation
// brings a metric alarm back; a composite stays until an alarm of its rule changes, or it is put again. It returns false if there is
// no alarm of that name.
func (a *Alarms) SetState(name string, to State, why string, now time.Time) bool {
	found := false
	a.update(now, func() []Notice {
		al := a.alarms[name]
		if found = al != nil; !found {
			return nil
		}
		al.set = al.composite != nil
		return a.change(al, to, why, now, nil)
	})
	return found
}

// update changes states, brings the composites up to date, and does the actions of all changes.
func (a *Alarms) update(now time.Time, change func() []Notice) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	notices := change()
	for range a.alarms { // a composite may name composites
		changed := len(notices)
		for _, name := range slices.Sorted(maps.Keys(a.alarms)) {
			if al := a.alarms[name]; al.composite != nil && !al.set {
				state, why := a.composite(al)
				notices = a.change(al, state, why, now, notices)
			}
		}
		if len(notices) == changed {
			break
		}
	}
	notices = a.suppress(now, notices)
	a.history = append(a.history, notices...)
	if n := len(a.history) - maxHistory; n > 0 {
		a.history = slices.Delete(a.history, 0, n)
	}
	a.mu.Unlock()
	for _, n := range notices {
		a.act(n)
	}
}

// composite returns the state of a composite alarm, and the alarms on which it rests.
func (a *Alarms) composite(al *alarm) (State, string) {
	stateOf := func(name string) State {
		if child := a.alarms[name]; child != nil {
			return child.state
		}
		return InsufficientData
	}
	if !al.composite.rule.holds(stateOf) {
		return OK, "the rule does not hold"
	}
	var in []string
	for _, child := range al.composite.rule.children() {
		if stateOf(child) == InAlarm {
			in = append(in, child)
		}
	}
	return InAlarm, "in ALARM: " + strings.Join(in, ", ")
}

// change sets a state, and adds a notice where it is another one.
func (a *Alarms) change(al *alarm, to State, why string, now time.Time, notices []Notice) []Notice {
	if al.state == to {
		al.reason = why
		return notices
	}
	n := Notice{
		Alarm: al.name, ARN: a.ARN(al.name), From: al.state, To: to, Reason: why, At: now, Composite: al.composite != nil,
		Actions: al.actions[to], ActionsOn: al.actionsOn,
	}
	if c := al.composite; c != nil {
		n.Description, n.Rule, n.Because = aws.ToString(c.in.AlarmDescription), aws.ToString(c.in.AlarmRule), among(c.rule.children(), notices)
	} else {
		n.Description = aws.ToString(al.metric.in.AlarmDescription)
	}
	al.state, al.reason, al.since = to, why, now
	for _, other := range a.alarms {
		if other.set && slices.Contains(other.composite.rule.children(), al.name) {
			other.set = false
		}
	}
	return append(notices, n)
}

// among returns the notices of some alarms.
func among(alarms []string, notices []Notice) (of []Notice) {
	for _, n := range notices {
		if slices.Contains(alarms, n.Alarm) {
			of = append(of, n)
		}
	}
	return of
}

// History returns the changes of state that are remembered, the oldest first.
func (a *Alarms) History() []Notice {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.history)
}

// StateOf returns the state of an alarm; false if there is none of that name.
func (a *Alarms) StateOf(name string) (State, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if al := a.alarms[name]; al != nil {
		return al.state, true
	}
	return "", false
}
