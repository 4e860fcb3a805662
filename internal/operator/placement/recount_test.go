package placement_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/controltables"
	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/dynamotest"
)

// moves are the moves under way of a test.
type moves []placement.OpenMove

func (m moves) Open(context.Context) ([]placement.OpenMove, error) { return m, nil }

func (m moves) Of(_ context.Context, tenantID string) (placement.OpenMove, bool, error) {
	at := slices.IndexFunc(m, func(o placement.OpenMove) bool { return o.TenantID == tenantID })
	if at < 0 {
		return placement.OpenMove{}, false, nil
	}
	return m[at], true, nil
}

// fix recounts a cell and corrects its count.
func (w *world) fix(ctx context.Context, cellID string) error {
	r, err := w.Recount(ctx, cellID, moves{}, 0)
	if err == nil {
		err = w.Correct(ctx, r)
	}
	return err
}

// drift changes a cell's count by hand.
func (w *world) drift(t require.TestingT, cellID string, by int) {
	_, err := w.db.UpdateItem(ctx(t), &dynamodb.UpdateItemInput{
		TableName: aws.String(stack.CellTable()), Key: dynamotest.Item{controltables.AttrCellID: item.Text(cellID)},
		UpdateExpression:          aws.String("ADD " + controltables.AttrTenants + " :by"),
		ExpressionAttributeValues: dynamotest.Item{":by": item.Number(by)},
	})
	require.NoError(t, err)
}

func TestRecount_CountsThePlacesThatOpenMovesReserve(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 10), cell("gamma", "standard", 10))
	for tenant, at := range map[string]string{"acme": "alpha", "globex": "beta", "initech": "beta"} {
		w.assign(t, placement.Request{TenantID: tenant, CellID: at})
	}
	_, err := w.PutProbe(t.Context(), w.cells[1])
	require.NoError(t, err)
	open := moves{
		{TenantID: "acme", From: "alpha", To: "beta"},   // not flipped yet
		{TenantID: "globex", From: "alpha", To: "beta"}, // flipped
	}
	for id, want := range map[string]int{"alpha": 2, "beta": 3, "gamma": 0} {
		r, err := w.Recount(t.Context(), id, open, 0)
		require.NoError(t, err)
		require.Equal(t, want, r.Correct, id)
		estimated, err := w.Estimate(t.Context(), id, open)
		require.NoError(t, err)
		require.Equal(t, want, estimated, id)
	}
}

func TestRecount_GivesTheIndexTimeToShowWhatIsThere(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10), cell("beta", "standard", 10))
	gone := w.assign(t, placement.Request{TenantID: "gone", CellID: "alpha"})
	w.db.LagIndexes(true)
	w.assign(t, placement.Request{TenantID: "late", CellID: "alpha"})
	var waited time.Duration
	w.Sleep = func(_ context.Context, d time.Duration) error {
		waited += d
		w.db.CatchUp()
		return nil
	}
	estimated, err := w.Estimate(t.Context(), "alpha", nil)
	require.NoError(t, err)
	require.Equal(t, 1, estimated, "the index lags")
	r, err := w.Recount(t.Context(), "alpha", moves{}, time.Second)
	require.NoError(t, err)
	require.Equal(t, [2]int{2, 2}, [2]int{r.Count, r.Correct})
	require.Equal(t, time.Second, waited)

	// What the index still shows is looked at.
	w.remove(t, gone)
	w.Sleep = func(context.Context, time.Duration) error { return nil }
	r, err = w.Recount(t.Context(), "alpha", moves{}, time.Second)
	require.NoError(t, err)
	require.Equal(t, [2]int{1, 1}, [2]int{r.Count, r.Correct})
}

// The fault that --fix had: the tenants change between the recount and the correction, and the count is the same again.
func TestCorrect_WritesNothingWhereTenantsCameAndWent(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	leaves := w.assign(t, placement.Request{TenantID: "leaves"})
	w.drift(t, "alpha", 4)
	r, err := w.Recount(t.Context(), "alpha", moves{}, 0)
	require.NoError(t, err)
	require.Equal(t, [2]int{5, 1}, [2]int{r.Count, r.Correct})

	w.assign(t, placement.Request{TenantID: "comes"})
	require.ErrorIs(t, w.Correct(t.Context(), r), placement.ErrChanged)
	w.remove(t, leaves)
	require.ErrorIs(t, w.Correct(t.Context(), r), placement.ErrChanged, "the count is as it was seen")
	require.Equal(t, 5, w.state(t, "alpha").Tenants)

	r, err = w.Recount(t.Context(), "alpha", moves{}, 0)
	require.NoError(t, err)
	w.drift(t, "alpha", 1) // as a cellctl of the version before places a tenant
	require.ErrorIs(t, w.Correct(t.Context(), r), placement.ErrChanged)
	w.drift(t, "alpha", -1)
	require.NoError(t, w.Correct(t.Context(), r))
	require.NoError(t, w.Correct(t.Context(), r), "its answer was lost")
	require.Equal(t, 1, w.state(t, "alpha").Tenants)
	require.Equal(t, placement.Active, w.state(t, "alpha").Status)
}

func TestRecount_FailsWhereTenantsComeMeanwhile(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	w.assign(t, placement.Request{TenantID: "first"})
	w.Sleep = func(context.Context, time.Duration) error {
		w.assign(t, placement.Request{TenantID: "second"})
		return nil
	}
	_, err := w.Recount(t.Context(), "alpha", moves{}, 0)
	require.ErrorIs(t, err, placement.ErrChanged)
	require.ErrorContains(t, err, "recount the tenants of cell alpha")
}

func TestRecount_OfACellWithoutAState(t *testing.T) {
	w := newWorld(cell("alpha", "standard", 10))
	w.db.Put(stack.MappingTable(), mapping.Mapping{TenantID: "acme", CellID: "alpha", Epoch: 1, State: mapping.Active, Tier: "standard"}.Item())
	require.NoError(t, w.fix(t.Context(), "alpha"))
	require.Equal(t, 1, w.state(t, "alpha").Tenants)
}
