package demo

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
)

// twoCells is a run in which everything went well: acme in alpha with two orders, one sent twice; globex in beta with an
// order, a malformed one and one that the fix has mended.
func twoCells() (*tally, map[string]*cellState) {
	examples := Examples{
		Tenants: []Placement{{"acme", "alpha"}, {"globex", "beta"}},
		Poison: []Request{
			{TenantID: "globex", EventID: "bad", Type: "order.placed"},
			{TenantID: "globex", EventID: "ill", Type: "fault.panic"},
		},
	}
	t := newTally(examples)
	t.add([]answer{
		{Request: Request{TenantID: "acme", EventID: "1", Type: "order.placed"}, Status: http.StatusAccepted, Cell: "alpha"},
		{Request: Request{TenantID: "acme", EventID: "1", Type: "order.placed"}, Status: http.StatusAccepted, Cell: "alpha", Replayed: true},
		{Request: Request{TenantID: "acme", EventID: "2", Type: "order.paid"}, Status: http.StatusAccepted, Cell: "alpha"},
		{Request: Request{TenantID: "globex", EventID: "1", Type: "order.placed"}, Status: http.StatusAccepted, Cell: "beta"},
		{Request: Request{TenantID: "globex", EventID: "bad", Type: "order.placed"}, Status: http.StatusAccepted, Cell: "beta"},
		{Request: Request{TenantID: "globex", EventID: "ill", Type: "fault.panic"}, Status: http.StatusAccepted, Cell: "beta"},
	})
	t.mend()
	accepted := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	applied := accepted.Add(time.Second)
	return t, map[string]*cellState{
		"alpha": {
			Tenants:   map[string]bool{"acme": true},
			Accepted:  map[string]time.Time{"acme#1": accepted, "acme#2": accepted},
			Processed: map[string]time.Time{"acme#1": applied, "acme#2": applied},
			Counters:  map[string]map[string]int{"acme": {"order.placed": 1, "order.paid": 1}},
		},
		"beta": {
			Tenants:   map[string]bool{"globex": true},
			Accepted:  map[string]time.Time{"globex#1": accepted, "globex#bad": accepted, "globex#ill": accepted},
			Processed: map[string]time.Time{"globex#1": applied, "globex#ill": applied.Add(time.Hour)},
			Failed:    map[string]string{"globex#bad": "rejected"},
			Counters:  map[string]map[string]int{"globex": {"order.placed": 1, "fault.panic": 1}},
			DLQ:       map[string]int{"dlq": 1},
		},
	}
}

// ejected is what was in the DLQs of twoCells before the fix.
func ejected() map[string]string {
	return map[string]string{"globex#bad": "beta", "globex#ill": "beta"}
}

func findings(t *tally, ejected map[string]string, states map[string]*cellState) map[string]error {
	errs := map[string]error{}
	for _, f := range []finding{t.isolation(states), t.nothingLost(states), t.containedPoison(ejected, nil, states)} {
		errs[f.Invariant] = f.Err
	}
	return errs
}

func TestAGoodRunPasses(t *testing.T) {
	tally, states := twoCells()
	for invariant, err := range findings(tally, ejected(), states) {
		require.NoError(t, err, invariant)
	}
	require.Empty(t, tally.unsettled(states))
	require.Equal(t, 1, tally.duplicates["alpha"])
	require.Equal(t, map[string]int{"beta": 2}, tally.poisoned())
	require.Equal(t, []time.Duration{time.Second}, tally.latencies(states["beta"]), "without what waited for the fix")
}

func TestADefectFailsItsInvariantWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		damage    func(*tally, map[string]*cellState)
		invariant string
		reason    string
	}{
		"an event is lost": {func(_ *tally, s map[string]*cellState) { delete(s["alpha"].Processed, "acme#2") },
			"I6 Nothing lost", "cell alpha: event acme#2 is accepted and not applied"},
		"a redriven event is lost": {func(_ *tally, s map[string]*cellState) { delete(s["beta"].Processed, "globex#ill") },
			"I6 Nothing lost", "cell beta: event globex#ill is mended and not applied"},
		"an event is applied twice": {func(_ *tally, s map[string]*cellState) { s["alpha"].Counters["acme"]["order.paid"] = 2 },
			"I6 Nothing lost", "counters of tenant acme are map[order.paid:2 order.placed:1]"},
		"a redriven event is applied twice": {func(_ *tally, s map[string]*cellState) { s["beta"].Counters["globex"]["fault.panic"] = 2 },
			"I6 Nothing lost", "counters of tenant globex are map[fault.panic:2 order.placed:1]"},
		"a good event is refused": {func(t *tally, _ map[string]*cellState) {
			t.add([]answer{{Request: Request{TenantID: "acme", EventID: "3"}, Status: 500, Body: []byte("oops")}})
		}, "I6 Nothing lost", "event acme#3: status 500: oops"},
		"an event lands in another cell": {func(_ *tally, s map[string]*cellState) { s["beta"].Tenants["acme"] = true },
			"I2 Isolation", "cell beta holds events of tenant acme"},
		"another cell answers": {func(t *tally, _ map[string]*cellState) {
			t.add([]answer{{Request: Request{TenantID: "acme", EventID: "3"}, Status: http.StatusAccepted, Cell: "beta"}})
		}, "I2 Isolation", `event acme#3: answered by cell "beta", placed in "alpha"`},
		"a good event is given up": {func(_ *tally, s map[string]*cellState) { s["alpha"].Failed = map[string]string{"acme#2": "panic"} },
			"I7 Contained poison", "cell alpha gave up on the good event acme#2: panic"},
		"the poison vanishes": {func(_ *tally, s map[string]*cellState) { s["beta"].DLQ = nil },
			"I6 Nothing lost", "cell beta: 0 messages in its DLQs, want 1"},
		"a letter comes back after it was dropped": {func(t *tally, _ map[string]*cellState) { t.dropped = true },
			"I6 Nothing lost", "cell beta: 1 messages in its DLQs, want 0"},
		"a message keeps waiting": {func(_ *tally, s map[string]*cellState) { s["beta"].Waiting = 1 },
			"I7 Contained poison", "cell beta: 1 messages still wait in its queue"},
	} {
		t.Run(name, func(t *testing.T) {
			tally, states := twoCells()
			c.damage(tally, states)
			require.ErrorContains(t, findings(tally, ejected(), states)[c.invariant], c.reason)
		})
	}
}

func TestWhatWasInTheDLQsBeforeTheFixIsChecked(t *testing.T) {
	for reason, damage := range map[string]func(map[string]string){
		`the good event "acme#1" was in a DLQ of cell alpha`:                func(e map[string]string) { e["acme#1"] = "alpha" },
		`event globex#ill was in a DLQ of cell alpha, which is not its own`: func(e map[string]string) { e["globex#ill"] = "alpha" },
		"before the fix 1 events were in the DLQs, 2 could not be applied":  func(e map[string]string) { delete(e, "globex#bad") },
		`before the fix the good event "" was in a DLQ of cell beta`:        func(e map[string]string) { e[""] = "beta" },
	} {
		tally, states := twoCells()
		e := ejected()
		damage(e)
		require.ErrorContains(t, findings(tally, e, states)["I7 Contained poison"], reason)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	var ds []time.Duration
	for i := 100; i >= 1; i-- {
		ds = append(ds, time.Duration(i))
	}
	require.EqualValues(t, 50, percentile(ds, 50))
	require.EqualValues(t, 99, percentile(ds, 99))
	require.EqualValues(t, 7, percentile([]time.Duration{7}, 99))
	require.Zero(t, percentile(nil, 50))
}

func TestLookupsAreCountedFromTheRoutersLog(t *testing.T) {
	l, err := countLookups(strings.NewReader(`{"message":"request","mapping":"miss"}
{"message":"request","mapping":"hit"}
a line that is no record
{"message":"request","status":400}
{"message":"request","mapping":"hit"}
{"message":"request","mapping":"stale","tenant":"acme"}
{"message":"request","mapping":"held","tenant":"acme"}
{"message":"request","mapping":"unavailable","tenant":"stranger"}
`))
	require.NoError(t, err)
	require.Equal(t, lookups{total: 6, cached: 4, reads: 1, stale: map[string]int{"acme": 2}, failed: 1}, l)
	require.Contains(t, l.String(), "4 of 6 lookups of a tenant were answered by the mapping cache (66.7 %), 2 of them past the soft TTL")
}

func TestTheSampleIsWhatTheDemoPromises(t *testing.T) {
	e, err := Load("../../examples")
	require.NoError(t, err)

	cells, tenants, keys := map[string]int{}, map[string]bool{}, map[string]bool{}
	largest, duplicates, nonASCII := 0, 0, false
	for _, p := range e.Tenants {
		cells[p.CellID]++
		tenants[p.TenantID] = true
	}
	for _, r := range e.Orders {
		require.True(t, tenants[r.TenantID], "order of tenant %s, which is not placed", r.TenantID)
		key := event.Key(r.TenantID, r.EventID)
		if keys[key] {
			duplicates++
		}
		keys[key] = true
		largest = max(largest, len(r.Body))
		for _, b := range r.Body {
			nonASCII = nonASCII || b >= 0x80
		}
	}
	require.Len(t, cells, 3)
	require.GreaterOrEqual(t, len(tenants), 6)
	require.GreaterOrEqual(t, len(keys), 300)
	require.Positive(t, duplicates)
	require.True(t, nonASCII)
	require.Greater(t, largest, 380<<10, "one payload is near the router's limit of 384 KiB")
	mendable := 0
	for _, r := range e.Poison {
		if strings.HasPrefix(r.Type, "fault.") {
			mendable++
		}
	}
	require.Positive(t, mendable, "what the fix mends")
	require.Greater(t, len(e.Poison), mendable, "what nothing mends")
	require.NotEmpty(t, e.Refused)
}
