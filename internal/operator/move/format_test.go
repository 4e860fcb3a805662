package move

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/testkit/formattest"
)

func keptMoves() map[string]Move {
	at := time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC)
	started := Move{
		TenantID: "acme", From: "alpha", To: "beta", Epoch: 4, OldEpoch: 3, OldFloor: 1, Phase: Clone, StartedAt: at, UpdatedAt: at,
	}
	working := started
	working.Phase, working.Run, working.Holder, working.FlippedAt = Verify, 2, "host:17", at
	working.Phases = []PhaseTime{{Phase: Clone, StartedAt: at, Took: time.Second}}
	working.Counts = Counts{Events: 5, Sent: 1}
	ended := working
	ended.Phase, ended.Holder, ended.FinishedAt, ended.BackingOut = Done, "", at, true
	abandoned := working
	abandoned.Phase, abandoned.Abandoned, abandoned.AbandonedIn, abandoned.HomeEpoch, abandoned.AbandonedAt = Abandon, "beta", Verify, 5, at
	abandoned.Losses = []string{"outcomes of cell beta"}
	cloned := working
	cloned.Phase, cloned.FlippedAt, cloned.CopySince, cloned.OpenKeys = Copy, time.Time{}, at, 17
	return map[string]Move{
		"testdata/move-v1/cloned.json":  cloned,
		"testdata/move-v1/started.json": started, "testdata/move-v1/working.json": working, "testdata/move-v1/ended.json": ended,
		"testdata/move-v1/abandoned.json": abandoned,
	}
}

func TestTheFormatOfAMoveIsKept(t *testing.T) {
	kept := keptMoves()
	for path, m := range kept {
		item, err := m.item()
		require.NoError(t, err)
		formattest.WritesItem(t, path, item)
	}
	for path, stored := range formattest.Items(t, "testdata/move-v*") {
		versions := []Item{stored, formattest.NewerItem(stored)}
		for _, name := range []string{attrPhases, attrCounts} {
			text := stored[name].(*types.AttributeValueMemberS).Value
			if text == "null" {
				continue
			}
			for _, newer := range formattest.NewerDocuments(t, text) {
				later := formattest.NewerItem(stored)
				later[name] = item.Text(newer)
				versions = append(versions, later)
			}
		}
		for _, version := range versions {
			m, err := fromItem(version)
			require.NoError(t, err, path)
			require.Equal(t, kept[path], m, path)
			require.True(t, m.Phase.known())
		}
	}
}
