package probe_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	cellprobe "cellular/internal/model/probe"
	"cellular/internal/runtime/probe"
)

func TestMappingTable_PlacesAProbeTenantWhereThereIsNone(t *testing.T) {
	w := newWorld(t)
	table := probe.MappingTable{DynamoDB: w, Name: stack.MappingTable()}
	alpha := manifest.Cell{ID: "alpha", Tier: mapping.TierDedicated}
	read := func() mapping.Mapping {
		m, err := mapping.NewStore(w.tables, stack.MappingTable()).Get(t.Context(), "cellctl-probe.alpha")
		require.NoError(t, err)
		return m
	}
	require.NoError(t, table.Place(t.Context(), alpha))
	first := read()
	require.Equal(t, mapping.Mapping{
		TenantID: "cellctl-probe.alpha", CellID: "alpha", Epoch: first.UpdatedAt.Unix(), State: mapping.Active, Tier: mapping.TierDedicated, UpdatedAt: first.UpdatedAt,
	}, first)

	suspended := first
	suspended.State, suspended.UpdatedAt = mapping.Suspended, first.UpdatedAt.Add(-time.Hour)
	w.tables.Put(stack.MappingTable(), suspended.Item())
	require.NoError(t, table.Place(t.Context(), alpha))
	require.Equal(t, suspended, read(), "what is there stays")

	elsewhere := first
	elsewhere.CellID = "beta"
	w.tables.Put(stack.MappingTable(), elsewhere.Item())
	err := table.Place(t.Context(), alpha)
	require.ErrorIs(t, err, cellprobe.ErrElsewhere)
	require.ErrorContains(t, err, "place the tenant that cell alpha is probed with: ")
	require.Equal(t, elsewhere, read())
}

// An operator whose cellctl knows no better may have removed a probe tenant. Its cell drops whatever has an epoch below that of the removal, for good.
func TestMappingTable_PlacesAProbeTenantThatWasRemovedUnderAnEpochThatItsCellApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		table := probe.MappingTable{DynamoDB: w, Name: stack.MappingTable()}
		epoch := func() int64 {
			require.NoError(t, table.Place(t.Context(), manifest.Cell{ID: "alpha", Tier: mapping.TierStandard}))
			m, err := mapping.NewStore(w.tables, stack.MappingTable()).Get(t.Context(), "cellctl-probe.alpha")
			require.NoError(t, err)
			return m.Epoch
		}
		last := epoch()
		for range 3 {
			removal := last + 1 // as package removal chooses it
			time.Sleep(time.Minute)
			w.tables.Delete(stack.MappingTable(), "cellctl-probe.alpha")
			last = epoch()
			require.False(t, ledger.Fence{RemovedBelow: removal}.Removed(last))
			require.GreaterOrEqual(t, last, removal)
		}
	})
}

// throttled is a table that takes nothing.
type throttled struct{ calls int }

func (t *throttled) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	t.calls++
	return nil, &types.ProvisionedThroughputExceededException{}
}

func TestMappingTable_TriesOnceInARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, table := time.Now(), &throttled{}
		err := probe.MappingTable{DynamoDB: table, Name: "m"}.Place(t.Context(), manifest.Cell{ID: "alpha", Tier: "standard"})
		require.ErrorContains(t, err, "ProvisionedThroughputExceededException")
		require.Equal(t, 1, table.calls)
		require.Zero(t, time.Since(start))
	})
}
