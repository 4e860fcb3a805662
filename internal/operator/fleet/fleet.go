// Package fleet finds a deployment by its stack's name: what its control plane, its router and each of its cells publish
// of themselves in SSM. A cell that was added a minute ago is there, and one that was taken away is gone; no list of
// cells exists anywhere else.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
)

// SSM is the part of the client that is needed.
type SSM interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
}

// ErrNoStack is the error for a stack that has published nothing where the credentials lead.
var ErrNoStack = errors.New("no such Cellular stack")

// ErrUnknownCell is the error for a cell that the stack does not have.
var ErrUnknownCell = errors.New("unknown cell")

// Fleet is a deployment: its global parts as they were when it was loaded, and its cells as they are now.
type Fleet struct {
	Stack        naming.Stack
	ControlPlane manifest.ControlPlane
	Router       manifest.Router

	ssm SSM
}

// Load reads the manifests of the stack's global parts. Its error wraps ErrNoStack where the stack has published none.
func Load(ctx context.Context, client SSM, stack naming.Stack) (Fleet, error) {
	f := Fleet{Stack: stack, ssm: client}
	text, err := f.read(ctx, stack.ControlPlaneParameter())
	if err != nil {
		return Fleet{}, err
	}
	if f.ControlPlane, err = manifest.ParseControlPlane(text); err != nil {
		return Fleet{}, fmt.Errorf("parameter %s: %w", stack.ControlPlaneParameter(), err)
	}
	if text, err = f.read(ctx, stack.RouterParameter()); err != nil {
		return Fleet{}, err
	}
	if f.Router, err = manifest.ParseRouter(text); err != nil {
		return Fleet{}, fmt.Errorf("parameter %s: %w", stack.RouterParameter(), err)
	}
	return f, nil
}

func (f Fleet) read(ctx context.Context, name string) (string, error) {
	out, err := f.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if absent := (*types.ParameterNotFound)(nil); errors.As(err, &absent) {
		return "", fmt.Errorf("parameter %s is not there: %w", name, ErrNoStack)
	}
	if err != nil {
		return "", fmt.Errorf("read parameter %s: %w", name, err)
	}
	return aws.ToString(out.Parameter.Value), nil
}

// Cells returns every cell's manifest, by wave and then by id. A cell whose document cannot be read fails the whole: an
// operator who is shown all but one cell would take the one for gone.
func (f Fleet) Cells(ctx context.Context) ([]manifest.Cell, error) {
	path := f.Stack.CellParameters()
	in := &ssm.GetParametersByPathInput{Path: &path}
	var cells []manifest.Cell
	for {
		out, err := f.ssm.GetParametersByPath(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the cells under %s: %w", path, err)
		}
		for _, p := range out.Parameters {
			c, err := manifest.Parse(aws.ToString(p.Value))
			if err != nil {
				return nil, fmt.Errorf("parameter %s: %w", aws.ToString(p.Name), err)
			}
			cells = append(cells, c)
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	slices.SortFunc(cells, func(a, b manifest.Cell) int {
		if a.Wave != b.Wave {
			return a.Wave - b.Wave
		}
		return strings.Compare(a.ID, b.ID)
	})
	return cells, nil
}

// Cell returns one cell's manifest. Its error wraps ErrUnknownCell, and names the cells that there are, where the stack has
// no such cell.
func (f Fleet) Cell(ctx context.Context, id string) (manifest.Cell, error) {
	cells, err := f.Cells(ctx)
	if err != nil {
		return manifest.Cell{}, err
	}
	return Find(cells, f.Stack, id)
}

// Find is Cell on cells that have been read.
func Find(cells []manifest.Cell, stack naming.Stack, id string) (manifest.Cell, error) {
	ids := make([]string, 0, len(cells))
	for _, c := range cells {
		if c.ID == id {
			return c, nil
		}
		ids = append(ids, c.ID)
	}
	if len(ids) == 0 {
		return manifest.Cell{}, fmt.Errorf("%w %q: stack %s has no cells yet", ErrUnknownCell, id, stack)
	}
	suggestion := ""
	if near := nearest(ids, id); near != "" {
		suggestion = " (did you mean " + near + "?)"
	}
	return manifest.Cell{}, fmt.Errorf("%w %q%s: stack %s has %s", ErrUnknownCell, id, suggestion, stack, strings.Join(ids, ", "))
}
