package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
)

// inAlarm runs a test in a deployment where poison has come into c01 and the router fails, so that c01's page is suppressed.
func inAlarm(t *testing.T, test func(t *testing.T, w *world)) {
	inWorld(t, func(t *testing.T, w *world) {
		w.alarms.Set("dev-alarm-failures-router", types.StateValueAlarm, time.Now(),
			"Threshold Crossed: 2 out of the last 2 datapoints [0.2 (01/01/00 00:00:00), 0.1 (01/01/00 00:01:00)] were greater than the threshold (0.05) (minimum 2 datapoints for OK -> ALARM transition).")
		w.alarms.Set("dev-alarm-consumer-dlq-cell-c01", types.StateValueAlarm, time.Now(),
			"Threshold Crossed: 1 out of the last 1 datapoints [3.0 (01/01/00 00:00:00)] was greater than the threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).")
		w.alarms.Composite("dev-health-cell-c01").ActionsSuppressedBy = types.ActionsSuppressedByAlarm
		w.alarms.Composite("dev-health-cell-c01").StateReason = new("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:dev-alarm-consumer-dlq-cell-c01 transitioned to ALARM")
		w.alarms.Set("dev-alarm-iterator-age-cell-c02", types.StateValueInsufficientData, time.Now().Add(-59*time.Minute), "no data")
		time.Sleep(30 * time.Second)
		test(t, w)
	})
}

func TestAlarmsList_ShowsWhatFiresAndWhichRunbookMendsIt(t *testing.T) {
	inAlarm(t, func(t *testing.T, w *world) {
		w.prints(printed(
			"OF        ALARM         STATE  SINCE    SUPPRESSED BY      RUNBOOK        REASON",
			"router    health        ALARM  30s ago  -                  5-a-sick-cell  dev-alarm-failures-router transitioned to ALARM",
			"router    failures      ALARM  30s ago  -                  4-poison       2 out of the last 2 datapoints [0.2, 0.1] were greater than the threshold (0.05)",
			"cell c01  health        ALARM  30s ago  dev-health-router  5-a-sick-cell  dev-alarm-consumer-dlq-cell-c01 transitioned to ALARM",
			"cell c01  consumer-dlq  ALARM  30s ago  -                  4-poison       1 out of the last 1 datapoints [3.0] was greater than the threshold (0.0)",
		), "alarms", "list")
		time.Sleep(time.Hour)
		stdout, _, _ := w.run("alarms", "list")
		require.Regexp(t, `(?m)^cell c02 +iterator-age +INSUFFICIENT_DATA +1h59m ago`, stdout, "one that has had no data for long")
	})
}

func TestAlarmsList_ShowsOneCellAlone(t *testing.T) {
	inAlarm(t, func(t *testing.T, w *world) {
		stdout, stderr, code := w.run("alarms", "list", "--cell", "c01", "--all", "-o", "json")
		require.Zero(t, code, stderr)
		var doc struct {
			Alarms []struct {
				Name, Owner, State, Reason, Since  string
				Cell, Part, Suppressed_By, Runbook *string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(stdout), &doc))
		require.Len(t, doc.Alarms, 1+len(naming.CellAlarms()))
		for i, a := range doc.Alarms {
			require.Equal(t, "cell", a.Owner)
			require.Equal(t, "c01", *a.Cell)
			require.Equal(t, i == 0, a.Part == nil, "the composite comes first")
		}
		require.Equal(t, "dev-health-router", *doc.Alarms[0].Suppressed_By)
		require.Equal(t, "2000-01-01T00:00:00.000Z", doc.Alarms[0].Since)
		require.Equal(t, "docs/operations.md#4-poison", *doc.Alarms[1].Runbook)
		require.Equal(t, 2, w.alarms.Requests(), "whatever the size of the fleet")

		stdout, _, _ = w.run("alarms", "list", "--cell", "c02")
		require.Equal(t, "OF  ALARM  STATE  SINCE  SUPPRESSED BY  RUNBOOK  REASON\n", stdout)
		_, stderr, code = w.run("alarms", "list", "--cell", "c09")
		require.Equal(t, exitRefused, code)
		require.Contains(t, stderr, `unknown cell "c09"`)
	})
}

func TestAlarmsList_ShowsEveryAlarmWhereTheyAreAskedFor(t *testing.T) {
	inAlarm(t, func(t *testing.T, w *world) {
		stdout, stderr, code := w.run("alarms", "list", "--all")
		require.Zero(t, code, stderr)
		for _, cell := range []string{"canary", "c01", "c02"} {
			for _, part := range append(naming.CellAlarms(), "health") {
				require.Regexp(t, `(?m)^cell `+cell+` +`+part+` `, stdout)
			}
		}
		require.Regexp(t, `(?m)^control plane +health +OK `, stdout)
	})
}

func TestAlarmsList_SaysThatThereAreNone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, health := range []string{"control-plane", "router", "cell-canary", "cell-c01", "cell-c02"} {
			w.alarms.Delete("dev-health-" + health)
		}
		_, stderr, code := w.run("alarms", "list")
		require.Zero(t, code)
		require.Equal(t, "There are no alarms: 'cellctl doctor' says what is missing.\n", stderr)
		w.alarms.Err = errDown
		w.refuses(1, "cellctl: read the alarms of stack dev: down\n", "alarms", "list")
	})
}
