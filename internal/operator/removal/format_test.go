package removal

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/operator/record"
	"cellular/internal/testkit/formattest"
)

func TestTheFormatOfARemovalIsKept(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	working := Removal{
		TenantID: "acme", CellID: "alpha", Epoch: 4, OldEpoch: 3, OldFloor: 1, Phase: Delete, GiveUp: true, Run: 2, Holder: "host:17",
		SuspendedAt: at.Add(-time.Hour), StartedAt: at, UpdatedAt: at,
		Counts: Counts{"alpha": {Events: 5, Outcomes: 4, State: 1, Letters: map[string]int{"consumer": 2}}},
	}
	ended := working
	ended.Phase, ended.Holder, ended.FinishedAt, ended.GiveUp = Done, "", at, false
	kept := map[string]Removal{"testdata/removal-v1/working-suspended.json": working, "testdata/removal-v1/ended-suspended.json": ended}
	for path, r := range kept {
		item, err := r.item()
		require.NoError(t, err)
		formattest.WritesItem(t, path, item)
	}
	working.SuspendedAt, ended.SuspendedAt = time.Time{}, time.Time{} // from before that was kept
	kept["testdata/removal-v1/working.json"], kept["testdata/removal-v1/ended.json"] = working, ended
	for path, stored := range formattest.Items(t, "testdata/removal-v*") {
		later := formattest.NewerItem(stored)
		counts := stored[attrCounts].(*types.AttributeValueMemberS).Value
		newer := strings.Replace(counts, `"events"`, `"copies":{"s3":[1]},"events"`, 1)
		require.NotEqual(t, counts, newer)
		later[attrCounts] = item.Text(newer)
		for _, version := range []Item{stored, later} {
			r, err := fromItem(version)
			require.NoError(t, err, path)
			require.Equal(t, kept[path], r, path)
		}
	}
}

func TestARemovalInAPhaseOfALaterVersionIsShownAndLeftAlone(t *testing.T) {
	stored := formattest.Items(t, "testdata/removal-v1")["testdata/removal-v1/working.json"]
	stored[record.AttrPhase] = item.Text("archive")
	r, err := fromItem(stored)
	require.NoError(t, err)
	require.False(t, r.Phase.Ended())
	_, err = new(Remover).take(t.Context(), r, r.Phase, Fate{})
	require.ErrorIs(t, err, record.ErrNewer)
}
