package health

import (
	"context"
	"slices"
	"strings"

	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/alarm"
)

const alarmCheck = "alarm"

// knownAlarms are the deployment's alarms, of which all were read at once: a request per cell is more than CloudWatch answers.
type knownAlarms struct {
	health map[alarm.Subject]alarm.Alarm
	states map[string]alarm.State // by name
	err    error
}

// readAlarms reads the alarms in the background: of a thousand cells that takes some twenty seconds, for the rate. The function
// that it returns waits for them.
func (d Doctor) readAlarms(ctx context.Context) (wait func() knownAlarms) {
	read := make(chan struct{})
	known := knownAlarms{health: map[alarm.Subject]alarm.Alarm{}, states: map[string]alarm.State{}}
	go func() {
		defer close(read)
		var all []alarm.Alarm
		all, known.err = alarm.NewReader(d.CloudWatch, d.Stack).All(ctx)
		for _, a := range all {
			known.states[a.Name] = a.State
			if a.Composite() {
				known.health[a.Subject] = a
			}
		}
	}()
	return func() knownAlarms {
		<-read
		return known
	}
}

// globalAlarms examines the alarms of what stands in front of the cells, and the topics that all alarms of the deployment page.
func (d Doctor) globalAlarms(ctx context.Context, p published, known knownAlarms) []Finding {
	l := d.look(alarmCheck, string(d.Stack))
	switch {
	case known.err != nil:
		l.unseen(known.err)
		return l.findings
	case len(known.health) == 0: // as before the first update that makes alarms: what each cell lacks is said once
		l.warn("there are no composite alarms: nobody is paged for anything")
		return l.findings
	}
	var found []Finding
	if p.control != nil {
		found = append(found, d.alarms(known, alarm.ControlPlane)...)
	}
	if p.router != nil {
		found = append(found, d.alarms(known, alarm.Router)...)
	}
	found = append(found, d.probe(known)...)
	return append(found, d.alarmTopics(ctx, p, known)...)
}

// probe examines the standing probe, where the deployment has one: its alarms are there. Whether it runs, and on schedule, is what one of
// them watches.
func (d Doctor) probe(known knownAlarms) []Finding {
	if _, there := known.health[alarm.Probe]; !there {
		return nil
	}
	found := d.alarms(known, alarm.Probe)
	silent := d.Stack.ProbeAlarm(naming.AlarmSilent)
	if known.fires(silent) {
		l := d.look(functionCheck, d.Stack.Probe())
		l.add(Fail, "see 'The probe' in docs/operations.md; 'pulumi up --refresh' makes its function and schedule what the program says",
			"no round of the probe comes to its end (%s): nobody looks whether the cells process events", silent)
		found = append(found, l.findings...)
	}
	return found
}

func (d Doctor) cellAlarms(known knownAlarms, c manifest.Cell) []Finding {
	if len(known.health) == 0 {
		return nil // which is said of the stack
	}
	return d.alarms(known, alarm.Cell(c.ID))
}

// alarms examines whether a subject's trouble pages somebody.
func (d Doctor) alarms(known knownAlarms, of alarm.Subject) []Finding {
	l := d.look(alarmCheck, of.Health(d.Stack))
	health, there := known.health[of]
	if !there {
		l.warn("it is not there: nobody is paged for %s", of)
		return l.findings
	}
	if !health.ActionsOn {
		l.add(Warn, "'aws cloudwatch enable-alarm-actions --alarm-names "+health.Name+"'", "its actions are switched off: nobody is paged for %s", of)
	}
	if !slices.ContainsFunc(health.Actions, isTopic) {
		l.warn("it tells no topic when it fires: nobody is paged for %s", of)
	}
	if health.State == alarm.Firing && !slices.ContainsFunc(health.Children, known.fires) {
		l.add(Warn, `'aws cloudwatch set-alarm-state --alarm-name `+health.Name+` --state-value OK --state-reason "trial over"'`,
			"it is in ALARM and none of its alarms is: it was set by hand, as for a trial, or they have just become OK; meanwhile nobody is paged for %s%s", of, silenced[of])
	}
	for _, child := range health.Children {
		if known.states[child] == "" {
			l.warn("its rule names %s, which is not there: what that watched pages nobody", child)
		}
	}
	return l.end("pages for %d parts of %s", len(health.Children), of)
}

func (k knownAlarms) fires(name string) bool { return k.states[name] == alarm.Firing }

// silenced is whose pages a subject's alarm suppresses beside its own, in a sentence.
var silenced = map[alarm.Subject]string{alarm.ControlPlane: ", nor for the router", alarm.Router: ", nor for any cell"}

func isTopic(arn string) bool {
	part := strings.SplitN(arn, ":", 4)
	return len(part) == 4 && part[0] == "arn" && part[2] == "sns"
}
