package demo

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/move"
)

// moved is acme, which moved from alpha to beta: the first event was applied before, the others after, one of them taken
// by alpha before it was sent on.
type moved struct {
	tally   *tally
	move    move.Move
	applied map[string]map[string]int
	states  map[string]*cellState
	wrong   []error
}

func acmeMoved() *moved {
	t := newTally(Examples{Tenants: []Placement{{"acme", "alpha"}, {"globex", "beta"}}})
	t.beginMove("acme", "beta")
	t.add([]answer{
		{Request: Request{TenantID: "acme", EventID: "1", Type: "order.placed"}, Status: http.StatusAccepted, Cell: "alpha"},
		{Request: Request{TenantID: "acme", EventID: "2", Type: "order.placed"}, Status: http.StatusAccepted, Cell: "alpha"},
		{Request: Request{TenantID: "acme", EventID: "3", Type: "order.placed"}, Status: http.StatusAccepted, Cell: "beta"},
	})
	t.endMove("acme")
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	return &moved{
		tally:   t,
		move:    move.Move{TenantID: "acme", From: "alpha", To: "beta", Epoch: 2},
		applied: map[string]map[string]int{"alpha": {"acme#1": 1}, "beta": {"acme#2": 1, "acme#3": 1}},
		states: map[string]*cellState{
			"alpha": {
				Tenants: map[string]bool{}, Processed: map[string]time.Time{}, Failed: map[string]string{}, Counters: map[string]map[string]int{},
				Fences: map[string]ledger.Fence{"acme": {TenantID: "acme", Floor: 2, State: ledger.Left, Peer: "beta"}},
			},
			"beta": {
				Tenants:   map[string]bool{"acme": true},
				Processed: map[string]time.Time{"acme#1": at, "acme#2": at, "acme#3": at},
				Epochs:    map[string]int64{"acme#1": 1, "acme#2": 2, "acme#3": 2},
				Counters:  map[string]map[string]int{"acme": {"order.placed": 3}},
				Fences:    map[string]ledger.Fence{"acme": {TenantID: "acme", Floor: 2, State: ledger.Owner}},
			},
		},
	}
}

func (m *moved) finding() finding {
	return m.tally.ownership(m.move, m.applied, m.states, 7, m.wrong)
}

func TestAMoveThatWentWellPasses(t *testing.T) {
	m := acmeMoved()
	f := m.finding()
	require.NoError(t, f.Err)
	require.Contains(t, f.Seen, "of acme's 3 events alpha applied 1, then beta 2, each once")
	require.NoError(t, m.tally.isolation(m.states).Err)
	require.NoError(t, m.tally.nothingLost(m.states).Err)
}

func TestAMoveThatWentWrongFailsWithTheReason(t *testing.T) {
	for reason, damage := range map[string]func(*moved){
		"cell beta applied event acme#2 2 times":                               func(m *moved) { m.applied["beta"]["acme#2"] = 2 },
		"cell alpha applied event acme#2, which cell beta owned under epoch 2": func(m *moved) { m.applied["alpha"]["acme#2"] = 1 },
		"cell beta applied event acme#1, which cell alpha owned under epoch 1": func(m *moved) { m.applied["beta"]["acme#1"] = 1 },
		"cell alpha is not fenced as one that the tenant has left":             func(m *moved) { delete(m.states["alpha"].Fences, "acme") },
		"cell beta is not fenced as the owner under epoch 2":                   func(m *moved) { delete(m.states["beta"].Fences, "acme") },
		"cell alpha still has events of tenant acme":                           func(m *moved) { m.states["alpha"].Tenants["acme"] = true },
		"cell alpha still has 1 outcomes of tenant acme":                       func(m *moved) { m.states["alpha"].Failed["acme#1"] = "panic" },
		"cell alpha still has the counters of tenant acme":                     func(m *moved) { m.states["alpha"].Counters["acme"] = map[string]int{"x": 1} },
		"1 events were accepted with other content":                            func(m *moved) { m.move.Counts.Conflicts = 1 },
		"status 404": func(m *moved) { m.wrong = []error{errors.New("status 404")} },
		"event acme#4: status 503: later": func(m *moved) {
			m.tally.add([]answer{{Request: Request{TenantID: "acme", EventID: "4"}, Status: 503, Body: []byte("later")}})
		},
	} {
		t.Run(reason, func(t *testing.T) {
			m := acmeMoved()
			damage(m)
			require.ErrorContains(t, m.finding().Err, reason)
		})
	}
}

func TestOnlyWhileATenantMovesMayEitherCellAnswer(t *testing.T) {
	m := acmeMoved()
	m.tally.add([]answer{{Request: Request{TenantID: "acme", EventID: "4"}, Status: http.StatusAccepted, Cell: "alpha"}})
	require.ErrorContains(t, m.tally.isolation(m.states).Err, `event acme#4: answered by cell "alpha", placed in "beta"`)
	m.states["alpha"].Tenants["acme"] = true
	require.ErrorContains(t, m.tally.isolation(m.states).Err, `cell alpha holds events of tenant acme, which is placed in cell "beta"`)
}

func TestTheBusiestTenantThatNothingElseIsShownWithMoves(t *testing.T) {
	cells := map[string]manifest.Cell{"alpha": {}, "beta": {}, "gamma": {}}
	e := Examples{
		Tenants: []Placement{{"sick", "alpha"}, {"wrong", "alpha"}, {"quiet", "gamma"}, {"busy", "beta"}},
		Orders: []Request{{TenantID: "sick"}, {TenantID: "sick"}, {TenantID: "sick"}, {TenantID: "wrong"}, {TenantID: "wrong"}, {TenantID: "wrong"},
			{TenantID: "quiet"}, {TenantID: "busy"}, {TenantID: "busy"}},
		Poison:  []Request{{TenantID: "sick"}},
		Refused: []Refusal{{Request: Request{TenantID: "wrong"}}},
	}
	r, err := busiest(e, cells)
	require.NoError(t, err)
	require.Equal(t, route{"busy", "beta", "gamma"}, r)

	_, err = busiest(e, map[string]manifest.Cell{"beta": {}})
	require.ErrorContains(t, err, "another cell")
	e.Tenants = e.Tenants[:2]
	_, err = busiest(e, cells)
	require.ErrorContains(t, err, "a tenant with orders")
}

func TestWhatWasAppliedIsCountedFromTheConsumersLog(t *testing.T) {
	counts, err := countApplied(strings.NewReader(`{"tenant":"acme","event":"1","outcome":"applied"}
a line that is no record
{"tenant":"acme","event":"1","outcome":"duplicate"}
{"tenant":"acme","event":"2","outcome":"diverted"}
{"tenant":"acme","event":"3","outcome":"applied"}
`))
	require.NoError(t, err)
	require.Equal(t, map[string]int{"acme#1": 1, "acme#3": 1}, counts)
}
