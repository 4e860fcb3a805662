package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
)

func validTenant() *rapid.Generator[string] { return rapid.StringMatching(event.TenantIDPattern) }
func validID() *rapid.Generator[string]     { return rapid.StringMatching(event.IDPattern) }
func validType() *rapid.Generator[string]   { return rapid.StringMatching(event.TypePattern) }

// validCorrelationID draws a correlation id, or "" for none.
func validCorrelationID() *rapid.Generator[string] {
	return rapid.OneOf(rapid.Just(""), rapid.StringMatching(event.CorrelationIDPattern))
}

func TestKeyRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenant, id := validTenant().Draw(t, "tenant"), validID().Draw(t, "id")
		gotTenant, gotID, err := event.ParseKey(event.Key(tenant, id))
		require.NoError(t, err)
		require.Equal(t, tenant, gotTenant)
		require.Equal(t, id, gotID)
		require.Equal(t, event.Key(tenant, id), event.Event{TenantID: tenant, ID: id}.Key())
	})
}

// Short ids over a small alphabet make near-collisions likely: a key that merely concatenated would fail at once.
func TestNoTwoPairsShareAKey(t *testing.T) {
	part := rapid.StringMatching(`[ab.-]{1,3}`)
	tenant := rapid.Map(part, func(s string) string { return "a" + s })
	rapid.Check(t, func(t *rapid.T) {
		tenant1, id1 := tenant.Draw(t, "tenant1"), part.Draw(t, "id1")
		tenant2, id2 := tenant.Draw(t, "tenant2"), part.Draw(t, "id2")
		same := tenant1 == tenant2 && id1 == id2
		require.Equal(t, same, event.Key(tenant1, id1) == event.Key(tenant2, id2))
	})
}

func TestParseKeyRefusesWhatNoPairMakes(t *testing.T) {
	for _, key := range []string{"", "#", "acme", "acme#", "#e1", "acme#e#1", "#counters#acme", "ac me#e1", "acme#e/1", ".acme#e1"} {
		_, _, err := event.ParseKey(key)
		require.ErrorContains(t, err, "TENANT#EVENT", "key %q", key)
	}
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		tenant, id, err := event.ParseKey(key)
		if err == nil {
			require.Equal(t, key, event.Key(tenant, id))
		}
	})
}

func TestIdsAndTypes(t *testing.T) {
	for _, c := range []struct {
		name  string
		valid func(string) bool
		good  []string
		bad   []string
	}{
		{"tenant", event.ValidTenantID,
			[]string{"a", "A9", "acme.eu-1_b", strings.Repeat("a", 63)},
			[]string{"", ".a", "-a", "_a", "a#b", "a:b", "a b", "a\n", "é", "a\x00", strings.Repeat("a", 64)}},
		{"event id", event.ValidID,
			[]string{"a", "-", ":", "0198f3d2-0000-7000-8000-000000000000", "a:b.c_d-e", strings.Repeat("a", 128)},
			[]string{"", "a#b", "a/b", "a b", "a\n", "é", "a\x00", strings.Repeat("a", 129)}},
		{"type", event.ValidType,
			[]string{"a", "order.created", "fault.exit-after-apply", strings.Repeat("a", 128)},
			[]string{"", ".a", "a:b", "a b", "a\n", "é", strings.Repeat("a", 129)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range c.good {
				require.True(t, c.valid(s), "%q", s)
			}
			for _, s := range c.bad {
				require.False(t, c.valid(s), "%q", s)
			}
		})
	}
}

func TestACorrelationIDIsWhatAHeaderAndALogTake(t *testing.T) {
	for _, id := range []string{"req-1", "JKJaXmPLvHcESHA=", "4bf92f3577b34da6a3ce929d0e0e4736", "a/b+c==", strings.Repeat("x", 128)} {
		require.True(t, event.ValidCorrelationID(id), id)
	}
	for _, id := range []string{"", " ", "a b", "a\n", "ä", `"a"`, "a;b", strings.Repeat("x", 129)} {
		require.False(t, event.ValidCorrelationID(id), id)
	}
}

// An event is what it is without its correlation id: one that is wrong is left out, and refuses nothing.
func TestAnInvalidCorrelationIDIsLeftOut(t *testing.T) {
	want := keptEvent()
	wrong := want
	wrong.CorrelationID = "two words"
	require.Equal(t, want.Item(), wrong.Item())
	stored := want.Item()
	for _, v := range []types.AttributeValue{item.Text("two words"), item.Number(1), &types.AttributeValueMemberNULL{Value: true}} {
		stored[event.AttrCorrelationID] = v
		got, err := event.FromItem(stored)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	body, err := event.Message{Event: wrong}.Encode()
	require.NoError(t, err)
	require.NotContains(t, string(body), "correlation_id")
	for _, field := range []string{`"two words"`, "1", "null", "{}"} {
		m, err := event.DecodeMessage([]byte(strings.Replace(string(body), "{", `{"correlation_id":`+field+",", 1)))
		require.NoError(t, err, field)
		require.Equal(t, want, m.Event, field)
	}
}

func TestTimesSortAsText(t *testing.T) {
	instant := rapid.Map(rapid.Int64Range(0, 4102444800000), func(ms int64) time.Time {
		return time.UnixMilli(ms).In(time.FixedZone("elsewhere", 3600))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := instant.Draw(t, "a"), instant.Draw(t, "b")
		require.Equal(t, a.Compare(b), strings.Compare(event.FormatTime(a), event.FormatTime(b)))
		parsed, err := time.Parse(event.TimeLayout, event.FormatTime(a))
		require.NoError(t, err)
		require.True(t, a.Equal(parsed))
	})
}
