package cloudwatch

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// suppression is where a composite alarm stands with its actions suppressor: while that alarm is in ALARM, the composite takes no
// action. When the composite changes, its actions wait for the wait period, in which the suppressor may come into ALARM; when
// the suppressor is over, they stay suppressed for the extension period, in which the composite may go back by itself.
type suppression struct {
	waits   *Notice   // the actions of this change wait or are suppressed
	waitsTo time.Time // the end of the wait period
	over    time.Time // when the suppressor was last in ALARM
}

// suppress holds the actions of composites back that are suppressed, and adds those whose time has come.
func (a *Alarms) suppress(now time.Time, notices []Notice) []Notice {
	for i := range notices {
		al := a.alarms[notices[i].Alarm]
		if al.composite == nil || al.composite.in.ActionsSuppressor == nil {
			continue
		}
		held := notices[i]
		al.waits, al.waitsTo = &held, now.Add(seconds(al.composite.in.ActionsSuppressorWaitPeriod))
		notices[i].SuppressedBy = a.suppressor(al)
	}
	for _, al := range a.alarms {
		if al.composite == nil || al.composite.in.ActionsSuppressor == nil {
			continue
		}
		if s := a.alarms[a.suppressor(al)]; s != nil && s.state == InAlarm {
			al.over = now
			continue
		}
		extended := !al.over.IsZero() && now.Before(al.over.Add(seconds(al.composite.in.ActionsSuppressorExtensionPeriod)))
		if al.waits == nil || now.Before(al.waitsTo) || extended {
			continue
		}
		due := *al.waits
		al.waits = nil
		due.At = now
		notices = append(notices, due)
	}
	return notices
}

// suppressor is the name of the alarm that suppresses another one's actions; it may be given by its ARN.
func (a *Alarms) suppressor(al *alarm) string {
	name := aws.ToString(al.composite.in.ActionsSuppressor)
	if len(name) > len(a.prefix) && name[:len(a.prefix)] == a.prefix {
		return name[len(a.prefix):]
	}
	return name
}
