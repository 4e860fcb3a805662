package main

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/operator/alarm"
)

func newAlarms(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "alarms",
		Short:   "Show the alarms: what is wrong where, since when, and which runbook mends it",
		Example: `  cellctl alarms list`,
		Args:    cli.NoArgs,
		RunE:    cli.Help,
	}
	cmd.AddCommand(newAlarmsList(a))
	return cmd
}

// readAlarms reads alarms in the background. The function that it returns waits for which parts of what are in alarm.
func (s *session) readAlarms(read func(*alarm.Reader) ([]alarm.Alarm, error)) (wait func() (map[alarm.Subject][]string, error)) {
	type result struct {
		alarms []alarm.Alarm
		err    error
	}
	done := make(chan result, 1)
	go func() {
		alarms, err := read(alarm.NewReader(s.cloudwatch, s.Stack))
		done <- result{alarms, err}
	}()
	return func() (map[alarm.Subject][]string, error) {
		r := <-done
		return alarm.FiringParts(r.alarms), r.err
	}
}

// addAlarms adds the parts of the cell that are in alarm.
func (v *cellView) addAlarms(firing map[alarm.Subject][]string, err error) {
	v.Alarms, v.alarmsUnknown = firing[alarm.Cell(v.ID)], err != nil
}

func (v cellView) alarms() coloured {
	switch {
	case v.alarmsUnknown:
		return coloured{"?", plain}
	case v.Alarms == nil:
		return coloured{"-", plain}
	case len(v.Alarms) == 0:
		return coloured{"ok", green}
	}
	return coloured{strings.Join(v.Alarms, " "), red}
}

// maxReason is how long a reason is in a table.
const maxReason = 100

// common is what CloudWatch's reasons have in common, which a table leaves out: how each begins and ends, when the datapoints
// were, and whose an alarm is.
var common = regexp.MustCompile(`\AThreshold Crossed: ` +
	`| \(minimum \d+ datapoints? for [A-Z_]+ -> [A-Z_]+ transition\)\.?\z` +
	`| \(\d\d/\d\d/\d\d \d\d:\d\d:\d\d\)` +
	`|\barn:[a-z-]+:cloudwatch:[^:]*:[^:]*:alarm:`)

// shortReason is the part of a reason that tells one alarm from another.
func shortReason(reason string) string {
	all := []rune(common.ReplaceAllString(reason, ""))
	if len(all) > maxReason {
		return string(all[:maxReason-3]) + "..."
	}
	return string(all)
}
