package restore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/replay"
	"cellular/internal/operator/restore"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/resendtest"
	"cellular/internal/testkit/restoretest"
)

var (
	alpha, beta = resendtest.Alpha, resendtest.Beta
	control     = resendtest.Control
)

// world is two cells that can be restored to the time at which remember was called.
type world struct {
	*resendtest.World
	t        require.TestingT
	ctx      context.Context
	at       time.Time
	taken    time.Time // when remember was called
	recovery *restoretest.Recovery
	moves    moves
}

func newWorld(t require.TestingT) *world {
	w := &world{World: resendtest.New(), t: t, ctx: context.Background(), moves: moves{}}
	w.at = w.Clock.Now()
	w.Tables = dynamotest.NewTables(restoretest.WithScratch(resendtest.Tables(), w.at))
	w.recovery = &restoretest.Recovery{DB: w.Tables}
	return w
}

// remember is the time to which the world can be restored.
func (w *world) remember() {
	w.snapshot()
	w.Clock.Advance(time.Minute)
}

func (w *world) snapshot() {
	w.taken = w.Clock.Now().Truncate(time.Second)
	w.recovery.Remember(alpha.DataTable, alpha.ResultsTable, control.MappingTable)
}

// prepare makes scratch tables with what there was when remember was called.
func (w *world) prepare(r *restore.Restorer, tables ...string) ([]restore.Scratch, error) {
	scratch, err := r.Prepare(w.ctx, w.at, nil, tables...)
	for i := range scratch {
		scratch[i].At = w.taken
	}
	return scratch, err
}

func (w *world) restorer() *restore.Restorer {
	return &restore.Restorer{DynamoDB: w.Tables, Tables: w.recovery, Moves: w.moves, Removals: w.remover(), ControlPlane: control, Now: w.Clock.Now}
}

// restoreCell does what the command does.
func (w *world) restoreCell(o restore.Options) (restore.CellReport, error) {
	o.Rate = 1e6
	r := w.restorer()
	scratch, err := w.prepare(r, alpha.DataTable, alpha.ResultsTable)
	if err != nil {
		return restore.CellReport{}, err
	}
	report, err := r.Cell(w.ctx, alpha, scratch[0], scratch[1], o)
	if err != nil {
		return report, err
	}
	return report, r.Discard(w.ctx, scratch)
}

func (w *world) restoreMappings(o restore.Options) (restore.MappingReport, error) {
	o.Rate = 1e6
	r := w.restorer()
	scratch, err := w.prepare(r, control.MappingTable)
	if err != nil {
		return restore.MappingReport{}, err
	}
	report, err := r.Mappings(w.ctx, scratch[0], []manifest.Cell{alpha, beta}, o)
	if err != nil {
		return report, err
	}
	return report, r.Discard(w.ctx, scratch)
}

// remover removes tenants of the world. What it waits for passes.
func (w *world) remover() *removal.Remover {
	return removal.New(removal.Options{
		DynamoDB: w.Tables, Queue: w.Queues, ControlPlane: control,
		Cells: func(context.Context) ([]manifest.Cell, error) { return []manifest.Cell{alpha, beta}, nil },
		SweepLetters: func(context.Context, manifest.Cell, string, func(context.Context) error) (map[string]int, error) {
			return nil, nil
		},
		Quarantine: time.Minute, IndexSettle: time.Second, Parallel: 1, Holder: "remover", Gone: func(string) bool { return true }, Now: w.Clock.Now,
		Sleep: func(_ context.Context, d time.Duration) error { w.Clock.Advance(d); return nil },
	})
}

func (w *world) placement() *placement.Store {
	s := placement.NewStore(w.Tables, control)
	s.Now = w.Clock.Now
	return s
}

// startRemoval begins to remove a tenant as the command does.
func (w *world) startRemoval(tenant string) {
	_, err := w.placement().Suspend(w.ctx, tenant)
	require.NoError(w.t, err)
	w.Clock.Advance(time.Minute)
	_, err = w.remover().Start(w.ctx, tenant)
	require.NoError(w.t, err)
}

// remove removes a tenant as the command does, all of whose events are settled.
func (w *world) remove(tenant string) {
	w.startRemoval(tenant)
	_, err := w.remover().Run(w.ctx, tenant, removal.Fate{GiveUp: true})
	require.NoError(w.t, err)
}

// assign places a tenant in a cell.
func (w *world) assign(tenant string, c manifest.Cell) mapping.Mapping {
	m, err := w.placement().Assign(w.ctx, []manifest.Cell{alpha, beta}, placement.Request{TenantID: tenant, CellID: c.ID})
	require.NoError(w.t, err)
	return m
}

// record writes the record of a tenant.
func (w *world) record(write types.TransactWriteItem) {
	_, err := w.Tables.TransactWriteItems(w.ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{write}})
	require.NoError(w.t, err)
}

// accepted is an event of a tenant in alpha that nobody has applied.
func (w *world) accepted(tenant, id string) event.Event {
	return w.Accept(alpha, tenant, id, 1, 0)
}

// applied is an event of a tenant in alpha that its consumer has applied.
func (w *world) applied(tenant, id string) event.Event {
	e := w.accepted(tenant, id)
	w.PutEvent(w.t, alpha.QueueURL, e)
	w.Consume(w.t, alpha)
	return e
}

// replay sends what a cell's events are missing, and applies it.
func (w *world) replay(c manifest.Cell, tenants ...string) {
	w.Clock.Advance(time.Hour)
	r := &replay.Replayer{DynamoDB: w.Tables, Home: w.Home(w.Queues)}
	_, err := r.Run(w.ctx, c, replay.Scope{
		Since: w.Clock.Now().Add(-24 * time.Hour),
		Tenants: func(context.Context, string) ([]string, string, error) {
			return tenants, "", nil
		},
	}, replay.Options{Rate: 1e6})
	require.NoError(w.t, err)
	w.Consume(w.t, alpha)
	w.Consume(w.t, beta)
}

// lose deletes items as a bad script does.
func (w *world) lose(table string, keys ...string) {
	for _, key := range keys {
		require.NotNil(w.t, w.Tables.Item(table, key), key)
		w.Tables.Delete(table, key)
	}
}

func (w *world) place(tenant string) mapping.Mapping {
	m, err := mapping.FromItem(w.Tables.Item(control.MappingTable, tenant))
	require.NoError(w.t, err)
	return m
}

// items are all items of some tables by table and key.
func (w *world) items(tables ...string) map[string]dynamotest.Item {
	all := map[string]dynamotest.Item{}
	for _, table := range tables {
		for _, item := range w.Tables.Items(table) {
			key, ok := item[event.AttrKey].(*types.AttributeValueMemberS)
			if !ok {
				key = item[event.AttrTenantID].(*types.AttributeValueMemberS)
			}
			all[table+"/"+key.Value] = item
		}
	}
	return all
}

// moves are the recorded moves by tenant, the newest first.
type moves map[string][]move.Move

func (m moves) History(_ context.Context, tenant string) ([]move.Move, error) { return m[tenant], nil }

var errKilled = errors.New("killed")

// killAt makes the nth call, of items or tables, and all that follow fail: before it takes effect, or with its answer lost.
func (w *world) killAt(n int, lost bool) (calls *int) {
	calls = w.BreakAt(n, lost, errKilled)
	before, after := w.Tables.Intercept, w.Tables.After
	w.recovery.Intercept = func(operation, table string) error { return before(w.ctx, dynamotest.Call{}) }
	w.recovery.After = func(operation, table string) error { return after(w.ctx, dynamotest.Call{}) }
	return calls
}

func (w *world) revive() {
	w.Mend()
	w.recovery.Intercept, w.recovery.After = nil, nil
}

// killedAnywhere has run killed at each of its calls, each time in a scene of its own, and calls finish in what that has left.
// It returns how many calls there are.
func killedAnywhere(t *testing.T, scene func(t *testing.T) *world, run func(*world) error, finish func(t *testing.T, w *world)) (kills int) {
	t.Helper()
	for _, lost := range []bool{false, true} {
		for n, over := 1, false; !over; n++ {
			synctest.Test(t, func(t *testing.T) {
				w := scene(t)
				calls := w.killAt(n, lost)
				err := run(w)
				if *calls < n {
					require.NoError(t, err)
					over = true
					return
				}
				require.ErrorIs(t, err, errKilled)
				kills++
				w.revive()
				finish(t, w)
			})
		}
	}
	return kills
}

func textOf(item dynamotest.Item, name string) string {
	s, _ := item[name].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
