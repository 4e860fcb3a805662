package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/fleet"
)

const stack naming.Stack = "dev"

// parameters is SSM in memory. It lists one parameter per page, which makes every list one of several pages.
type parameters map[string]string

func (p parameters) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	text, ok := p[*in.Name]
	if !ok {
		return nil, fmt.Errorf("operation error SSM: GetParameter: %w", &types.ParameterNotFound{})
	}
	return &ssm.GetParameterOutput{Parameter: &types.Parameter{Name: in.Name, Value: &text}}, nil
}

func (p parameters) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	out := &ssm.GetParametersByPathOutput{}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !strings.HasPrefix(name, *in.Path+"/") || in.NextToken != nil && name <= *in.NextToken {
			continue
		}
		if len(out.Parameters) == 1 {
			out.NextToken = out.Parameters[0].Name
			break
		}
		out.Parameters = append(out.Parameters, types.Parameter{Name: &name, Value: new(p[name])})
	}
	return out, nil
}

func (p parameters) addCell(t *testing.T, id string, wave int) {
	text, err := manifest.Cell{
		ID: id, Wave: wave, Tier: "standard", MaxTenants: 10, DataTable: "d", ResultsTable: "r", TopicARN: "t",
		QueueURL: "qu", QueueARN: "qa", ConsumerDLQURL: "c", SubscriptionDLQURL: "s", StreamDLQURL: "st",
		Producer: "p", Consumer: "co", Settings: manifest.Settings{InlinePayloadBytes: 1, ResultTTL: manifest.Duration(time.Hour)},
	}.JSON()
	require.NoError(t, err)
	p[stack.Cell(id).Parameter()] = text
}

func deployed(t *testing.T) parameters {
	control, err := manifest.ControlPlane{MappingTable: "m", CellTable: "c", MoveTable: "v"}.JSON()
	require.NoError(t, err)
	router, err := manifest.Router{URL: "u", Function: "f", Role: "r", Auth: "iam", SoftTTL: 1, HardTTL: 2, RefreshTimeout: 3, CellTimeout: 4}.JSON()
	require.NoError(t, err)
	p := parameters{stack.ControlPlaneParameter(): control, stack.RouterParameter(): router}
	p.addCell(t, "beta", 0)
	p.addCell(t, "gamma", 1)
	p.addCell(t, "alpha", 1)
	return p
}

func TestAFleetHasItsCellsByWave(t *testing.T) {
	p := deployed(t)
	f, err := fleet.Load(t.Context(), p, stack)
	require.NoError(t, err)
	require.Equal(t, "m", f.ControlPlane.MappingTable)
	require.Equal(t, "iam", f.Router.Auth)

	cells, err := f.Cells(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"beta", "alpha", "gamma"}, ids(cells))

	p.addCell(t, "delta", 0)
	cells, err = f.Cells(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"beta", "delta", "alpha", "gamma"}, ids(cells), "a new cell is there at once")
}

func TestACellIsFoundByItsID(t *testing.T) {
	p := deployed(t)
	f, err := fleet.Load(t.Context(), p, stack)
	require.NoError(t, err)
	c, err := f.Cell(t.Context(), "gamma")
	require.NoError(t, err)
	require.Equal(t, "gamma", c.ID)

	_, err = f.Cell(t.Context(), "gama")
	require.ErrorIs(t, err, fleet.ErrUnknownCell)
	err = f.Explain(t.Context(), "gama")
	require.ErrorIs(t, err, fleet.ErrUnknownCell)
	require.EqualError(t, err, `unknown cell "gama" (did you mean gamma?): stack dev has beta, alpha, gamma`)

	for _, id := range []string{"alpha", "beta", "gamma"} {
		delete(p, stack.Cell(id).Parameter())
	}
	require.EqualError(t, f.Explain(t.Context(), "gamma"), `unknown cell "gamma": stack dev has no cells yet`)
}

func TestAStackThatIsNotThereIsSaid(t *testing.T) {
	_, err := fleet.Load(t.Context(), parameters{}, stack)
	require.ErrorIs(t, err, fleet.ErrNoStack)
	p := deployed(t)
	delete(p, stack.RouterParameter())
	_, err = fleet.Load(t.Context(), p, stack)
	require.ErrorIs(t, err, fleet.ErrNoStack)
	require.ErrorContains(t, err, "/cellular/dev/router")
}

func TestADocumentThatCannotBeReadIsNamed(t *testing.T) {
	for _, name := range []string{stack.ControlPlaneParameter(), stack.RouterParameter()} {
		p := deployed(t)
		p[name] = "{}"
		_, err := fleet.Load(t.Context(), p, stack)
		require.ErrorContains(t, err, name)
		require.False(t, errors.Is(err, fleet.ErrNoStack))
	}
	p := deployed(t)
	p[stack.Cell("beta").Parameter()] = "{}"
	f, err := fleet.Load(t.Context(), p, stack)
	require.NoError(t, err)
	_, err = f.Cells(t.Context())
	require.ErrorContains(t, err, "/cellular/dev/cells/beta")
	_, err = f.Cell(t.Context(), "beta")
	require.ErrorContains(t, err, "/cellular/dev/cells/beta")
	p[stack.Cell("beta").Parameter()] = p[stack.Cell("alpha").Parameter()]
	_, err = f.Cell(t.Context(), "beta")
	require.EqualError(t, err, "parameter /cellular/dev/cells/beta: it is about cell alpha")
}

func ids(cells []manifest.Cell) []string {
	var all []string
	for _, c := range cells {
		all = append(all, c.ID)
	}
	return all
}

func TestAMistypedCellIsAnsweredWithTheOneThatWasMeant(t *testing.T) {
	p := deployed(t)
	f, err := fleet.Load(t.Context(), p, stack)
	require.NoError(t, err)
	for typed, meant := range map[string]string{"alhpa": " (did you mean alpha?)", "betta": " (did you mean beta?)", "beta2": "", "omega-9": "", "x": ""} {
		require.EqualError(t, f.Explain(t.Context(), typed), `unknown cell "`+typed+`"`+meant+`: stack dev has beta, alpha, gamma`)
	}
}

// listed counts the calls of SSM.
type listed struct {
	parameters
	gets, lists int
}

func (l *listed) GetParameter(ctx context.Context, in *ssm.GetParameterInput, o ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	l.gets++
	return l.parameters.GetParameter(ctx, in, o...)
}

func (l *listed) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput, o ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	l.lists++
	return l.parameters.GetParametersByPath(ctx, in, o...)
}

func TestFleet_FindsACellByOneCallAndWhatCannotBeACellsIDByNone(t *testing.T) {
	l := &listed{parameters: deployed(t)}
	f, err := fleet.Load(t.Context(), l, stack)
	require.NoError(t, err)
	l.gets = 0
	_, err = f.Cell(t.Context(), "gamma")
	require.NoError(t, err)
	_, err = f.Cell(t.Context(), "delta")
	require.ErrorIs(t, err, fleet.ErrUnknownCell)
	require.Equal(t, 2, l.gets)
	for _, id := range []string{"", "../router", "a/b", "Gamma"} {
		_, err = f.Cell(t.Context(), id)
		require.ErrorIs(t, err, fleet.ErrUnknownCell, id)
	}
	require.Equal(t, 2, l.gets)
	require.Zero(t, l.lists)
}

func TestFleet_NamesSomeOfManyCells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it waits for the rate of SSM
		p := deployed(t)
		for i := range 100 {
			p.addCell(t, fmt.Sprintf("c%03d", i), 2)
		}
		f, err := fleet.Load(t.Context(), p, stack)
		require.NoError(t, err)
		err = f.Explain(t.Context(), "omega")
		require.ErrorContains(t, err, "stack dev has beta, alpha, gamma, c000, ")
		require.ErrorContains(t, err, ", c016 and 83 more")
	})
}
