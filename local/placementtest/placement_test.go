// Package placementtest runs placement against the AWS emulator, whose expressions, indexes and transactions are not those
// of the fake that placement's own tests have.
package placementtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cellular/internal/model/controltables"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/residence"
	"cellular/internal/testkit/dynamotest"
	"cellular/local/emulator"
	"cellular/local/process"
)

// shared is the emulator of all tests.
var shared struct {
	once     sync.Once
	group    *process.Group
	emulator *emulator.Emulator
	err      error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.emulator != nil {
		shared.emulator.Stop()
	}
	if shared.group != nil {
		_ = shared.group.Close()
	}
	os.Exit(code)
}

// plane is a control plane with some cells, of its own for each test.
type plane struct {
	*placement.Store
	db       *dynamodb.Client
	manifest manifest.ControlPlane
	cells    []manifest.Cell
}

func newPlane(t *testing.T, cells ...manifest.Cell) *plane {
	t.Helper()
	shared.once.Do(func() {
		if shared.group, shared.err = process.NewGroup(); shared.err == nil {
			shared.emulator, shared.err = emulator.Start(context.Background(), emulator.Options{Dir: filepath.Join("..", "..", ".local"), Group: shared.group})
		}
	})
	require.NoError(t, shared.err)
	stack := naming.Stack("t" + uuid.NewString()[:8])
	p := &plane{
		db:       dynamodb.NewFromConfig(shared.emulator.AWS("us-east-1")),
		manifest: dynamotest.ControlPlaneOf(stack),
		cells:    cells,
	}
	var ids []string
	for i, c := range cells {
		cells[i].DataTable, cells[i].ResultsTable = stack.Cell(c.ID).DataTable(), stack.Cell(c.ID).ResultsTable()
		ids = append(ids, c.ID)
	}
	for name, table := range dynamotest.Deployment(stack, ids...) {
		_, err := p.db.CreateTable(t.Context(), table.Input(name))
		require.NoError(t, err)
	}
	p.Store = placement.NewStore(p.db, p.manifest)
	return p
}

func (p *plane) state(t *testing.T, cellID string) placement.CellState {
	t.Helper()
	states, err := p.States(t.Context(), []string{cellID})
	require.NoError(t, err)
	return states[cellID]
}

// tenants are the ids of all tenants of a cell, listed in pages.
func (p *plane) tenants(t *testing.T, cellID string) []string {
	t.Helper()
	var ids []string
	for after := ""; ; {
		page, next, err := p.Page(t.Context(), cellID, after, 7)
		require.NoError(t, err)
		for _, m := range page {
			ids = append(ids, m.TenantID)
		}
		if next == "" {
			return ids
		}
		after = next
	}
}

func cell(id, tier string, most int) manifest.Cell {
	return manifest.Cell{ID: id, Tier: tier, MaxTenants: most}
}

// assign places tenants, so many at a time, and returns how many of them found room.
func (p *plane) assign(t *testing.T, tenants, atATime int) int {
	t.Helper()
	var placed sync.Map
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(atATime)
	for n := range tenants {
		group.Go(func() error {
			id := fmt.Sprintf("tenant-%03d", n)
			m, err := p.Assign(ctx, p.cells, placement.Request{TenantID: id})
			if errors.Is(err, placement.ErrNoRoom) {
				return nil
			}
			placed.Store(id, m.CellID)
			return err
		})
	}
	require.NoError(t, group.Wait())
	count := 0
	placed.Range(func(any, any) bool { count++; return true })
	return count
}

func TestManyAtATimeFillEveryCellToItsCapAndNoFurther(t *testing.T) {
	p := newPlane(t, cell("alpha", "standard", 40), cell("beta", "standard", 25), cell("gamma", "standard", 10), cell("solo", "dedicated", 50))
	require.Equal(t, 75, p.assign(t, 90, 30))
	for _, c := range p.cells[:3] {
		require.Equal(t, c.MaxTenants, p.state(t, c.ID).Tenants, c.ID)
		require.Len(t, p.tenants(t, c.ID), c.MaxTenants, c.ID)
		counted, err := p.Estimate(t.Context(), c.ID, nil)
		require.NoError(t, err)
		require.Equal(t, c.MaxTenants, counted, c.ID)
	}
	require.Zero(t, p.state(t, "solo").Tenants)
}

// remove ends the removal of a tenant, as package removal does.
func (p *plane) remove(t *testing.T, m mapping.Mapping) {
	t.Helper()
	_, err := p.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Delete: &types.Delete{TableName: &p.manifest.MappingTable, Key: map[string]types.AttributeValue{
			mapping.AttrTenantID: &types.AttributeValueMemberS{Value: m.TenantID},
		}}},
		placement.Release(p.manifest.CellTable, m.CellID),
		residence.Remove(p.manifest.MoveTable, m.TenantID, m.CellID, m.Epoch, time.Now()),
	}})
	require.NoError(t, err)
}

func TestATenantGoesThroughItsLife(t *testing.T) {
	p := newPlane(t, cell("alpha", "standard", 1), cell("beta", "standard", 3))
	ctx := t.Context()
	acme := placement.Request{TenantID: "acme", CellID: "alpha"}
	m, err := p.Assign(ctx, p.cells, acme)
	require.NoError(t, err)
	read, err := p.Get(ctx, "acme")
	require.NoError(t, err)
	require.Equal(t, m, read)
	_, err = p.Assign(ctx, p.cells, acme)
	require.ErrorIs(t, err, mapping.ErrExists)
	_, err = p.Assign(ctx, p.cells, placement.Request{TenantID: "globex", CellID: "alpha"})
	require.ErrorIs(t, err, placement.ErrNoRoom)

	_, err = p.Resume(ctx, "acme")
	require.NoError(t, err)
	m, err = p.Suspend(ctx, "acme")
	require.NoError(t, err)
	require.Equal(t, mapping.Suspended, m.State)
	again, err := p.Suspend(ctx, "acme")
	require.NoError(t, err)
	require.Equal(t, m, again)
	require.Equal(t, 1, p.state(t, "alpha").Tenants)
	p.remove(t, m)
	require.Zero(t, p.state(t, "alpha").Tenants)
	_, err = p.Suspend(ctx, "acme")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)
	_, err = p.Resume(ctx, "acme")
	require.ErrorIs(t, err, mapping.ErrUnknownTenant)

	_, err = p.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &p.cells[0].ResultsTable, Item: ledger.Fence{TenantID: "acme", Floor: 4, State: ledger.Left}.Item()})
	require.NoError(t, err)
	m, err = p.Assign(ctx, p.cells, acme)
	require.NoError(t, err)
	require.EqualValues(t, 4, m.Epoch)
}

func TestASuspendedTenantThatMovesResumesMoving(t *testing.T) {
	p := newPlane(t, cell("alpha", "standard", 1))
	_, err := p.db.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &p.manifest.MappingTable, Item: mapping.Mapping{
		TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Suspended, Tier: mapping.TierStandard, MovingTo: "beta",
	}.Item()})
	require.NoError(t, err)
	m, err := p.Resume(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, mapping.Moving, m.State)
	require.Equal(t, "beta", m.MovingTo)
}

func TestACellGoesThroughItsLife(t *testing.T) {
	p := newPlane(t, cell("alpha", "standard", 2))
	ctx := t.Context()
	m, err := p.Assign(ctx, p.cells, placement.Request{TenantID: "acme"})
	require.NoError(t, err)
	_, err = p.SetStatus(ctx, "alpha", placement.Retired)
	require.ErrorContains(t, err, "drain it first")
	state, err := p.SetStatus(ctx, "alpha", placement.Draining)
	require.NoError(t, err)
	require.Equal(t, 1, state.Tenants)
	_, err = p.SetStatus(ctx, "alpha", placement.Retired)
	require.ErrorContains(t, err, "it has 1 tenants")
	_, err = p.Assign(ctx, p.cells, placement.Request{TenantID: "globex", CellID: "alpha"})
	require.ErrorContains(t, err, "cell alpha is draining")

	_, err = p.PutProbe(ctx, p.cells[0])
	require.NoError(t, err)
	m, err = p.Suspend(ctx, m.TenantID)
	require.NoError(t, err)
	p.remove(t, m)
	listed, _, err := p.PageWithProbes(ctx, "alpha", "", placement.MaxPage)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.Empty(t, p.tenants(t, "alpha"))
	state, err = p.SetStatus(ctx, "alpha", placement.Retired)
	require.NoError(t, err, "a probe keeps no cell")
	require.Equal(t, placement.Retired, state.Status)
	require.NoError(t, p.RemoveProbe(ctx, "alpha"))
	require.NoError(t, p.RemoveProbe(ctx, "alpha"))
	_, err = p.SetStatus(ctx, "alpha", placement.Draining)
	require.ErrorContains(t, err, "it is retired")
	state, err = p.SetStatus(ctx, "alpha", placement.Active)
	require.NoError(t, err)
	require.Equal(t, placement.Active, state.Status)

	p.drift(t, "alpha", 2)
	r, err := p.Recount(ctx, "alpha", noMoves{}, 0)
	require.NoError(t, err)
	require.Equal(t, [2]int{2, 0}, [2]int{r.Count, r.Correct})
	p.drift(t, "alpha", 3)
	require.ErrorIs(t, p.Correct(ctx, r), placement.ErrChanged)
	p.drift(t, "alpha", 2)
	require.NoError(t, p.Correct(ctx, r))
	require.Zero(t, p.state(t, "alpha").Tenants)
	require.NoError(t, p.Correct(ctx, placement.Recount{CellID: "new", Correct: 1}), "of a cell without an item")
}

// drift changes a cell's count by hand.
func (p *plane) drift(t *testing.T, cellID string, tenants int) {
	t.Helper()
	_, err := p.db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &p.manifest.CellTable, Key: map[string]types.AttributeValue{controltables.AttrCellID: &types.AttributeValueMemberS{Value: cellID}},
		UpdateExpression:          aws.String("SET " + controltables.AttrTenants + " = :n"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":n": &types.AttributeValueMemberN{Value: strconv.Itoa(tenants)}},
	})
	require.NoError(t, err)
}

type noMoves struct{}

func (noMoves) Open(context.Context) ([]placement.OpenMove, error) { return nil, nil }
func (noMoves) Of(context.Context, string) (m placement.OpenMove, under bool, err error) {
	return m, false, nil
}
