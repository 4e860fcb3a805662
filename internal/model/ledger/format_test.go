package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/formattest"
)

func TestTheFormatOfAFenceIsKept(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	kept := map[string]ledger.Fence{
		"testdata/fence-v1/owner.json":   {TenantID: "acme", Floor: 3, State: ledger.Owner, UpdatedAt: at},
		"testdata/fence-v1/left.json":    {TenantID: "acme", Floor: 3, State: ledger.Left, Peer: "beta", UpdatedAt: at},
		"testdata/fence-v1/removed.json": {TenantID: "acme", Floor: 5, State: ledger.Left, RemovedBelow: 5, UpdatedAt: at},
		"testdata/fence-v1/copied.json":  {TenantID: "acme", Floor: 3, State: ledger.Owner, Copied: 3, UpdatedAt: at},
	}
	for path, f := range kept {
		formattest.WritesItem(t, path, f.Item())
	}
	for path, item := range formattest.Items(t, "testdata/fence-v*") {
		for _, item := range []formattest.Item{item, formattest.NewerItem(item)} {
			f, err := ledger.FenceFromItem(item)
			require.NoError(t, err, path)
			require.Equal(t, kept[path], f, path)
			require.NoError(t, f.Known())
		}
	}
}

func TestAFenceInAStateOfALaterVersionKeepsItsFloorAndIsNotWritten(t *testing.T) {
	kept := formattest.Items(t, "testdata/fence-v1")["testdata/fence-v1/left.json"]
	kept[ledger.AttrFenceState] = item.Text("parted")
	f, err := ledger.FenceFromItem(kept)
	require.NoError(t, err)
	require.EqualValues(t, 3, f.Floor)
	require.Equal(t, "beta", f.Peer)
	require.ErrorContains(t, f.Known(), `the fence of tenant "acme" has the state "parted", which this version does not know: a newer one is at work`)
}
