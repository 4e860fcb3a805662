package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/probe"
	"cellular/internal/operator/health"
)

// front is a router of which some cells are down.
type front struct {
	down map[string]bool

	mu    sync.Mutex
	under int // requests that are under way
	most  int // and how many were at most
}

func (f *front) Do(r *http.Request) (*http.Response, error) {
	f.count(1)
	defer f.count(-1)
	time.Sleep(30 * time.Millisecond)
	w, tenant := httptest.NewRecorder(), r.URL.Query().Get("tenant_id")
	status := "processed"
	if r.Method == http.MethodPost {
		var e struct {
			TenantID string `json:"tenant_id"`
		}
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			return nil, err
		}
		tenant, status = e.TenantID, "accepted"
	}
	cell := strings.TrimPrefix(tenant, "cellctl-probe.")
	w.Header().Set("X-Cell-Id", cell)
	switch {
	case f.down[cell]:
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "down")
		return w.Result(), nil
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusAccepted)
	}
	_, _ = io.WriteString(w, `{"cell":"`+cell+`","status":"`+status+`"}`)
	return w.Result(), nil
}

func (f *front) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.under += n
	f.most = max(f.most, f.under)
}

// placements are the cells, other than their own, that probe tenants are mapped to; "" for one that cannot be placed.
type placements map[string]string

func (p placements) PutProbe(_ context.Context, c manifest.Cell) (mapping.Mapping, error) {
	m := mapping.Mapping{TenantID: mapping.ProbeTenant(c.ID), CellID: c.ID}
	if other, ok := p[c.ID]; ok {
		m.CellID = other
	}
	if m.CellID == "" {
		return mapping.Mapping{}, errors.New("throttled")
	}
	return m, nil
}

// probe probes cells in a bubble: its waits take no time.
func (f *front) probe(t *testing.T, placed placements, ids ...string) (results []probe.Result, err error) {
	t.Helper()
	prober := probe.Prober{
		URL: "http://router", HTTP: f, Patience: time.Minute,
		Sign: func(context.Context, *http.Request, []byte) error { return nil },
	}
	cells := make([]manifest.Cell, len(ids))
	for i, id := range ids {
		cells[i].ID = id
	}
	synctest.Test(t, func(t *testing.T) { results, err = health.Probe(t.Context(), prober, placed, cells) })
	return results, err
}

func TestProbe_HasAResultOfEachCellWhateverTheOthersDo(t *testing.T) {
	f := &front{down: map[string]bool{"beta": true}}
	results, err := f.probe(t, placements{"delta": "alpha", "epsilon": ""}, "alpha", "beta", "gamma", "delta", "epsilon")
	require.Len(t, results, 5)
	require.NoError(t, results[0].Err)
	require.NoError(t, results[2].Err)
	require.ErrorContains(t, err, "probe cell beta: send event "+results[1].Event+": the router answers 503 Service Unavailable: down")
	require.ErrorIs(t, results[3].Err, probe.ErrElsewhere)
	require.ErrorContains(t, err, "probe cell delta: the event went to another cell: tenant cellctl-probe.delta is mapped to cell alpha")
	require.ErrorContains(t, err, "probe cell epsilon: throttled")
}

func TestProbe_LeavesTheRouterRoomForTenants(t *testing.T) {
	f, ids := &front{}, make([]string, 40)
	for i := range ids {
		ids[i] = fmt.Sprintf("c%02d", i)
	}
	_, err := f.probe(t, nil, ids...)
	require.NoError(t, err)
	require.LessOrEqual(t, f.most, 8, "requests at a time: each holds an environment of the router")
}
