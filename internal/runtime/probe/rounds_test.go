package probe_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/probe"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/emftest"
)

// run makes a round in a world of its own time.
func (w *world) run(t *testing.T) {
	t.Helper()
	require.NoError(t, w.rounds().Handle(t.Context()))
}

// ended returns the metrics of the only round's last line.
func (w *world) ended(t require.TestingT) (map[string]float64, line) {
	ends := w.said("round ended")
	require.Len(t, ends, 1)
	return metrics(t, ends[0]), ends[0]
}

func TestRound_SaysOfEachCellWhetherItProcessesEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alpha", "beta", "delta", "gamma")
		w.broken["beta"], w.broken["gamma"] = isStuck, isUnrouted
		start := time.Now()
		w.run(t)

		lines := w.cellLines(t)
		require.Len(t, lines, 4)
		require.Equal(t, map[string]float64{"probe_ok": 1, "probe_ms": 310}, emftest.OfCell(t, lines["alpha"].fields, "alpha"), "looks 105 and 310 ms after it was accepted")
		require.Equal(t, map[string]float64{"probe_ok": 0}, emftest.OfCell(t, lines["beta"].fields, "beta"))
		require.NotContains(t, lines["gamma"].fields, "_aws", "that the router did not get to it says nothing of the cell")
		require.NotContains(t, lines["gamma"].fields, "probe_ok")
		for id, want := range map[string][2]string{"alpha": {"INFO", "ok"}, "beta": {"ERROR", "failed"}, "gamma": {"WARN", "unsent"}} {
			require.Equal(t, want, [2]string{lines[id].fields["level"].(string), lines[id].fields["outcome"].(string)})
			require.Equal(t, mapping.ProbeTenant(id), lines[id].fields["tenant"])
		}
		require.Contains(t, lines["beta"].fields["error"], "not processed in time (20s)")
		for i, id := range []string{"alpha", "beta", "delta"} {
			require.Equal(t, time.Duration(i)*interval/3/4, w.accepted[lines[id].fields["event"].(string)].Sub(start)-requestTakes, "evenly over the first third of the interval")
		}

		counted, end := w.ended(t)
		require.Equal(t, map[string]float64{"probe_rounds": 1, "probe_unsent": 1, "moves_stalled": 0}, counted)
		require.Equal(t, "WARN", end.fields["level"])
		for name, want := range map[string]float64{"cells": 4, "ok": 2, "failed": 1, "interrupted": 0} {
			require.Equal(t, want, end.fields[name], name)
		}
	})
}

// Whatever cells hang, and where, each of the others has its line when it would have it if all were well; and a round makes no more
// requests than its formula says.
func TestRound_IsDelayedByNoCellThatHangs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 15).Draw(rt, "cells")
		faults := make([]fault, n)
		for i := range faults {
			faults[i] = rapid.SampledFrom([]fault{"", "", hangsPlacing, hangsAccepting, hangsTelling, isStuck, isDown, isUnrouted, isUnmapped}).Draw(rt, "fault")
		}
		synctest.Test(t, func(t *testing.T) {
			ids := make([]string, n)
			for i := range ids {
				ids[i] = fmt.Sprintf("c%03d", i)
			}
			w := newWorld(t, ids...)
			for i, id := range ids {
				w.broken[id] = faults[i]
			}
			start := time.Now()
			w.run(t)
			lines := w.cellLines(t)
			require.Len(t, lines, n)
			for i, id := range ids {
				due := start.Add(time.Duration(i) * (interval / 3) / time.Duration(n))
				took := lines[id].at.Sub(due)
				switch faults[i] {
				case "":
					require.Equal(t, map[string]float64{"probe_ok": 1, "probe_ms": 310}, emftest.OfCell(t, lines[id].fields, id))
					require.Equal(t, 315*time.Millisecond, took)
				case hangsPlacing, hangsAccepting, hangsTelling:
					require.NotContains(t, lines[id].fields, "probe_ok")
					require.Equal(t, patience, took)
				case isStuck:
					require.Equal(t, 0.0, lines[id].fields["probe_ok"])
					require.Equal(t, patience, took)
				case isDown:
					require.Equal(t, 0.0, lines[id].fields["probe_ok"])
				default:
					require.NotContains(t, lines[id].fields, "probe_ok")
				}
			}
			require.LessOrEqual(t, time.Since(start), interval/3+patience)
			require.LessOrEqual(t, w.requests, probe.Requests(n, patience))
			counted, _ := w.ended(t)
			require.Equal(t, 1.0, counted["probe_rounds"], "the probe watches, whatever the cells do")
		})
	})
}

func TestRound_TellsOfAManifestThatCannotBeReadAndProbesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alpha", "beta", "gamma")
		w.texts[stack.Cell("beta").Parameter()] = "{}"
		w.run(t)
		lines := w.cellLines(t)
		require.Equal(t, 1.0, lines["alpha"].fields["probe_ok"])
		require.Equal(t, 1.0, lines["gamma"].fields["probe_ok"])
		require.NotContains(t, lines["beta"].fields, "probe_ok")
		require.Contains(t, lines["beta"].fields["error"], "parameter /cellular/dev/cells/beta: ")
		require.Zero(t, w.puts[mapping.ProbeTenant("beta")])
		counted, _ := w.ended(t)
		require.Equal(t, map[string]float64{"probe_rounds": 1, "probe_unsent": 1, "moves_stalled": 0}, counted)
	})
}

func TestRound_OfADeploymentWithoutCellsIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run(t)
		counted, _ := w.ended(t)
		require.Equal(t, map[string]float64{"probe_rounds": 1, "moves_stalled": 0}, counted)
	})
}

func TestRounds_GoOnWithTheLastListForAnHour(t *testing.T) {
	for name, breakSSM := range map[string]func(*world){
		"SSM throttles": func(w *world) { w.ssmErr = errors.New("ThrottlingException") },
		"SSM hangs":     func(w *world) { w.ssmHangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "alpha", "beta")
				rounds := w.rounds()
				require.NoError(t, rounds.Handle(t.Context()))
				breakSSM(w)
				for range 2 {
					w.lines = nil
					time.Sleep(30*time.Minute - interval)
					require.NoError(t, rounds.Handle(t.Context()))
					require.Len(t, w.cellLines(t), 2)
					require.Len(t, w.said("the cells could not be listed: those of the last list are probed"), 1)
					counted, _ := w.ended(t)
					require.Equal(t, 1.0, counted["probe_rounds"])
				}
				w.lines = nil
				time.Sleep(5 * time.Minute)
				require.NoError(t, rounds.Handle(t.Context()))
				require.Empty(t, w.cellLines(t))
				counted, end := w.ended(t)
				require.NotContains(t, counted, "probe_rounds", "nobody watches")
				require.Equal(t, "ERROR", end.fields["level"])
				require.Len(t, w.said("the cells could not be listed: this is no whole round"), 1)
			})
		})
	}
}

func TestRound_ProbesTheCellsOfAListThatBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := make([]string, 15)
		for i := range ids {
			ids[i] = fmt.Sprintf("c%02d", i)
		}
		w := newWorld(t, ids...)
		w.ssmErr = errors.New("ThrottlingException") // with the second page
		w.run(t)
		require.Len(t, w.cellLines(t), 10)
		counted, _ := w.ended(t)
		require.NotContains(t, counted, "probe_rounds", "five cells were not looked at")
	})
}

func TestRound_WritesWhatIsKnownWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alpha", "beta", "delta", "gamma")
		w.broken["beta"] = isStuck
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second) // before delta has ended its patience, and gamma began
		defer cancel()
		require.NoError(t, w.rounds().Handle(ctx))
		require.Equal(t, 11*time.Second, time.Since(start), "a second is left to say so")

		lines := w.cellLines(t)
		require.Equal(t, 1.0, lines["alpha"].fields["probe_ok"])
		require.Equal(t, 1.0, lines["delta"].fields["probe_ok"])
		require.NotContains(t, lines["beta"].fields, "probe_ok", "it was not given its time")
		require.Equal(t, "interrupted", lines["beta"].fields["outcome"])
		require.NotContains(t, lines, "gamma")
		require.True(t, lines["alpha"].at.Before(start.Add(time.Second)), "when it was known")
		counted, end := w.ended(t)
		require.NotContains(t, counted, "probe_rounds")
		require.NotContains(t, counted, "probe_unsent")
		require.Equal(t, 2.0, end.fields["interrupted"])
	})
}

func TestRound_CountsWhatNobodyWorksOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alpha")
		long := event.FormatTime(time.Now().Add(-time.Minute))
		for i, phase := range []string{"copy", "redirect"} {
			w.tables.Put(stack.MoveTable(), dynamotest.Item{
				controltables.AttrTenantID: item.Text(fmt.Sprint("t", i)), controltables.AttrEpoch: item.Number(2), controltables.AttrOpen: item.Text(controltables.OpenValue),
				"phase": item.Text(phase), "started_at": item.Text(long), "updated_at": item.Text(long), "holder": item.Text("host:1"),
			})
		}
		w.run(t)
		counted, end := w.ended(t)
		require.Equal(t, map[string]float64{"probe_rounds": 1, "moves_stalled": 1}, counted)
		require.Equal(t, 2.0, end.fields["open_work"])
		told := w.said("nobody works on some moves or removals")
		require.Len(t, told, 1)
		require.Equal(t, "t0", told[0].fields["tenant"])
	})
}

func TestRound_ThatCannotSeeTheMovesIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alpha")
		w.queryErr = errors.New("AccessDeniedException")
		w.run(t)
		require.Equal(t, 1.0, w.cellLines(t)["alpha"].fields["probe_ok"])
		counted, end := w.ended(t)
		require.Empty(t, counted)
		require.NotContains(t, end.fields, "moves_stalled")
		require.Len(t, w.said("the moves and removals under way could not be read: this is no whole round"), 1)
	})
}

func TestRounds_OfOneProcessPutAMappingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alpha", "beta")
		rounds, tenant := w.rounds(), mapping.ProbeTenant("alpha")
		for range 3 {
			require.NoError(t, rounds.Handle(t.Context()))
		}
		require.Equal(t, 1, w.puts[tenant])
		require.Equal(t, 3, w.posts[tenant])
		m, err := mapping.NewStore(w.tables, stack.MappingTable()).Get(t.Context(), tenant)
		require.NoError(t, err)
		require.Equal(t, "alpha", m.CellID)

		w.broken["alpha"] = isUnmapped // as after a restore of the table
		require.NoError(t, rounds.Handle(t.Context()))
		delete(w.broken, "alpha")
		require.NoError(t, rounds.Handle(t.Context()))
		require.Equal(t, 2, w.puts[tenant], "it is put again once the router does not know it")
		require.Equal(t, 1, w.puts[mapping.ProbeTenant("beta")])
	})
}

// An invocation may begin while another has not ended, in the same process or in another one.
func TestRounds_ThatOverlapDoNotDisturbEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alpha", "beta", "gamma")
		w.broken["beta"] = isStuck
		one, other := w.rounds(), w.rounds()
		var all sync.WaitGroup
		for _, rounds := range []*probe.Rounds{one, one, other} {
			all.Go(func() { _ = rounds.Handle(t.Context()) })
		}
		all.Wait()
		oks := map[any][]any{}
		for _, l := range w.said("cell probed") {
			oks[l.fields["cell"]] = append(oks[l.fields["cell"]], l.fields["probe_ok"])
		}
		require.Equal(t, map[any][]any{"alpha": {1.0, 1.0, 1.0}, "beta": {0.0, 0.0, 0.0}, "gamma": {1.0, 1.0, 1.0}}, oks)
		require.Len(t, w.said("round ended"), 3)
		require.Len(t, w.accepted, 9, "each event has an id of its own")
	})
}
