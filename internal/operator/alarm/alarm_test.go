package alarm_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/naming"
	"cellular/internal/operator/alarm"
	"cellular/internal/testkit/alarmtest"
)

const stack naming.Stack = "dev"

var then = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func names(alarms []alarm.Alarm) (all []string) {
	for _, a := range alarms {
		all = append(all, a.Name)
	}
	return all
}

// total is how many alarms a deployment of some cells has.
func total(cells int) int {
	return 2 + len(naming.ControlPlaneAlarms()) + len(naming.RouterAlarms()) + cells*(1+len(naming.CellAlarms()))
}

// inBubble reads in virtual time, in which a rate holds nobody up.
func inBubble(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, do)
}

func TestReader_ReadsCompositesAndWhatIsNotOK(t *testing.T) {
	c := alarmtest.Deployment(stack, then, "alpha", "beta")
	c.Page = 1
	c.Set("dev-alarm-oldest-message-cell-beta", types.StateValueAlarm, then.Add(time.Minute), "1 datapoint was above the threshold")
	c.Set("dev-alarm-consumer-dlq-cell-beta", types.StateValueAlarm, then, "2 datapoints")
	c.Set("dev-alarm-failures-router", types.StateValueInsufficientData, then, "no data")
	health := c.Composite("dev-health-cell-beta")
	health.ActionsSuppressedBy = types.ActionsSuppressedByAlarm
	inBubble(t, func(t *testing.T) {
		read, err := alarm.NewReader(c, stack).Current(t.Context(), alarm.Firing)
		require.NoError(t, err)
		require.Equal(t, []string{
			"dev-health-control-plane", "dev-health-router", "dev-health-cell-alpha",
			"dev-health-cell-beta", "dev-alarm-consumer-dlq-cell-beta", "dev-alarm-oldest-message-cell-beta",
		}, names(read))
		beta := alarm.Cell("beta")
		var betas []string
		for _, part := range naming.CellAlarms() {
			betas = append(betas, stack.Cell("beta").Alarm(part))
		}
		require.Equal(t, alarm.Alarm{
			Name: "dev-health-cell-beta", Subject: beta, State: alarm.Firing, Since: then, Reason: "dev-alarm-consumer-dlq-cell-beta transitioned to ALARM",
			Description: "It is not well: one of its alarms fires. Runbook: docs/operations.md#5-a-sick-cell", Runbook: "docs/operations.md#5-a-sick-cell",
			Children: betas, ActionsOn: true, Actions: []string{alarmtest.Topic}, Suppressor: "dev-health-router", SuppressedBy: "dev-health-router",
		}, read[3])
		require.Equal(t, alarm.Alarm{
			Name: "dev-alarm-oldest-message-cell-beta", Subject: beta, Part: "oldest-message", State: alarm.Firing, Since: then.Add(time.Minute),
			Reason: "1 datapoint was above the threshold", Description: "Something waits. Runbook: docs/operations.md#4-poison", Runbook: "docs/operations.md#4-poison",
		}, read[5])
		require.Equal(t, map[alarm.Subject][]string{
			alarm.ControlPlane: {}, alarm.Router: {}, alarm.Cell("alpha"): {}, beta: {"consumer-dlq", "oldest-message"},
		}, alarm.FiringParts(read))

		read, err = alarm.NewReader(c, stack).All(t.Context())
		require.NoError(t, err)
		require.Len(t, read, total(2))
	})
}

// A composite that was set by hand stays so, and may silence others.
func TestFiringParts_HaveTheHealthThatFiresAlone(t *testing.T) {
	require.Equal(t, map[alarm.Subject][]string{
		alarm.ControlPlane: {}, alarm.Router: {alarm.Health}, alarm.Cell("alpha"): {"consumer-dlq"}, alarm.Cell("beta"): {"consumer-dlq"},
	}, alarm.FiringParts([]alarm.Alarm{
		{Subject: alarm.ControlPlane, State: alarm.OK},
		{Subject: alarm.Router, State: alarm.Firing}, {Subject: alarm.Router, Part: "failures", State: alarm.Insufficient},
		{Subject: alarm.Cell("alpha"), State: alarm.Firing}, {Subject: alarm.Cell("alpha"), Part: "consumer-dlq", State: alarm.Firing},
		{Subject: alarm.Cell("beta"), State: alarm.OK}, {Subject: alarm.Cell("beta"), Part: "consumer-dlq", State: alarm.Firing},
	}))
	for _, parts := range [][]string{naming.ControlPlaneAlarms(), naming.RouterAlarms(), naming.CellAlarms()} {
		require.NotContains(t, parts, alarm.Health)
	}
}

func TestReader_ReadsOneSubjectInTwoRequests(t *testing.T) {
	c := alarmtest.Deployment(stack, then, "alpha", "beta")
	inBubble(t, func(t *testing.T) {
		r := alarm.NewReader(c, stack)
		read, err := r.Of(t.Context(), alarm.Cell("beta"))
		require.NoError(t, err)
		require.Len(t, read, 1+len(naming.CellAlarms()))
		for _, a := range read {
			require.Equal(t, alarm.Cell("beta"), a.Subject)
		}
		require.Equal(t, 2, c.Requests())

		read, err = r.Of(t.Context(), alarm.Cell("gamma"))
		require.NoError(t, err)
		require.Empty(t, read)
		require.Empty(t, alarm.FiringParts(read))

		c.Err = errors.New("down")
		_, err = r.Of(t.Context(), alarm.Cell("beta"))
		require.EqualError(t, err, "read the alarms of stack dev: down")
	})
}

func TestReader_KeepsToTheRateOfCloudWatch(t *testing.T) {
	c := alarmtest.Deployment(stack, then, "alpha", "beta", "gamma")
	c.Page = 1
	var asked []time.Time
	c.Ask = func() error {
		asked = append(asked, time.Now())
		return nil
	}
	inBubble(t, func(t *testing.T) {
		_, err := alarm.NewReader(c, stack).All(t.Context())
		require.NoError(t, err)
	})
	require.Len(t, asked, total(3))
	for i := range asked[9:] {
		require.GreaterOrEqual(t, asked[i+9].Sub(asked[i]), time.Second, "10 requests within a second, and CloudWatch answers 9")
	}
}

// A stack whose name begins as this one's does is another one.
func TestReader_LeavesOutTheAlarmsOfOthers(t *testing.T) {
	c := alarmtest.Deployment(stack, then, "alpha")
	for _, other := range []naming.Stack{"dev-alarm", "dev-health", "dev-alarm-two", "dev-health-two", "dev2", "prod"} {
		c.Add(other, "cell-alpha", then, "consumer-dlq")
		c.Add(other, "router", then, "failures")
	}
	c.Add(stack, "cell-Beta", then, "consumer-dlq") // no id of a cell
	c.Add(stack, "somebodys", then, "cost")
	inBubble(t, func(t *testing.T) {
		read, err := alarm.NewReader(c, stack).All(t.Context())
		require.NoError(t, err)
		require.Len(t, read, total(1), "%v", names(read))
	})
}
