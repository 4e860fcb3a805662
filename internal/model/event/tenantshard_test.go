package event_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
)

// Items are found by these keys for as long as they exist.
func TestTheIndexKeyOfAnEventIsKept(t *testing.T) {
	require.Equal(t, "acme#3", event.TenantShard("acme", "e-1"))
	require.Equal(t, "acme#4", event.TenantShard("acme", "0195c1f0-7a3b-7c44-9d1e-5f2b8a6c7d90"))
	require.Equal(t, []string{"acme#0", "acme#1", "acme#2", "acme#3", "acme#4", "acme#5", "acme#6", "acme#7"}, event.TenantShards("acme"))
}

func TestAnEventIsUnderOneOfTheIndexKeysOfItsTenantAndOfNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenantID, other := validTenant().Draw(t, "tenant"), validTenant().Draw(t, "other")
		shard := event.TenantShard(tenantID, validID().Draw(t, "id"))
		require.Contains(t, event.TenantShards(tenantID), shard)
		require.Equal(t, tenantID, event.TenantOfShard(shard))
		require.Equal(t, tenantID, event.TenantOfShard(tenantID), "the key of the version before")
		if other != tenantID {
			require.NotContains(t, event.TenantShards(other), shard)
		}
	})
}

func TestSharded_GivesWhatTheVersionBeforeWroteTheKeysOfThisOne(t *testing.T) {
	before := itemEvent().Item()
	delete(before, event.AttrTenantShard)
	before[event.AttrTenantID] = item.Text("acme")
	e, err := event.FromItem(before)
	require.NoError(t, err)
	require.Equal(t, itemEvent(), e)
	require.Equal(t, itemEvent().Item(), event.Sharded(before))
	require.Equal(t, itemEvent().Item(), event.Sharded(event.Sharded(before)))
	require.Contains(t, before, event.AttrTenantID, "the item that was given is not changed")

	state := map[string]types.AttributeValue{event.AttrKey: item.Text("#counters#acme#1"), event.AttrTenantID: item.Text("acme")}
	require.Equal(t, state, event.Sharded(state), "business state is found by its tenant")
}
