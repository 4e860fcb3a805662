package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/local/cloudwatch"
	"cellular/local/console"
)

func TestLogs_KeepLinesAsTheyAreAndCopyThemBehindTheirPart(t *testing.T) {
	var copied bytes.Buffer
	dir := filepath.Join(t.TempDir(), "logs")
	l, err := newLogs(dir, &copied)
	require.NoError(t, err)
	for log, part := range map[string]string{
		"local-consumer-cell-beta":  "cell beta consumer",
		"local-global-edge-router":  "router",
		"local-global-probe":        "probe",
		"access":                    "router",
		alarmLog:                    "cloudwatch",
		"local-app-producer-cell-a": "cell a producer",
	} {
		copied.Reset()
		_, err := l.function(log).Write([]byte("{\"message\":\"x\"}\n"))
		require.NoError(t, err)
		require.Equal(t, part+" | {\"message\":\"x\"}\n", copied.String())
		kept, err := os.ReadFile(filepath.Join(dir, log+".log"))
		require.NoError(t, err)
		require.Equal(t, "{\"message\":\"x\"}\n", string(kept))
	}
	l.close()
}

// What is written of an alarm is what the console reads.
func TestAlarm_HasALineOnTheConsole(t *testing.T) {
	var shown bytes.Buffer
	screen := console.New(&shown, false)
	l, err := newLogs(t.TempDir(), screen)
	require.NoError(t, err)
	c := &Cloud{logs: l, watch: newWatch("us-east-1", l.function(alarmLog), nil)}
	notice := cloudwatch.Notice{Alarm: "local-alarm-consumer-dlq-cell-beta", Reason: "Threshold Crossed:\n1 datapoint"}
	for _, change := range [][2]cloudwatch.State{
		{cloudwatch.InsufficientData, cloudwatch.OK}, {cloudwatch.OK, cloudwatch.InAlarm}, {cloudwatch.InAlarm, cloudwatch.OK},
	} {
		notice.From, notice.To = change[0], change[1]
		c.notify(notice)
	}
	notice.From, notice.To, notice.SuppressedBy = cloudwatch.OK, cloudwatch.InAlarm, "local-health-router"
	c.notify(notice)
	screen.Close()
	l.close()
	lines := strings.Split(strings.TrimSpace(shown.String()), "\n")[1:] // after the titles
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], `  beta   -               -           cloudwatch  alarm local-alarm-consumer-dlq-cell-beta: OK -> ALARM: Threshold Crossed:\n1 datapoint`)
	require.Contains(t, lines[1], "alarm local-alarm-consumer-dlq-cell-beta: ALARM -> OK: ")
	require.Contains(t, lines[2], " (told to nobody while local-health-router may suppress it)")
}
