package tenantdata_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/dynamotest"
	"cellular/internal/event"
	"cellular/internal/ownership"
	"cellular/internal/tenantdata"
)

func TestAnyTellsWhetherThereIsSomething(t *testing.T) {
	holds := func(db *dynamotest.DB, tenant string) bool {
		t.Helper()
		found, err := tenantdata.Any(t.Context(), db, alpha, tenant)
		require.NoError(t, err)
		return found
	}
	db := newCell(map[string]int{"acme": 1})
	require.True(t, holds(db, "acme"))
	require.False(t, holds(db, "globex"))
	db.Delete(alpha.DataTable, event.Key("acme", "e000"))
	require.True(t, holds(db, "acme"), "its counter")
	db.Delete(alpha.ResultsTable, "#counters#acme")
	require.False(t, holds(db, "acme"), "its fence is the cell's")

	db.Intercept = func(context.Context, dynamotest.Call) error { return errDown }
	_, err := tenantdata.Any(t.Context(), db, alpha, "acme")
	require.ErrorIs(t, err, errDown)
}

func TestForgetDeletesAllOfATenantAndNothingElse(t *testing.T) {
	db := newCell(map[string]int{"acme": 260, "acme2": 4})
	db.Leave = func(c dynamotest.Call, n int) int {
		if c.Operation == "BatchWriteItem" && n == 25 {
			return 3
		}
		return 0
	}
	var steps []tenantdata.Summary
	done, err := tenantdata.Forget(t.Context(), db, alpha, "acme", func(s tenantdata.Summary) { steps = append(steps, s) })
	require.NoError(t, err)
	want := tenantdata.Summary{Events: 260, Outcomes: 259, State: 1}
	require.Equal(t, want, done)
	require.Equal(t, want, steps[len(steps)-1])
	require.Equal(t, tenantdata.Summary{Events: 100}, steps[0])
	found, err := tenantdata.Any(t.Context(), db, alpha, "acme")
	require.NoError(t, err)
	require.False(t, found)
	require.NotNil(t, db.Item(alpha.ResultsTable, ownership.Key("acme")), "the fence diverts what arrives late")
	summary, _ := export(t, db, "acme2")
	require.Equal(t, 4, summary.Events)
	require.Equal(t, 3, summary.Outcomes)
}

func TestForgetGoesOnWhereItWas(t *testing.T) {
	db := newCell(map[string]int{"acme": 60})
	writes := 0
	db.Intercept = func(_ context.Context, c dynamotest.Call) error {
		if c.Operation == "BatchWriteItem" {
			if writes++; writes%2 == 0 {
				return errDown
			}
		}
		return nil
	}
	runs := 0
	for ; ; runs++ {
		require.Less(t, runs, 20, "every run gets on")
		_, err := tenantdata.Forget(t.Context(), db, alpha, "acme", nil)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, errDown)
		require.ErrorContains(t, err, `forget tenant "acme" in cell alpha`)
	}
	require.Positive(t, runs)
	require.Empty(t, db.Items(alpha.DataTable))
	require.Len(t, db.Items(alpha.ResultsTable), 1)
}

func TestForgetGivesUpOnATableThatIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newCell(map[string]int{"acme": 25})
		db.Leave = func(c dynamotest.Call, n int) int {
			if c.Operation == "BatchWriteItem" {
				return n
			}
			return 0
		}
		_, err := tenantdata.Forget(t.Context(), db, alpha, "acme", nil)
		require.ErrorAs(t, err, new(*types.ProvisionedThroughputExceededException))
		require.ErrorContains(t, err, "table "+alpha.DataTable)
	})
}
