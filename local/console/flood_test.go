package console

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFlood_ShowsAFewOfAKindAndSumsTheRest(t *testing.T) {
	f, now := newFlood(), noon
	admitted := 0
	for i := range 217 {
		if f.admits(entry{cell: "beta", part: "consumer", kind: "retry", tenant: "acme", event: fmt.Sprint(i), text: fmt.Sprintf("failed %d", i)}, now) {
			admitted++
		}
		now = now.Add(time.Millisecond)
	}
	require.Equal(t, burst, admitted)
	require.True(t, f.admits(entry{cell: "gamma", part: "consumer", kind: "retry"}, now), "another cell's")
	require.True(t, f.admits(entry{cell: "beta", part: "producer", kind: "retry"}, now), "another function's")
	require.True(t, f.admits(entry{cell: "beta", part: "consumer", kind: "ejected"}, now), "another kind")
	require.Empty(t, f.due(noon.Add(window-1)))

	at := noon.Add(window)
	require.Equal(t, []entry{{at: at, cell: "beta", part: "consumer", kind: "retry", text: "... and 212 more in 10 s: failed 216"}}, f.due(at))
	require.False(t, f.admits(entry{cell: "beta", part: "consumer", kind: "retry", event: "217", text: "failed 217"}, at), "it goes on")
	require.Equal(t, []entry{{cell: "beta", part: "consumer", kind: "retry", event: "217", text: "failed 217"}}, f.due(at.Add(window)), "one alone is itself")
	again := entry{cell: "beta", part: "consumer", kind: "retry", event: "218"}
	require.True(t, f.admits(again, at.Add(window)), "it is a flood no more")
	require.Empty(t, f.due(at.Add(2*window)))
	require.Empty(t, f.due(at.Add(3*window)))
	require.Empty(t, f, "kinds that have ended are forgotten")
}

func TestFlood_SumsWhatRepeatsSlowlyAndIsOfNoEvent(t *testing.T) {
	f, now := newFlood(), noon
	var shown []string
	for range 30 {
		e := entry{cell: "gamma", part: "consumer", kind: "receive", text: "receive failed"}
		if f.admits(e, now) {
			shown = append(shown, e.text)
		}
		now = now.Add(2 * time.Second)
		for _, sum := range f.due(now) {
			shown = append(shown, sum.text)
		}
	}
	const one, sum = "receive failed", "... and 5 more in 10 s: receive failed"
	require.Equal(t, []string{one, one, one, one, one, sum, sum, sum, sum, sum}, shown)
}

// TestFlood_LosesNoLine demands that each line is shown or counted once, none later than a window and a tick, that lines of no
// kind are never held, and that a kind makes no more lines in a window than the burst and a sum.
func TestFlood_LosesNoLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, now := newFlood(), noon
		waiting := map[string][]time.Time{} // of each kind, when its lines came that are held
		shown := map[string][]time.Time{}
		settle := func(sums []entry, at time.Time) {
			for _, sum := range sums {
				held := waiting[sum.kind]
				require.NotEmpty(t, held)
				require.LessOrEqual(t, at.Sub(held[0]), window+tick)
				if len(held) > 1 {
					require.Contains(t, sum.text, fmt.Sprintf("... and %d more in ", len(held)))
				}
				delete(waiting, sum.kind)
				shown[sum.kind] = append(shown[sum.kind], at)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "seconds") {
			for range rapid.IntRange(0, 8).Draw(t, "lines") {
				kind := rapid.SampledFrom([]string{"", "retry", "ejected"}).Draw(t, "kind")
				if f.admits(entry{kind: kind, text: "failed", event: rapid.SampledFrom([]string{"", "e-1"}).Draw(t, "event")}, now) {
					shown[kind] = append(shown[kind], now)
				} else {
					require.NotEmpty(t, kind)
					waiting[kind] = append(waiting[kind], now)
				}
			}
			now = now.Add(tick)
			settle(f.due(now), now)
		}
		settle(f.end(now), now)
		require.Empty(t, waiting)
		delete(shown, "")
		for kind, times := range shown {
			const most = 2 * (burst + 1) // of the windows in which a span of their length may begin and end
			for i := most; i < len(times); i++ {
				require.GreaterOrEqual(t, times[i].Sub(times[i-most]), window-tick, kind)
			}
		}
	})
}
