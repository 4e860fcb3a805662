package replay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/resend"
	. "cellular/internal/testkit/resendtest"
)

type world struct {
	*World
	replayer *replay.Replayer
	tenants  []string // mapped to alpha
}

func newWorld() *world {
	w := &world{World: New()}
	w.replayer = &replay.Replayer{DynamoDB: w.Tables, Home: w.Home(w.Queues)}
	return w
}

// here maps a tenant to alpha.
func (w *world) here(tenantID string) {
	w.Map(tenantID, Alpha, 1)
	w.tenants = append(w.tenants, tenantID)
}

// scope is the last day, and the tenants of alpha, a page of one each.
func (w *world) scope() replay.Scope {
	return replay.Scope{
		Since: w.Clock.Now().Add(-24 * time.Hour),
		Tenants: func(_ context.Context, after string) ([]string, string, error) {
			i := slices.Index(w.tenants, after) + 1
			if i >= len(w.tenants) {
				return nil, "", nil
			}
			return w.tenants[i : i+1], w.tenants[i], nil
		},
	}
}

func (w *world) run(t require.TestingT, s replay.Scope) replay.Summary {
	got, err := w.replayer.Run(context.Background(), Alpha, s, replay.Options{Rate: 10_000})
	require.NoError(t, err)
	return got
}

func (w *world) find(t *testing.T, s replay.Scope, each func([]replay.Candidate) error) error {
	_, err := w.replayer.Find(t.Context(), Alpha, s, each)
	return err
}

func TestAReplayCountsWhatItSkipsWithoutAnEffect(t *testing.T) {
	w := newWorld()
	w.here("acme")
	for i := range 30 {
		w.Accept(Alpha, "acme", fmt.Sprint("recent-", i), 1, time.Minute)
	}
	w.Outcome(Alpha, w.Accept(Alpha, "acme", "failed a moment ago", 1, time.Hour), ledger.Failed, time.Minute)
	w.Outcome(Alpha, w.Accept(Alpha, "acme", "applied a moment ago", 1, time.Minute), ledger.Processed, time.Minute)
	letter := w.Accept(Alpha, "acme", "in a DLQ", 1, time.Hour)
	redriven := w.Accept(Alpha, "acme", "in a DLQ and applied", 1, time.Hour)
	w.Outcome(Alpha, redriven, ledger.Processed, time.Minute)
	s := w.scope()
	s.InDLQ = map[string]time.Time{letter.Key(): {}, redriven.Key(): {}}

	got := w.run(t, s)
	require.Zero(t, got.Found)
	require.Equal(t, replay.Skipped{InDLQ: 1, TooRecent: 31}, got.Skipped)
	w.Clock.Advance(replay.DefaultGrace)
	require.Equal(t, 31, w.run(t, s).Found)
}

func TestAReplayFindsWhatAPurgedQueueHasLost(t *testing.T) {
	w := newWorld()
	w.here("acme")
	w.here("globex")
	var lost []string
	for i := range 230 { // more than a page
		tenant := []string{"acme", "globex"}[i%2]
		e := w.Accept(Alpha, tenant, fmt.Sprintf("e%03d", i), 1, time.Hour)
		w.PutEvent(t, Alpha.QueueURL, e)
		if i < 20 {
			continue
		}
		lost = append(lost, e.Key())
	}
	w.Purge(t, Alpha.QueueURL)
	for i := range 20 {
		w.Outcome(Alpha, event.Event{TenantID: []string{"acme", "globex"}[i%2], ID: fmt.Sprintf("e%03d", i), Type: "order", Epoch: 1}, ledger.Processed, time.Minute)
	}

	got := w.run(t, w.scope())
	require.Equal(t, len(lost), got.Found)
	require.Equal(t, map[replay.Reason]int{replay.NoOutcome: len(lost)}, got.Reasons)
	require.Equal(t, map[resend.Verdict]int{resend.Sent: len(lost)}, got.Verdicts)
	require.Len(t, got.First, 100)
	require.ElementsMatch(t, lost, w.Keys(Alpha.QueueURL))
	for key, group := range w.Groups(Alpha.QueueURL) {
		tenantID, _, err := event.ParseKey(key)
		require.NoError(t, err)
		require.Equal(t, tenantID, group, "the message group of %s", key)
	}

	w.Consume(t, Alpha)
	for _, key := range lost {
		require.Equal(t, 1, w.Effects(Alpha, key))
	}
	require.Zero(t, w.run(t, w.scope()).Found)
}

func TestWhatIsACandidate(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*world) event.Event
		want replay.Reason
	}{
		"nothing known of it":    {func(w *world) event.Event { return w.Accept(Alpha, "acme", "e", 1, time.Hour) }, replay.NoOutcome},
		"accepted a moment ago":  {func(w *world) event.Event { return w.Accept(Alpha, "acme", "e", 1, 4*time.Minute) }, ""},
		"accepted before since":  {func(w *world) event.Event { return w.Accept(Alpha, "acme", "e", 1, 25*time.Hour) }, ""},
		"of a tenant not mapped": {func(w *world) event.Event { return w.Accept(Alpha, "other", "e", 1, time.Hour) }, ""},
		"applied": {func(w *world) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Processed, time.Minute)
			return e
		}, ""},
		"failed": {func(w *world) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, 30*time.Minute)
			return e
		}, replay.FailedGone},
		"dropped by an operator": {func(w *world) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, 30*time.Minute)
			verdicts, err := w.replayer.Home.Drop(context.Background(), Alpha, "acme", []resend.Wanted{{Key: e.Key()}})
			if err != nil || verdicts[e.Key()] != resend.Dropped {
				panic(fmt.Sprint(verdicts, err))
			}
			return e
		}, ""},
		"failed a moment ago": {func(w *world) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, time.Minute)
			return e
		}, ""},
		"in its last attempt, which may take longer than the grace": {func(w *world) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Failed, 14*time.Minute)
			entry := w.Tables.Item(Alpha.ResultsTable, e.Key())
			entry[ledger.AttrFailedBy] = item.Text(event.FormatTime(w.Clock.Now().Add(time.Minute)))
			w.Tables.Put(Alpha.ResultsTable, entry)
			return e
		}, ""},
		"diverted before the tenant came back": {func(w *world) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Diverted, time.Hour)
			w.Map("acme", Alpha, 3)
			return e
		}, replay.StillWaits},
		"diverted, sent on and lost before the tenant came back": {func(w *world) event.Event {
			e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
			w.Outcome(Alpha, e, ledger.Diverted, time.Hour)
			entry := w.Tables.Item(Alpha.ResultsTable, e.Key())
			delete(entry, ledger.AttrWaiting)
			w.Tables.Put(Alpha.ResultsTable, entry)
			w.Map("acme", Alpha, 3)
			return e
		}, replay.LostOnWay},
	} {
		t.Run(name, func(t *testing.T) {
			for _, one := range []bool{false, true} {
				w := newWorld()
				w.here("acme")
				e := c.set(w)
				s := w.scope()
				if one {
					s.Tenant, s.Tenants = "acme", nil
				}
				var found []string
				var reason replay.Reason
				each := func(list []replay.Candidate) error {
					for _, c := range list {
						found, reason = append(found, c.Key), c.Reason
					}
					return nil
				}
				require.NoError(t, w.find(t, s, each))
				require.Equal(t, c.want, reason)
				if c.want == "" {
					require.Empty(t, found)
					continue
				}
				require.Equal(t, []string{e.Key()}, found)

				found = nil
				if c.want != replay.StillWaits {
					s.InDLQ = map[string]time.Time{e.Key(): {}}
					require.NoError(t, w.find(t, s, each))
					require.Empty(t, found, "what is in a DLQ is for a redrive")
				}
			}
		})
	}
}

func TestAScopeThatCannotBeSearchedIsRefused(t *testing.T) {
	w := newWorld()
	s := w.scope()
	s.Since = w.Clock.Now().Add(-ResultTTL - time.Minute)
	err := w.find(t, s, nil)
	require.ErrorIs(t, err, replay.ErrTooOld)
	require.ErrorContains(t, err, "the earliest is 2026-02-02T05:06:08Z")

	s.Since = w.Clock.Now().Add(-time.Minute)
	require.ErrorContains(t, w.find(t, s, nil), "leaves events time to be applied")

	_, err = w.replayer.Run(t.Context(), Alpha, w.scope(), replay.Options{})
	require.ErrorContains(t, err, "want more than 0")
}

func TestADryRunChangesNothing(t *testing.T) {
	w := newWorld()
	w.here("acme")
	w.Accept(Alpha, "acme", "e", 1, time.Hour)
	left(w, "globex", "g")
	before := w.Tables.Items(Alpha.ResultsTable)
	got, err := w.replayer.Run(t.Context(), Alpha, w.scope(), replay.Options{Rate: 1, DryRun: true})
	require.NoError(t, err)
	require.Equal(t, map[resend.Verdict]int{resend.Due: 2}, got.Verdicts)
	require.Empty(t, w.Keys(Alpha.QueueURL))
	require.Empty(t, w.Keys(Beta.QueueURL))
	require.ElementsMatch(t, before, w.Tables.Items(Alpha.ResultsTable))
	require.Empty(t, w.Tables.Items(Beta.DataTable))
}

// left is an event that was diverted in alpha after its tenant had left for beta.
func left(w *world, tenantID, eventID string) event.Event {
	w.Map(tenantID, Beta, 2)
	w.Fence(Alpha, tenantID, 2, ledger.Left)
	w.Fence(Beta, tenantID, 2, ledger.Owner)
	e := w.Accept(Alpha, tenantID, eventID, 1, 26*time.Hour)
	w.Outcome(Alpha, e, ledger.Diverted, time.Minute)
	return e
}

func TestADivertedEventThatWaitsIsSentOn(t *testing.T) {
	w := newWorld()
	e := left(w, "globex", "g")
	got := w.run(t, w.scope())
	require.Equal(t, map[replay.Reason]int{replay.StillWaits: 1}, got.Reasons)
	require.Equal(t, []string{e.Key()}, w.Keys(Beta.QueueURL))
	require.NotContains(t, w.Tables.Item(Alpha.ResultsTable, e.Key()), ledger.AttrWaiting)
	require.Equal(t, ledger.Diverted, w.Status(Alpha, e.Key()))
	w.Consume(t, Beta)
	require.Equal(t, 1, w.Effects(Beta, e.Key()))
	require.Zero(t, w.run(t, w.scope()).Found)
}

// A consumer of the version before diverts what comes late of a removed tenant. The note would wait forever.
func TestReplay_DeletesTheNoteOfARemovedTenantsEvent(t *testing.T) {
	for _, home := range []manifest.Cell{Alpha, Beta} {
		w := newWorld()
		e := left(w, "globex", "g")
		w.Tables.Delete(Alpha.DataTable, e.Key())
		w.Map("globex", home, 6)
		w.replayer.Home.RemovedEpoch = func(context.Context, string) (int64, error) { return 5, nil }
		s := w.scope()
		s.Tenant, s.Tenants = "globex", nil
		mine := w.Accept(Alpha, "globex", "mine", 6, 26*time.Hour)
		w.Outcome(Alpha, mine, ledger.Diverted, time.Minute)
		w.Tables.Delete(Alpha.DataTable, mine.Key())
		got := w.run(t, s)
		require.Equal(t, 1, got.Verdicts[resend.Removed])
		require.Nil(t, w.Tables.Item(Alpha.ResultsTable, e.Key()))
		require.NotNil(t, w.Tables.Item(Alpha.ResultsTable, mine.Key()), "the note of the tenant of now is kept")
		require.Empty(t, w.Keys(Alpha.QueueURL))
		require.Empty(t, w.Keys(Beta.QueueURL))
	}
}

// The name may be placed below what was removed, by a version that keeps no record: its notes cannot be told apart.
func TestReplay_KeepsTheNotesOfATenantBelowItsTombstone(t *testing.T) {
	w := newWorld()
	e := left(w, "globex", "g")
	w.Tables.Delete(Alpha.DataTable, e.Key())
	w.replayer.Home.RemovedEpoch = func(context.Context, string) (int64, error) { return 5, nil }
	got := w.run(t, w.scope())
	require.Equal(t, map[resend.Verdict]int{resend.Gone: 1}, got.Verdicts)
	require.NotNil(t, w.Tables.Item(Alpha.ResultsTable, e.Key()))
}

func TestADivertedEventWaitsOnWhileItsTenantIsBeingMoved(t *testing.T) {
	w := newWorld()
	w.here("acme")
	w.Fence(Alpha, "acme", 2, ledger.Outgoing) // and the mapping says alpha still
	e := w.Accept(Alpha, "acme", "e", 1, time.Hour)
	w.Outcome(Alpha, e, ledger.Diverted, time.Minute)
	got := w.run(t, w.scope())
	require.Equal(t, map[resend.Verdict]int{resend.Moving: 1}, got.Verdicts)
	require.Contains(t, w.Tables.Item(Alpha.ResultsTable, e.Key()), ledger.AttrWaiting)
	require.Empty(t, w.Keys(Alpha.QueueURL))
}

func TestAnEventThatIsDivertedAgainMeanwhileGoesOnWaiting(t *testing.T) {
	w := newWorld()
	e := left(w, "globex", "g")
	_, err := w.replayer.Run(t.Context(), Alpha, w.scope(), replay.Options{Rate: 10_000})
	require.NoError(t, err)
	again := e
	again.Epoch = 3
	w.Outcome(Alpha, e, ledger.Diverted, time.Minute)
	w.Map("globex", Beta, 4)
	first := true
	w.Queues.After = nil
	w.replayer.Home.Queue = queueFunc(func() {
		if first {
			first = false
			w.Outcome(Alpha, again, ledger.Diverted, 0)
		}
	}, w.Queues)
	w.run(t, w.scope())
	require.Contains(t, w.Tables.Item(Alpha.ResultsTable, e.Key()), ledger.AttrWaiting)
}

func TestI6AReplayBrokenOffAtAnyCallAndRunAgainLosesNothing(t *testing.T) {
	broken := errors.New("broken off")
	for _, lost := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld()
			w.here("acme")
			where := map[string]manifest.Cell{}
			for i := range 3 {
				where[w.Accept(Alpha, "acme", fmt.Sprint("e", i), 1, time.Hour).Key()] = Alpha
				e := left(w, "globex", fmt.Sprint("g", i))
				where[e.Key()] = Beta
			}
			calls := w.BreakAt(n, lost, broken)
			_, err := w.replayer.Run(t.Context(), Alpha, w.scope(), replay.Options{Rate: 10_000})
			w.Mend()
			w.run(t, w.scope())
			w.Consume(t, Alpha)
			w.Consume(t, Beta)
			w.RequireEffects(t, where)
			require.Zero(t, w.run(t, w.scope()).Found)
			if *calls < n {
				require.NoError(t, err)
				require.Greater(t, n, 10)
				break
			}
			require.ErrorIs(t, err, broken)
		}
	}
}

func TestI6PurgesMovesAndReplaysInAnyOrderLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		home, epoch := Alpha, int64(1)
		w.Map("acme", home, epoch)
		var all []string
		cells := []manifest.Cell{Alpha, Beta}
		replayBoth := func(breakAt int, lost bool) {
			for _, c := range cells {
				s := w.scope()
				s.Tenants = func(context.Context, string) ([]string, string, error) {
					if c.ID == home.ID {
						return []string{"acme"}, "", nil
					}
					return nil, "", nil
				}
				if breakAt > 0 {
					w.BreakAt(breakAt, lost, errors.New("broken off"))
				}
				_, err := w.replayer.Run(context.Background(), c, s, replay.Options{Rate: 10_000})
				w.Mend()
				if breakAt == 0 {
					require.NoError(t, err)
				}
			}
		}
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"accept", "accept late", "purge", "consume", "move", "replay", "broken replay"}).Draw(t, "step") {
			case "accept":
				e := w.Accept(home, "acme", fmt.Sprint("e", len(all)), epoch, 0)
				all = append(all, e.Key())
				w.PutEvent(t, home.QueueURL, e)
			case "accept late": // by a router whose cache is behind, in the cell that the tenant has left
				if epoch > 1 {
					from := cells[0]
					if from.ID == home.ID {
						from = cells[1]
					}
					e := w.Accept(from, "acme", fmt.Sprint("e", len(all)), epoch-1, 0)
					all = append(all, e.Key())
					w.PutEvent(t, from.QueueURL, e)
					w.Consume(t, from) // it is diverted
				}
			case "purge":
				w.Purge(t, home.QueueURL)
			case "consume":
				w.Consume(t, home)
			case "move":
				to := cells[0]
				if to.ID == home.ID {
					to = cells[1]
				}
				epoch++
				w.Move("acme", to, epoch)
				w.Consume(t, home) // what was under way is diverted
				home = to
			case "replay":
				replayBoth(0, false)
			case "broken replay":
				replayBoth(rapid.IntRange(1, 30).Draw(t, "at"), rapid.Bool().Draw(t, "lost"))
			}
			w.Clock.Advance(10 * time.Minute)
		}
		replayBoth(0, false)
		w.Consume(t, home)
		for _, key := range all {
			require.Equal(t, 1, w.Effects(Alpha, key)+w.Effects(Beta, key), "effects of %s", key)
			require.Equal(t, ledger.Processed, w.Status(home, key), "%s where its tenant is", key)
		}
	})
}
