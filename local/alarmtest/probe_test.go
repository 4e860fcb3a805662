package alarmtest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/naming"
	"cellular/internal/model/openwork"
	"cellular/internal/testkit/cloudtest"
	"cellular/local"
	"cellular/local/lambda"
)

// probed is a cloud whose standing probe runs. Nobody sends anything through it but the probe, and its alarms are those of
// Pulumi.local.yaml. A record that waits for a mended producer is not given up.
var probed = local.Options{Schedules: true, Config: map[string]any{
	"cellular:cells": cloudtest.Cells("alpha", "beta"), "cellular:pipeline": map[string]any{"stream": map[string]any{"maxRecordAge": "10m"}},
}}

// probeFault breaks something that the probe is to see, or the probe.
type probeFault struct {
	about string
	fire  []string // alarms that fire
	page  []string // those of them that page
	harm  func(t *testing.T, w *world) (mend func(*testing.T))
}

var probeFaults = []probeFault{
	{
		about: "a cell that processes nothing, which no other alarm sees, and a move that nobody works on",
		fire: []string{
			stack.Cell("beta").Alarm(naming.AlarmPipeline), stack.Cell("beta").Health(), stack.ProbeAlarm(naming.AlarmStalledMoves), stack.ProbeHealth(),
		},
		page: []string{stack.Cell("beta").Health(), stack.ProbeHealth()},
		harm: func(t *testing.T, w *world) func(*testing.T) {
			producer := w.outputs.Cells["beta"].Producer
			cloudtest.Feed(t, w.cloud, producer, false)
			drop := w.strand(t, "acme")
			return func(t *testing.T) {
				cloudtest.Feed(t, w.cloud, producer, true)
				drop(t)
			}
		},
	},
	{
		about: "a router that is down, which is one page",
		fire: []string{
			stack.RouterAlarm(naming.AlarmThrottles), stack.RouterHealth(), stack.ProbeAlarm(naming.AlarmUnsent), stack.ProbeHealth(),
		},
		page: []string{stack.RouterHealth()},
		harm: func(t *testing.T, w *world) func(*testing.T) {
			return w.change(t, stack.Router(), func(c *lambda.FunctionConfig) { c.ReservedConcurrency = 0 })
		},
	},
	{
		about: "a probe that does not start",
		fire:  []string{stack.ProbeAlarm(naming.AlarmSilent), stack.ProbeHealth()},
		page:  []string{stack.ProbeHealth()},
		harm: func(t *testing.T, w *world) func(*testing.T) {
			return w.change(t, stack.Probe(), func(c *lambda.FunctionConfig) { c.Env = nil })
		},
	},
}

// strand leaves a move of a tenant open, in a phase that halts the tenant's events, until drop is called.
func (w *world) strand(t *testing.T, tenant string) (drop func(*testing.T)) {
	t.Helper()
	table, long := stack.MoveTable(), event.FormatTime(time.Now().Add(-time.Hour))
	key := map[string]dynamodbtypes.AttributeValue{controltables.AttrTenantID: item.Text(tenant), controltables.AttrEpoch: &dynamodbtypes.AttributeValueMemberN{Value: "2"}}
	_, err := w.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: map[string]dynamodbtypes.AttributeValue{
		controltables.AttrTenantID: key[controltables.AttrTenantID], controltables.AttrEpoch: key[controltables.AttrEpoch],
		controltables.AttrOpen: item.Text(openwork.Moves), openwork.AttrPhase: item.Text("fence"),
		openwork.AttrStartedAt: item.Text(long), openwork.AttrUpdatedAt: item.Text(long),
	}})
	require.NoError(t, err)
	return func(t *testing.T) {
		_, err := w.tables.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: key})
		require.NoError(t, err)
	}
}

// faultsOfTheProbe has each alarm of the probe, and that of a cell which only the probe sees, go from a fault to OK. It has a cloud of
// its own, in which a fault of another test would be seen by the probe, and so runs beside those.
func faultsOfTheProbe(t *testing.T) {
	t.Parallel()
	w, err := deploy(probed)
	require.NoError(t, err, "deploy to the local cloud")
	began := time.Now()
	w.awaitQuiet(t, all)
	// An alarm of no rounds fires until the first one has ended, which pages nobody.
	require.Empty(t, w.paged(t, began, types.StateValueAlarm, all))
	seen := map[string]bool{}
	for _, f := range probeFaults {
		ok := t.Run(f.about, func(t *testing.T) {
			began := time.Now()
			mend := f.harm(t, w)
			w.awaitFiring(t, f.fire...)
			cloudtest.Await(t, "the pages", func() ([]string, bool) {
				pages := w.paged(t, began, types.StateValueAlarm, all)
				return pages, len(pages) >= len(f.page)
			})
			mend(t)
			w.awaitQuiet(t, all)
			cloudtest.Await(t, "the pages' ends", func() ([]string, bool) {
				pages := w.paged(t, began, types.StateValueOk, all)
				return pages, !slices.ContainsFunc(f.page, func(name string) bool { return !slices.Contains(pages, name) })
			})
			require.ElementsMatch(t, f.fire, w.fired(began, all))
			require.ElementsMatch(t, f.page, w.paged(t, began, types.StateValueAlarm, all))
		})
		if !ok {
			return // what is broken may be so still
		}
		for _, name := range f.fire {
			seen[name] = true
		}
	}
	for _, part := range naming.ProbeAlarms() {
		require.True(t, seen[stack.ProbeAlarm(part)], part)
	}
	require.True(t, seen[stack.Cell("beta").Alarm(naming.AlarmPipeline)])
}
