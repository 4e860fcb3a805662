// Package fleet finds a deployment by its stack's name: what its control plane, its router and each of its cells publish
// of themselves in SSM. A cell that was added a minute ago is there, and one that was taken away is gone; no list of
// cells exists anywhere else.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"cellular/internal/model/manifest"
	"cellular/internal/model/manifest/cellpages"
	"cellular/internal/model/naming"
)

// SSM is the part of the client that is needed.
type SSM interface {
	GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	cellpages.SSM
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
	var cells []manifest.Cell
	if err := f.Pages(ctx, func(page []manifest.Cell) { cells = append(cells, page...) }); err != nil {
		return nil, err
	}
	slices.SortFunc(cells, ByWave)
	return cells, nil
}

// ByWave compares cells by their waves, and then by their ids.
func ByWave(a, b manifest.Cell) int {
	return cmp.Or(cmp.Compare(a.Wave, b.Wave), strings.Compare(a.ID, b.ID))
}

// Pages calls do with the cells' manifests, a page at a time, in the order of SSM.
func (f Fleet) Pages(ctx context.Context, do func([]manifest.Cell)) error {
	return cellpages.Each(ctx, f.ssm, f.Stack.CellParameters(), func(entries []cellpages.Entry) error {
		page := make([]manifest.Cell, 0, len(entries))
		for _, e := range entries {
			c, err := e.Cell()
			if err != nil {
				return err
			}
			page = append(page, c)
		}
		do(page)
		return nil
	})
}

// Cell returns one cell's manifest. It reads that cell's parameter and no other, whatever the size of the fleet. Its error
// wraps ErrUnknownCell where the stack has no such cell; Explain says which ones it has.
func (f Fleet) Cell(ctx context.Context, id string) (manifest.Cell, error) {
	if !naming.ValidCellID(id) { // SSM would refuse the name, or read another parameter
		return manifest.Cell{}, unknown(f.Stack, id)
	}
	name := f.Stack.Cell(id).Parameter()
	out, err := f.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if absent := (*types.ParameterNotFound)(nil); errors.As(err, &absent) {
		return manifest.Cell{}, unknown(f.Stack, id)
	}
	if err != nil {
		return manifest.Cell{}, fmt.Errorf("read parameter %s: %w", name, err)
	}
	return cellpages.Entry{Name: name, Text: aws.ToString(out.Parameter.Value)}.Cell()
}

func unknown(stack naming.Stack, id string) error {
	return fmt.Errorf("%w %q of stack %s", ErrUnknownCell, id, stack)
}

// Explain returns the error of an unknown cell that names the cells that there are, and the one that was probably meant. It
// lists the fleet. Where that fails, the error says no more than Cell's.
func (f Fleet) Explain(ctx context.Context, id string) error {
	cells, err := f.Cells(ctx)
	if err != nil {
		return unknown(f.Stack, id)
	}
	_, err = Find(cells, f.Stack, id)
	if err == nil { // it was added meanwhile
		return unknown(f.Stack, id)
	}
	return err
}

// maxNamed is how many cells an error names: some lines of a terminal.
const maxNamed = 20

// Find is Cell on cells that have been read. Its error names the cells that there are.
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
	named := strings.Join(ids[:min(len(ids), maxNamed)], ", ")
	if more := len(ids) - maxNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return manifest.Cell{}, fmt.Errorf("%w %q%s: stack %s has %s", ErrUnknownCell, id, suggestion, stack, named)
}
