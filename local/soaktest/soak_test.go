package soaktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/testkit/cloudtest"
)

// lengthVariable is how long the clients write: a duration such as 2m.
const (
	lengthVariable = "SOAK"
	shortSoak      = 15 * time.Second
)

// soak is how long the clients write.
func soak(t *testing.T) time.Duration {
	text := os.Getenv(lengthVariable)
	if text == "" {
		return shortSoak
	}
	length, err := time.ParseDuration(text)
	require.NoError(t, err, lengthVariable)
	return length
}

func TestI6UnderKillsAndFreezesNothingIsLostAndNothingDoubled(t *testing.T) {
	length := soak(t)
	w := deploy(t)
	homes := map[string]string{"ada": "east", "bob": "east", "cleo": "north", "dora": "north", "emil": "west", "traveller": "west"}
	const traveller, destination = "traveller", "east"
	tenants := slices.Sorted(maps.Keys(homes))
	for tenant, cell := range homes {
		w.cellctl.Do(t, "tenants", "assign", tenant, "--cell", cell)
	}

	load, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	w.weather.bad.Store(true)
	m := w.move(t.Context(), traveller, destination)
	harmed := make(chan harm, 1)
	go func() { harmed <- w.disturb(load, t, m) }()
	s := w.write(load, writers, tenants)
	h := <-harmed
	w.weather.bad.Store(false)
	require.Empty(t, s.silent, "every request has an answer")
	for key, status := range s.refused {
		require.GreaterOrEqual(t, status, 400, key)
	}
	m.await(t)
	homes[traveller] = destination

	// What was accepted is applied, or in a DLQ of a cell that has its tenant or had it.
	processed := func() map[string]time.Time {
		all := map[string]time.Time{}
		for _, c := range w.outputs.Cells {
			for key, at := range w.outcomes(t, c, ledger.Processed) {
				all[key] = at
			}
		}
		return all
	}
	missing := func() (keys []string) {
		applied := processed()
		for key := range s.accepted {
			if _, ok := applied[key]; !ok {
				keys = append(keys, key)
			}
		}
		return keys
	}
	drained := func() bool {
		for _, c := range w.outputs.Cells {
			if cloudtest.Messages(t, w.queues, c.QueueURL) > 0 {
				return false
			}
		}
		return true
	}
	cloudtest.Await(t, "every accepted event is applied or in a DLQ", func() ([]string, bool) {
		lacking := missing()
		if len(lacking) == 0 {
			return nil, drained()
		}
		if !drained() {
			return lacking, false
		}
		letters := w.letters(t)
		lacking = slices.DeleteFunc(lacking, func(key string) bool { return letters[key] })
		return lacking, len(lacking) == 0
	})
	early := processed()
	ejected := w.letters(t)

	// And what is in a DLQ is applied when it is redriven.
	cloudtest.Await(t, "what was redriven is applied, and no DLQ has anything", func() ([]string, bool) {
		w.redrive(t)
		lacking := missing()
		return lacking, len(lacking) == 0 && drained() && len(w.letters(t)) == 0
	})
	applied := processed()
	for key := range applied {
		_, refused := s.refused[key]
		_, accepted := s.accepted[key]
		require.True(t, accepted || refused, "%s was applied and never sent", key)
	}
	surplus := map[string]int{} // effects beyond one per event, by tenant
	var elsewhere []string
	for _, tenant := range tenants {
		for key := range applied {
			if of, _, err := event.ParseKey(key); err == nil && of == tenant {
				surplus[tenant]--
			}
		}
		for id, c := range w.outputs.Cells {
			n := w.counted(t, c, tenant)
			surplus[tenant] += n
			if n > 0 && id != homes[tenant] {
				elsewhere = append(elsewhere, fmt.Sprintf("%d of tenant %s in cell %s", n, tenant, id))
			}
		}
	}
	t.Log("\n" + table(length, s, h, early, ejected, applied, surplus))
	for tenant, n := range surplus {
		require.Zero(t, n, "tenant %s: each event has its effect once", tenant)
	}
	require.Empty(t, elsewhere, "a tenant's events are in its cell")
	require.NotEmpty(t, s.accepted)
	require.NotZero(t, len(h.kills)+len(h.freezes), "nobody was harmed")
}

// dead is how many messages are in the DLQs of a cell.
func (w *world) dead(t *testing.T, c manifest.Cell) int {
	t.Helper()
	n := 0
	for _, queue := range []string{c.ConsumerDLQURL, c.StreamDLQURL, c.SubscriptionDLQURL} {
		n += cloudtest.Messages(t, w.queues, queue)
	}
	return n
}

// letters are the events that messages in the cells' DLQs are about.
func (w *world) letters(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for id, c := range w.outputs.Cells {
		if w.dead(t, c) == 0 {
			continue
		}
		var v struct {
			Letters []struct{ Events []string } `json:"letters"`
		}
		require.NoError(t, json.Unmarshal([]byte(w.cellctl.Do(t, "dlq", "list", "--cell", id, "--limit", "1000", "--output", "json")), &v))
		for _, letter := range v.Letters {
			for _, key := range letter.Events {
				found[key] = true
			}
		}
	}
	return found
}

// redrive sends again what is in the cells' DLQs.
func (w *world) redrive(t *testing.T) {
	t.Helper()
	for id, c := range w.outputs.Cells {
		if w.dead(t, c) > 0 {
			w.cellctl.Do(t, "dlq", "redrive", "--cell", id)
		}
	}
}

func table(length time.Duration, s *sent, h harm, early map[string]time.Time, ejected map[string]bool, applied map[string]time.Time, surplus map[string]int) string {
	var latencies []time.Duration
	unasked := 0
	for key, at := range applied {
		begun, accepted := s.accepted[key]
		if _, ok := early[key]; ok && accepted {
			latencies = append(latencies, at.Sub(begun))
		}
		if !accepted {
			unasked++
		}
	}
	slices.Sort(latencies)
	percentile := func(p int) time.Duration {
		if len(latencies) == 0 {
			return 0
		}
		return latencies[(len(latencies)-1)*p/100].Round(10 * time.Millisecond)
	}
	byStatus := map[int]int{}
	for _, status := range s.refused {
		byStatus[status]++
	}
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(tw, "%s\t%v\n", name, value) }
	row("writers", fmt.Sprintf("%d for %s", writers, length))
	row("sent", len(s.accepted)+len(s.refused))
	row("accepted", len(s.accepted))
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		row(fmt.Sprintf("refused with %d", status), byStatus[status])
	}
	row("applied", fmt.Sprintf("%d, of which %d were refused after they were written", len(applied), unasked))
	row("in a DLQ, then redriven", len(ejected))
	row("lost", 0)
	twice := 0
	for _, n := range surplus {
		twice += max(0, n)
	}
	row("applied twice", twice)
	for _, part := range slices.Sorted(maps.Keys(h.kills)) {
		row("killed: "+part, h.kills[part])
	}
	for _, part := range slices.Sorted(maps.Keys(h.freezes)) {
		row("frozen: "+part, h.freezes[part])
	}
	row("p50, p99 from sent to applied", fmt.Sprintf("%s, %s", percentile(50), percentile(99)))
	tw.Flush()
	return b.String()
}
