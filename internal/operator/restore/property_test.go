package restore_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/restore"
)

// Tenants send events, are moved and come back, a script deletes any of what there was at the time, and everything is
// restored and replayed. The consumers are the real ones.
//
// What the script deletes had come about by the time: of an outcome that is younger than that nothing can tell.
func TestARestoreNeverOverwritesNorBringsBackWhatHasLeftNorAppliesTwice(t *testing.T) {
	returned := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		m := &model{world: w, t: t, homes: map[string]manifest.Cell{}, epochs: map[string]int64{}, took: map[string]manifest.Cell{}}
		for _, tenant := range []string{"acme", "zeta"} {
			m.homes[tenant], m.epochs[tenant] = alpha, 1
			w.Map(tenant, alpha, 1)
		}
		m.live("before", 12)
		w.remember()
		then := w.items(alpha.DataTable, alpha.ResultsTable)
		stays := map[string]int64{}
		for tenant, cell := range m.homes {
			if cell.ID == alpha.ID {
				stays[tenant] = m.epochs[tenant]
			}
		}
		lossFirst := rapid.Bool().Draw(t, "lossFirst")
		if lossFirst {
			m.lose(then)
		}
		m.live("after", 8)
		if !lossFirst {
			m.lose(then)
		}

		before := w.items(alpha.DataTable, alpha.ResultsTable)
		_, err := w.restoreCell(restore.Options{Tenant: rapid.SampledFrom([]string{"", "acme"}).Draw(t, "tenant")})
		require.NoError(t, err)
		after := w.items(alpha.DataTable, alpha.ResultsTable)
		for key, item := range before {
			require.True(t, reflect.DeepEqual(item, after[key]), "%s was overwritten", key)
		}
		for key, item := range after {
			if before[key] != nil {
				continue
			}
			returned++
			tenant := tenantOf(item)
			require.Equal(t, "alpha", m.homes[tenant].ID, "%s came back behind its tenant", key)
			require.Equal(t, stays[tenant], m.epochs[tenant], "%s is from before a move", key)
			require.NotNil(t, then[key])
		}

		// An event that kept its item and lost its outcome, and whose tenant this restore has left alone, is replayed with
		// or without a restore. That another cell diverted a late delivery of it is no outcome.
		var safe []event.Event
		for _, e := range m.sent {
			item := before[alpha.DataTable+"/"+e.Key()] != nil || w.Tables.Item(beta.DataTable, e.Key()) != nil
			if !item || w.settled(alpha, e) || w.settled(beta, e) || w.effects(e) == 0 {
				safe = append(safe, e)
			}
		}
		w.replay(alpha, "acme", "zeta")
		w.replay(beta, "acme", "zeta")
		for _, e := range safe {
			require.LessOrEqual(t, w.effects(e), 1, "event %s", e.Key())
		}
	})
	require.NotZero(t, returned, "nothing came back: the test saw no restore at work")
}

// effects is how often an event has taken effect anywhere.
func (w *world) effects(e event.Event) int {
	return w.Effects(alpha, e.Key()) + w.Effects(beta, e.Key())
}

// settled reports whether a cell's ledger has an outcome of an event.
func (w *world) settled(c manifest.Cell, e event.Event) bool {
	status := w.Status(c, e.Key())
	return status != "" && status != ledger.Diverted
}

// model is a world that lives.
type model struct {
	*world
	t      *rapid.T
	homes  map[string]manifest.Cell
	epochs map[string]int64
	sent   []event.Event
	took   map[string]manifest.Cell // the cell that accepted an event
}

func (m *model) live(when string, steps int) {
	for i := range rapid.IntRange(1, steps).Draw(m.t, when) {
		tenant := rapid.SampledFrom([]string{"acme", "zeta"}).Draw(m.t, "tenant")
		cell := m.homes[tenant]
		switch rapid.SampledFrom([]string{"apply", "apply", "apply", "accept", "late", "move"}).Draw(m.t, "step") {
		case "apply":
			e := m.accept(tenant, fmt.Sprintf("%s-%d", when, i))
			m.PutEvent(m.t, cell.QueueURL, e)
			m.Consume(m.t, cell)
		case "accept":
			m.accept(tenant, fmt.Sprintf("%s-%d", when, i))
		case "late":
			if len(m.sent) > 0 {
				e := rapid.SampledFrom(m.sent).Draw(m.t, "late")
				if m.Tables.Item(m.homes[e.TenantID].DataTable, e.Key()) != nil && m.Tables.Item(m.homes[e.TenantID].ResultsTable, e.Key()) != nil {
					m.PutEvent(m.t, m.took[e.Key()].QueueURL, e)
					m.Consume(m.t, m.took[e.Key()])
				}
			}
		case "move":
			to := alpha
			if cell.ID == alpha.ID {
				to = beta
			}
			m.homes[tenant], m.epochs[tenant] = to, m.epochs[tenant]+1
			m.Move(tenant, to, m.epochs[tenant])
		}
	}
}

func (m *model) accept(tenant, id string) event.Event {
	e := m.Accept(m.homes[tenant], tenant, id, m.epochs[tenant], 0)
	m.sent, m.took[e.Key()] = append(m.sent, e), m.homes[tenant]
	return e
}

// lose deletes some of what there was then and still is, but not the effects, by which the test counts, nor fences: a cell
// without them applies what arrives late, whether or not anything is restored.
func (m *model) lose(then map[string]map[string]types.AttributeValue) {
	for _, key := range slices.Sorted(maps.Keys(then)) {
		table, id, _ := strings.Cut(key, "/")
		if strings.HasPrefix(id, "#") || m.Tables.Item(table, id) == nil || !rapid.Bool().Draw(m.t, "lost "+key) {
			continue
		}
		m.Tables.Delete(table, id)
	}
}
