package consumer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/runtime/consumer"
)

const heart = resultsTable + "/" + ledger.AppliedKey

func TestTheCellSaysWhenItLastAppliedAnEvent(t *testing.T) {
	c := newCell()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	options := c.Options
	options.Now = func() time.Time { return now }
	c.Consumer = consumer.New(options)
	said := func(at, key string) {
		t.Helper()
		require.Equal(t, attributes{"id": item.Text("#applied"), "applied_at": item.Text(at), "event_key": item.Text(key)}, c.tables.items[heart])
	}

	require.Equal(t, []string{"e-0"}, c.handle(t.Context(), t, deliverBody("e-0", "?", 1)))
	require.NotContains(t, c.tables.items, heart, "a failure is no sign of life")
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.NotContains(t, c.tables.items, heart, "nor is an event that was diverted")

	c.fence(0)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-2", "t", 1), deliver("e-3", "t", 1), deliver("e-1", "t", 2)))
	said("2026-03-04T05:06:07.000Z", "acme#e-3")
	now = now.Add(5*time.Second - time.Millisecond)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-4", "t", 1)))
	require.Equal(t, 1, c.tables.beats, "not more often than every 5 s")
	now = now.Add(time.Millisecond)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-4", "t", 2)))
	require.Equal(t, 1, c.tables.beats, "a duplicate is no sign of life")
	require.Empty(t, c.handle(t.Context(), t, deliver("e-5", "t", 1)))
	said("2026-03-04T05:06:12.000Z", "acme#e-5")

	now = now.Add(-time.Hour) // the clock was set back
	require.Empty(t, c.handle(t.Context(), t, deliver("e-6", "t", 1)))
	said("2026-03-04T04:06:12.000Z", "acme#e-6")
}

func TestACellThatCannotSaySoAppliesEventsAllTheSame(t *testing.T) {
	c := newCell()
	c.tables.updateErr = errors.New("AccessDenied")
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Empty(t, c.handle(t.Context(), t, deliver("e-2", "t", 1)))
	require.Equal(t, []int{1, 1}, []int{c.effects("e-1"), c.effects("e-2")})
	require.Equal(t, 1, c.tables.beats, "what fails is not tried more often either")
	require.Regexp(t, `level=WARN .*last applied event.*error=AccessDenied`, c.log.String())
}
