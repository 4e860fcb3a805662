package cloudwatch

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rows are those of the tables in "Configuring how CloudWatch alarms treat missing data" of the user guide: five periods, the
// oldest first, of which an alarm on 3 periods sees the range. 0 is within the threshold, X breaches it, - is missing.
func TestEvaluation_TreatsMissingDataAsTheUserGuideSays(t *testing.T) {
	const kept State = "as before"
	for _, row := range []struct {
		points                                   string
		toAlarm                                  int
		missing, ignore, breaching, notBreaching State
	}{
		{"0-X-X", 3, OK, OK, OK, OK},
		{"0----", 3, OK, OK, OK, OK},
		{"-----", 3, InsufficientData, kept, InAlarm, OK},
		{"0XX-X", 3, InAlarm, InAlarm, InAlarm, InAlarm},
		{"--X--", 3, InAlarm, kept, InAlarm, OK},
		{"0-X-X", 2, InAlarm, InAlarm, InAlarm, InAlarm},
		{"00X0X", 2, InAlarm, InAlarm, InAlarm, InAlarm},
		{"0-X--", 2, OK, OK, InAlarm, OK},
		{"----0", 2, OK, OK, InAlarm, OK},
		{"---X-", 2, InAlarm, kept, InAlarm, OK},
	} {
		var points []datapoint
		for _, c := range strings.Split(row.points, "") {
			points = append(points, datapoint{value: map[string]float64{"X": 1}[c], known: c != "-"})
		}
		for treatment, want := range map[string]State{
			treatMissing: row.missing, treatIgnore: row.ignore, treatBreaching: row.breaching, treatNotBreaching: row.notBreaching,
		} {
			e := evaluation{periods: 3, toAlarm: row.toAlarm, missing: treatment, breaching: func(v float64) bool { return v > 0 }}
			require.Equal(t, want, e.judge(points, kept), "%s, %d to alarm, missing data is %s", row.points, row.toAlarm, treatment)
		}
	}
}

// A period that has just begun to be missing does not hide what the state rests on.
func TestReason_CountsTheDatapointsThatWereJudged(t *testing.T) {
	e := evaluation{periods: 1, toAlarm: 1, missing: treatNotBreaching, breaching: func(v float64) bool { return v > 0 }}
	points := []datapoint{{}, {value: 7, known: true}, {}}
	require.Equal(t, InAlarm, e.judge(points, OK))
	require.Contains(t, reason(points, e, 0, "GreaterThanThreshold"), "1 out of the last 1 datapoints were GreaterThanThreshold 0 (0 missing, treated as notBreaching; 1 to alarm, the latest is 7)")
}

func TestParseRule_ReadsNamesStatesAndOperators(t *testing.T) {
	states := map[string]State{"a": InAlarm, "b c": OK, "d": InsufficientData}
	stateOf := func(name string) State { return states[name] }
	for text, want := range map[string]bool{
		`ALARM(a)`:                                true,
		`ALARM("a")`:                              true,
		`OK("b c")`:                               true,
		`ALARM("b c") OR ALARM(a)`:                true,
		`ALARM("b c") AND ALARM(a) OR TRUE`:       true,
		`TRUE OR ALARM(a) AND FALSE`:              true,
		`NOT ALARM(a) OR FALSE`:                   false,
		`NOT (ALARM(a) AND OK(d))`:                true,
		`INSUFFICIENT_DATA(d)`:                    true,
		`(ALARM(a)`:                               false,
		`ALARM(arn:aws:cloudwatch:r:1:alarm:a)`:   true,
		`ALARM("arn:aws:cloudwatch:r:1:alarm:a")`: true,
	} {
		r, err := parseRule(text)
		if text == `(ALARM(a)` {
			require.ErrorContains(t, err, "want )")
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, r.holds(stateOf), text)
	}
	for _, wrong := range []string{``, `ALARM`, `ALARM(`, `ALARM(a) ALARM(b)`, `MAYBE(a)`, `NOT`, `ALARM("a`, `)`} {
		_, err := parseRule(wrong)
		require.Error(t, err, wrong)
	}
}
