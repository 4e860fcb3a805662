package main

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/ledger"
)

// inWorld runs a test in a deployment of its own, where the time is the test's.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Setenv(envStack, "")
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

func TestCellsListShowsWhatWaitsWhere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.does("cells", "drain", "c02")
		w.queues["dev-processing-queue-cell-c01"] = [2]int{12, 3}
		w.queues["dev-processing-queue-cell-c02"] = [2]int{1, 0}
		w.queues["dev-processing-queue-stream-dlq-cell-c01"] = [2]int{1, 0}
		w.queues["dev-processing-queue-sub-dlq-cell-c01"] = [2]int{2, 0}
		w.queues["dev-processing-queue-dlq-cell-c01"] = [2]int{3, 1}
		w.ages["dev-processing-queue-cell-c01"] = 95
		w.ages["dev-processing-queue-cell-canary"] = 7 // CloudWatch lags: the queue is empty
		w.event("c01", "zeta", "1", ledger.Diverted)
		w.applied("c01", time.Now().Add(-3*time.Second))
		w.alarms.Set("dev-alarm-oldest-message-cell-c01", types.StateValueAlarm, time.Now(), "")
		w.alarms.Set("dev-alarm-consumer-dlq-cell-c01", types.StateValueAlarm, time.Now(), "")
		w.alarms.Set("dev-alarm-consumer-dlq-cell-c02", types.StateValueInsufficientData, time.Now(), "")
		w.alarms.Delete("dev-health-cell-canary")

		w.prints(printed(
			"CELL    WAVE  TIER      STATUS    TENANTS  QUEUE  OLDEST  STREAM-DLQ  SUB-DLQ  CONSUMER-DLQ  WAITING  LAST APPLIED  ALARMS",
			"canary  0     standard  active    0/10     0      -       0           0        0             0        never         -",
			"c01     1     standard  active    1/100    12+3   1m35s   1           2        4             1        3s ago        consumer-dlq oldest-message",
			"c02     1     standard  draining  0/100    1      ?       0           0        0             0        never         ok",
		), "cells", "list")
	})
}

func TestCellsListAsJSON(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		delete(w.ssm, stack.Cell("c01").Parameter())
		delete(w.ssm, stack.Cell("c02").Parameter())
		w.queues["dev-processing-queue-cell-canary"] = [2]int{2, 1}
		w.ages["dev-processing-queue-cell-canary"] = 7
		w.applied("canary", time.Now())
		w.alarms.Set("dev-alarm-oldest-message-cell-canary", types.StateValueAlarm, time.Now(), "")
		w.prints(`{
  "cells": [
    {
      "id": "canary",
      "wave": 0,
      "tier": "standard",
      "status": "active",
      "tenants": 0,
      "max_tenants": 10,
      "queue": {
        "visible": 2,
        "in_flight": 1,
        "delayed": 0
      },
      "oldest": "7s",
      "stream_dlq": 0,
      "subscription_dlq": 0,
      "consumer_dlq": 0,
      "waiting": 0,
      "last_applied_at": "2000-01-01T00:00:00.000Z",
      "alarms": [
        "oldest-message"
      ]
    }
  ],
  "router_alarms": [],
  "control_plane_alarms": []
}
`, "cells", "list", "-o", "json")

		delete(w.ssm, stack.Cell("canary").Parameter())
		w.alarms.Err = errDown
		stdout, stderr, code := w.run("cells", "list", "-o", "json")
		require.Zero(t, code)
		require.Equal(t, "{\n  \"cells\": [],\n  \"router_alarms\": null,\n  \"control_plane_alarms\": null\n}\n", stdout)
		require.Equal(t, "no alarms: read the alarms of stack dev: down\n", stderr)
	})
}

func TestCellsListSaysWhatItCouldNotRead(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.queues["dev-processing-queue-dlq-cell-c01"] = [2]int{-1, 0}
		w.queues["dev-processing-queue-cell-c02"] = [2]int{1, 0}
		w.ages["down"] = 1
		w.alarms.Err = errDown
		stdout, stderr, code := w.run("cells", "list")
		require.Equal(t, cli.ExitFailure, code)
		require.Equal(t, printed(
			"CELL    WAVE  TIER      STATUS  TENANTS  QUEUE  OLDEST  STREAM-DLQ  SUB-DLQ  CONSUMER-DLQ  WAITING  LAST APPLIED  ALARMS",
			"canary  0     standard  active  0/10     0      -       0           0        0             0        never         ?",
			"c01     1     standard  active  0/100    ?      ?       ?           ?        ?             ?        ?             ?",
			"c02     1     standard  active  0/100    1      ?       0           0        0             0        never         ?",
		), stdout)
		require.Equal(t, printed(
			"cell c01: read the depth of queue https://sqs.eu-west-1.amazonaws.com/123456789012/dev-processing-queue-dlq-cell-c01: down",
			"no alarms: read the alarms of stack dev: down",
			"no ages: read the age of the oldest message of 3 queues: down",
			"cellctl: 1 of 3 cells could not be read; the lines above say why",
		), stderr)
	})
}

// An age that nobody misses is not asked for again and again: of an empty queue there is none.
func TestAnAgeThatCannotBeReadIsSaidWhereOneIsMissing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.ages["down"] = 1
		for _, args := range [][]string{{"cells", "list"}, {"cells", "show", "c02"}} {
			_, stderr, code := w.run(args...)
			require.Zero(t, code, stderr)
			require.Empty(t, stderr, args)
		}
		w.queues["dev-processing-queue-cell-c02"] = [2]int{1, 0}
		for _, args := range [][]string{{"cells", "list"}, {"cells", "show", "c02"}} {
			_, stderr, code := w.run(args...)
			require.Zero(t, code, stderr)
			require.Regexp(t, "^no ages?: read the age of the oldest message of [13] queues: down\n$", stderr)
		}
	})
}

// What stands in front of the cells may be the cause of their trouble, and has no line of its own.
func TestCellsList_SaysWhatOfTheGlobalPlaneIsInAlarm(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.alarms.Set("dev-alarm-failures-router", types.StateValueAlarm, time.Now(), "")
		w.alarms.Set("dev-alarm-throttles-router", types.StateValueAlarm, time.Now(), "")
		w.alarms.Set("dev-alarm-stale-answers-control-plane", types.StateValueAlarm, time.Now(), "")
		_, stderr, code := w.run("cells", "list")
		require.Zero(t, code)
		require.Equal(t, printed(
			"The control plane is in alarm: stale-answers. 'cellctl alarms list' says since when and why.",
			"The router is in alarm: failures, throttles. 'cellctl alarms list' says since when and why.",
		), stderr)
	})
}

// A trial that was left silences others, and no part of it fires.
func TestCells_ShowAnAlarmOfTheWholeThatFiresWithoutItsParts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, name := range []string{"control-plane", "router", "cell-c01"} {
			w.alarms.Composite("dev-health-" + name).StateValue = types.StateValueAlarm
		}
		stdout, stderr, code := w.run("cells", "list")
		require.Zero(t, code)
		require.Regexp(t, `(?m)^c01 .* never +health$`, stdout)
		require.Regexp(t, `(?m)^c02 .* never +ok$`, stdout)
		require.Equal(t, printed(
			"The control plane is in alarm: health. 'cellctl alarms list' says since when and why.",
			"The router is in alarm: health. 'cellctl alarms list' says since when and why.",
		), stderr)
		stdout, _, _ = w.run("cells", "list", "--output", "json")
		require.Contains(t, stdout, `"router_alarms": [`+"\n    \"health\"\n")
		stdout, _, _ = w.run("cells", "show", "c01")
		require.Regexp(t, `(?m)^alarms +health$`, stdout)
	})
}

// What CloudWatch does not say keeps nothing else from being shown.
func TestAlarmsThatCannotBeReadAreSaidAndCostNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.alarms.Err = errDown
		for _, args := range [][]string{{"cells", "list"}, {"cells", "show", "c02"}} {
			stdout, stderr, code := w.run(args...)
			require.Zero(t, code, stderr)
			require.Equal(t, "no alarms: read the alarms of stack dev: down\n", stderr)
			require.Regexp(t, `(?m)^(c02 .* never +|alarms +)\?$`, stdout)
		}
	})
}

// hanging is a CloudWatch that answers nothing.
type hanging struct{}

func (hanging) GetMetricData(ctx context.Context, _ *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (hanging) DescribeAlarms(ctx context.Context, _ *cloudwatch.DescribeAlarmsInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestCellsAreShownWhileCloudWatchAnswersNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, args := range [][]string{{"cells", "list"}, {"cells", "show", "c02"}} {
			var out, errs bytes.Buffer
			a := w.app(&out, &errs)
			dial := a.dial
			a.dial = func(ctx context.Context, o options) (*clients, error) {
				c, err := dial(ctx, o)
				c.cloudwatch = hanging{}
				return c, err
			}
			began := time.Now()
			require.NoError(t, a.run(t.Context(), append([]string{"--stack", string(stack)}, args...)))
			require.Equal(t, cloudwatchPatience, time.Since(began), "ages and alarms are waited for together")
			require.Contains(t, out.String(), "c02")
			require.Equal(t, "no alarms: read the alarms of stack dev: context deadline exceeded\n", errs.String())
		}
	})
}

func TestCellsShow(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		w.event("c01", "zeta", "1", ledger.Diverted)
		w.event("c01", "zeta", "2", ledger.Diverted)
		w.event("c01", "beta", "1", ledger.Diverted)
		w.does("cells", "drain", "c01")
		w.alarms.Set("dev-alarm-consumer-dlq-cell-c01", types.StateValueAlarm, time.Now(), "")
		w.alarms.Set("dev-alarm-consumer-dlq-cell-c02", types.StateValueAlarm, time.Now(), "") // another's

		stdout, stderr, code := w.run("cells", "show", "c01")
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, printed(
			"cell              c01",
			"wave              1",
			"tier              standard",
			"status            draining",
			"tenants           1/100",
			"queue             0",
			"oldest            -",
			"stream DLQ        0",
			"subscription DLQ  0",
			"consumer DLQ      0",
			"waiting           3",
			"  beta            1",
			"  zeta            2",
			"last applied      never",
			"alarms            consumer-dlq",
			"",
			"data_table            dev-app-data-cell-c01",
		))
		require.Contains(t, stdout, "result_ttl                     24h0m0s\n")

		stdout, stderr, code = w.run("cells", "show", "c02", "--output", "json")
		require.Zero(t, code, stderr)
		var doc map[string]any
		require.NoError(t, json.Unmarshal([]byte(stdout), &doc))
		require.Equal(t, "c02", doc["id"])
		require.Equal(t, []any{}, doc["open_moves"], "an array, not null")
		require.Equal(t, map[string]any{}, doc["waiting_by_tenant"])
		require.Equal(t, "dev-app-results-cell-c02", doc["parts"].(map[string]any)["results_table"])
		require.Equal(t, "24h0m0s", doc["settings"].(map[string]any)["result_ttl"])

		w.queues["dev-processing-queue-cell-c02"] = [2]int{-1, 0}
		stdout, stderr, code = w.run("cells", "show", "c02")
		require.Equal(t, cli.ExitFailure, code)
		require.Equal(t, "cellctl: cell c02: read the depth of queue https://sqs.eu-west-1.amazonaws.com/123456789012/dev-processing-queue-cell-c02: down; "+
			"'cellctl doctor' says what mends it\n", stderr)
		require.Regexp(t, `(?m)^queue +\?$`, stdout, "the rest is shown")
		require.Contains(t, stdout, "dev-app-results-cell-c02")
	})
}

func TestACellThatIsNotThereIsSaid(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, command := range []string{"show", "activate", "drain", "retire"} {
			w.refuses(exitRefused, "cellctl: unknown cell \"c03\": stack dev has canary, c01, c02; 'cellctl cells list' shows them\n", "cells", command, "c03")
			w.refuses(cli.ExitUsage, "cellctl: CELL is missing; see 'cellctl cells "+command+" --help'\n", "cells", command)
		}
	})
}

func TestACellIsDrainedAndActivated(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.prints(printed("CELL  STATUS    TENANTS", "c01   draining  0/100"), "cells", "drain", "c01")
		w.refuses(exitRefused, "cellctl: place tenant \"acme\": no room for a tenant of tier standard:\n  cell c01 is draining\n"+
			"add a cell or raise maxTenants of one in the stack's configuration, or set a draining cell active again\n", "tenants", "assign", "acme", "--cell", "c01")
		w.prints(`{
  "id": "c01",
  "status": "active",
  "tenants": 0,
  "max_tenants": 100,
  "updated_at": "2000-01-01T00:00:00.000Z"
}
`, "cells", "activate", "c01", "-o", "json")
		w.does("tenants", "assign", "acme", "--cell", "c01")
	})
}
