package tenantdata_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/operator/tenantdata"
	"cellular/internal/testkit/dynamotest"
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
