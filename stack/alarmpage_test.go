package stack_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/config"
	"cellular/internal/model/naming"
)

// TestAlarmsPage_HasEveryAlarmWithItsDefault holds the tables of docs/telemetry.md to the defaults of the configuration.
func TestAlarmsPage_HasEveryAlarmWithItsDefault(t *testing.T) {
	page, err := os.ReadFile("../docs/telemetry.md")
	require.NoError(t, err)
	for _, owner := range []struct {
		heading string
		alarms  any
		parts   []string
	}{
		{"| Of a cell |", config.Default().Alarms.Cell, naming.CellAlarms()},
		{"| Of the router |", config.Default().Alarms.Router, naming.RouterAlarms()},
		{"| Of the control plane |", config.Default().Alarms.ControlPlane, naming.ControlPlaneAlarms()},
		{"| Of the probe |", config.Default().Alarms.Probe, naming.ProbeAlarms()},
	} {
		_, rest, ok := strings.Cut(string(page), owner.heading)
		require.True(t, ok, owner.heading)
		table, _, _ := strings.Cut(rest, "\n\n")
		defaults := defaultsByPart(t, owner.alarms)
		require.Len(t, defaults, len(owner.parts))
		for _, part := range owner.parts {
			row := ""
			for line := range strings.Lines(table) {
				if first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | "); strings.Contains(first, "`"+part+"`") {
					row = line
				}
			}
			require.NotEmpty(t, row, "%s has no row for %s", owner.heading, part)
			require.Contains(t, row, " | "+defaults[part]+" | ", "%s %s", owner.heading, part)
		}
	}
}

// defaultsByPart writes the alarms of an owner as the page does.
func defaultsByPart(t *testing.T, alarms any) map[string]string {
	all := map[string]string{}
	v := reflect.ValueOf(alarms)
	for i := range v.NumField() {
		var text string
		var w config.Window
		switch a := v.Field(i).Interface().(type) {
		case config.AbsenceAlarm:
			text, w = "none", a.Window
		case config.CountAlarm:
			text, w = fmt.Sprintf("more than %d", a.Threshold), a.Window
		case config.AgeAlarm:
			text, w = "more than "+minutes(t, a.Threshold), a.Window
		case config.LatencyAlarm:
			text, w = fmt.Sprintf("more than %s, of at least %d events", minutes(t, a.Threshold), a.MinSamples), a.Window
		case config.ShareAlarm:
			text, w = fmt.Sprintf("more than %g %%", a.Threshold*100), a.Window
			if a.MinSamples > 1 {
				text += fmt.Sprintf(" of at least %d samples", a.MinSamples)
			}
		}
		fires := w.Missing != config.MissingNotBreaching
		require.Equal(t, v.Type().Field(i).Name == "Silent", fires, "the page says which alarm fires for want of data")
		all[partOf(v.Type().Field(i).Name)] = fmt.Sprintf("%s, %d of %d", text, w.Datapoints, w.Periods)
	}
	return all
}

func minutes(t *testing.T, d time.Duration) string {
	require.Zero(t, d%time.Minute)
	return fmt.Sprintf("%d min", d/time.Minute)
}

// partOf is the part that a field of the configuration is about: StreamDLQ is stream-dlq.
func partOf(field string) string {
	var b strings.Builder
	for i, r := range strings.ReplaceAll(field, "DLQ", "Dlq") {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
