package event_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
)

func TestExpiry_IsTheNextWholeSecond(t *testing.T) {
	accepted := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	require.Equal(t, time.Date(2026, 3, 4, 6, 6, 8, 0, time.UTC), event.Expiry(accepted, time.Hour))
	require.Equal(t, time.Date(2026, 3, 4, 6, 6, 7, 0, time.UTC), event.Expiry(accepted.Truncate(time.Second), time.Hour))
}

func TestEvent_ExpiresAtItsTime(t *testing.T) {
	end := time.Date(2026, 3, 4, 6, 0, 0, 0, time.UTC)
	e := event.Event{ExpiresAt: end}
	require.False(t, e.Expired(end.Add(-time.Nanosecond)))
	require.True(t, e.Expired(end))
	require.False(t, event.Event{}.Expired(end.AddDate(99, 0, 0)), "what the version before has written never expires")
}

// However the clocks of two routers and of the table differ, within the margin: who writes an id once more, after the item of the
// first acceptance has gone, makes a later acceptance.
func TestEvent_IsAfterTheAcceptanceThatItReplaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		skew := func(label string) time.Duration {
			return time.Duration(rapid.IntRange(-10_000, 10_000).Draw(t, label)) * time.Millisecond
		}
		noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
		ttl := time.Duration(rapid.IntRange(48*3600, 960*3600).Draw(t, "ttl")) * time.Second
		first := event.Event{AcceptedAt: noon.Add(skew("first router"))}
		first.ExpiresAt = event.Expiry(first.AcceptedAt, ttl)
		gone := first.ExpiresAt.Add(-skew("whoever deletes it"))
		began := gone.Add(-time.Duration(rapid.IntRange(0, 28_000).Draw(t, "request took")) * time.Millisecond)
		second := event.Event{AcceptedAt: began.Add(skew("second router")).Truncate(time.Millisecond)}
		second.ExpiresAt = event.Expiry(second.AcceptedAt, ttl)
		require.True(t, second.After(first))
		require.False(t, first.After(second))

		moved := event.Event{AcceptedAt: first.AcceptedAt.Add(time.Duration(rapid.IntRange(0, 24*3600).Draw(t, "in the other cell")) * time.Second)}
		moved.ExpiresAt = event.Expiry(moved.AcceptedAt, ttl)
		require.False(t, moved.After(first) || first.After(moved), "one acceptance")
	})
}
