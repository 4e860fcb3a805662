package move_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/runtime/edge"
	"cellular/internal/testkit/dynamotest"
)

// site is a deployment with tables and no pipeline, that many movers work on at a time.
type site struct {
	*testing.T
	db    *dynamotest.DB
	store *placement.Store
	cells []manifest.Cell

	mu   sync.Mutex
	now  time.Time
	sent int
}

func newSite(t *testing.T, tenants int) *site {
	s := &site{T: t, db: dynamotest.NewTables(dynamotest.Deployment(stack, "alpha", "beta", "gamma")), now: time.Now()}
	s.store = placement.NewStore(s.db, control)
	for _, id := range []string{"alpha", "beta", "gamma"} {
		s.cells = append(s.cells, manifestOf(id))
	}
	tables := edge.Tables{Client: s.db, DataPrefix: stack.DataTablePrefix(), ResultsPrefix: stack.ResultsTablePrefix()}
	for i := range tenants {
		id := fmt.Sprintf("tenant-%d", i)
		_, err := s.store.Assign(t.Context(), s.cells, placement.Request{TenantID: id, CellID: "alpha"})
		require.NoError(t, err)
		_, err = tables.Write(t.Context(), "alpha", event.Event{
			TenantID: id, ID: "e-1", Type: "visit", Payload: json.RawMessage(`1`), Epoch: 1, AcceptedAt: s.now,
		})
		require.NoError(t, err)
	}
	return s
}

func (s *site) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &sqs.SendMessageBatchOutput{}
	for _, entry := range in.Entries {
		s.sent++
		out.Successful = append(out.Successful, sqstypes.SendMessageBatchResultEntry{Id: entry.Id})
	}
	return out, nil
}

func (s *site) time() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) mover() *move.Mover {
	return move.New(move.Options{
		DynamoDB: s.db, Queue: s, ControlPlane: control,
		Cell:       func(_ context.Context, id string) (manifest.Cell, error) { return manifestOf(id), nil },
		Quarantine: quarantine, Poll: time.Second, Holder: "mover", Gone: func(string) bool { return true },
		Now: s.time,
		Sleep: func(ctx context.Context, d time.Duration) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.now = s.now.Add(d)
			return ctx.Err()
		},
	})
}

func (s *site) evacuation() move.Evacuation {
	return move.Evacuation{
		Cell: "alpha", Parallel: 3,
		Page: func(ctx context.Context, after string) ([]mapping.Mapping, string, error) {
			return s.store.Page(ctx, "alpha", after, 2)
		},
		Choose: func(ctx context.Context, m mapping.Mapping) (string, error) {
			states, err := s.store.States(ctx, []string{"beta", "gamma"})
			if err != nil {
				return "", err
			}
			candidates, err := placement.Candidates(s.cells[1:], states, m.Tier)
			if err != nil {
				return "", err
			}
			return candidates[0].ID, nil
		},
	}
}

func (s *site) tenants(cell string) int {
	states, err := s.store.States(s.Context(), []string{cell})
	require.NoError(s, err)
	return states[cell].Tenants
}

func TestAnEvacuationTakesAllTenantsOut(t *testing.T) {
	s := newSite(t, 9)
	e := s.evacuation()
	var seen []move.EvacuationProgress
	e.Observe = func(p move.EvacuationProgress) { seen = append(seen, p) }
	got, err := s.mover().Evacuate(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, move.EvacuationProgress{Total: 9, Served: 9, Ended: 9, Failed: map[string]error{}}, got)
	require.Equal(t, got, seen[len(seen)-1])
	require.Zero(t, s.tenants("alpha"))
	require.Equal(t, 9, s.tenants("beta")+s.tenants("gamma"))
	require.InDelta(t, 4.5, s.tenants("beta"), 2, "they are spread")
	require.Equal(t, 9, s.sent)
	require.Empty(t, s.db.Items(manifestOf("alpha").DataTable))
}

func TestAnEvacuationGoesOnPastATenantThatFailsAndResumes(t *testing.T) {
	s := newSite(t, 5)
	e := s.evacuation()
	choose := e.Choose
	e.Until = move.Redirect
	e.Choose = func(ctx context.Context, m mapping.Mapping) (string, error) {
		if m.TenantID == "tenant-2" {
			return "", errors.New("nowhere to go")
		}
		return choose(ctx, m)
	}
	got, err := s.mover().Evacuate(t.Context(), e)
	require.ErrorContains(t, err, "1 of 5 tenants did not come out")
	require.ErrorContains(t, got.Failed["tenant-2"], "nowhere to go")
	require.Equal(t, 4, got.Served)
	require.Zero(t, got.Ended)
	require.Equal(t, 5, s.tenants("alpha"), "a place is kept until the move has ended")

	got, err = s.mover().Evacuate(t.Context(), s.evacuation())
	require.NoError(t, err)
	require.Equal(t, move.EvacuationProgress{Total: 5, Served: 5, Ended: 5, Failed: map[string]error{}}, got)
	require.Zero(t, s.tenants("alpha"))
}

func TestAnEvacuationFindsAnotherCellWhenOneFillsUp(t *testing.T) {
	s := newSite(t, 6)
	s.cells[1].MaxTenants = 1
	full := s.mover()
	full.Cell = func(_ context.Context, id string) (manifest.Cell, error) {
		c := manifestOf(id)
		if id == "beta" {
			c.MaxTenants = 1
		}
		return c, nil
	}
	_, err := full.Evacuate(t.Context(), s.evacuation())
	require.NoError(t, err)
	require.Equal(t, 1, s.tenants("beta"))
	require.Equal(t, 5, s.tenants("gamma"))
}

func TestEvacuate_LeavesATenantAloneThatAMoveHasJustBrought(t *testing.T) {
	s := newSite(t, 2)
	_, err := s.store.Assign(t.Context(), s.cells, placement.Request{TenantID: "comes", CellID: "beta"})
	require.NoError(t, err)
	_, err = s.mover().Start(t.Context(), "comes", "alpha")
	require.NoError(t, err)
	_, err = s.mover().Run(t.Context(), "comes", move.Redirect)
	require.NoError(t, err)
	got, err := s.mover().Evacuate(t.Context(), s.evacuation())
	require.NoError(t, err)
	require.Equal(t, move.EvacuationProgress{Total: 2, Served: 2, Ended: 2, Failed: map[string]error{}}, got)
	m, err := s.mover().Get(t.Context(), "comes")
	require.NoError(t, err)
	require.Equal(t, move.Redirect, m.Phase)

	_, err = s.mover().Run(t.Context(), "comes", "")
	require.NoError(t, err)
	got, err = s.mover().Evacuate(t.Context(), s.evacuation())
	require.NoError(t, err)
	require.Equal(t, 1, got.Total, "it is moved out when its move is over")
	require.Zero(t, s.tenants("alpha"))
}

func TestAnInterruptedEvacuationSaysSo(t *testing.T) {
	s := newSite(t, 6)
	ctx, cancel := context.WithCancel(t.Context())
	e := s.evacuation()
	e.Observe = func(p move.EvacuationProgress) {
		if p.Served == 2 {
			cancel()
		}
	}
	_, err := s.mover().Evacuate(ctx, e)
	require.Error(t, err)
	_, err = s.mover().Evacuate(t.Context(), s.evacuation())
	require.NoError(t, err)
	require.Zero(t, s.tenants("alpha"))
}

// Somebody takes a tenant back into the cell that is evacuated, at any moment after another cell began to serve it. What the
// evacuation says in the end is true: a tenant that is in the cell is not counted as served, nor its move as ended.
func TestEvacuate_DoesNotCountATenantThatIsBackInTheCell(t *testing.T) {
	type evacuating struct{}
	back := 0
	atCalls(t, func(at int) bool {
		s := newSite(t, 1)
		calls, taken := 0, false
		s.db.Intercept = func(ctx context.Context, _ dynamotest.Call) error {
			if ctx.Value(evacuating{}) == nil {
				return nil
			}
			s.mu.Lock()
			calls++
			now := calls == at
			s.mu.Unlock()
			if !now {
				return nil
			}
			if m, err := s.mover().Get(context.Background(), "tenant-0"); err == nil && m.Phase == move.Redirect {
				taken = true
				_, err := s.mover().BackOut(context.Background(), "tenant-0", "")
				require.NoError(s, err)
			}
			return nil
		}
		progress, err := s.mover().Evacuate(context.WithValue(t.Context(), evacuating{}, true), s.evacuation())
		if calls < at {
			return false
		}
		place, mapErr := mapping.NewStore(s.db, stack.MappingTable()).Get(t.Context(), "tenant-0")
		require.NoError(t, mapErr)
		if place.CellID == "alpha" {
			back++
			require.True(t, taken)
			require.Error(t, err, "taken back at call %d: %+v", at, progress)
			require.Zero(t, progress.Served, "taken back at call %d", at)
			require.Zero(t, progress.Ended, "taken back at call %d", at)
			require.Contains(t, progress.Failed, "tenant-0", "taken back at call %d", at)
			return true
		}
		require.NoError(t, err, "call %d", at)
		require.Equal(t, 1, progress.Ended, "call %d", at)
		return true
	})
	require.NotZero(t, back, "the tenant was never taken back")
}
