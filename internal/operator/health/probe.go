package health

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/probe"
)

// Probers places the tenants that cells are probed with. *placement.Store is one.
type Probers interface {
	PutProbe(ctx context.Context, cell manifest.Cell) (mapping.Mapping, error)
}

// maxProbes bounds how many cells are probed at a time. Each probe holds an environment of the router that tenants' requests may
// need: a router whose concurrency is short would refuse both.
const maxProbes = 8

// Probe probes the cells, and returns a result for each, in their order. Its error joins those of the cells that failed.
func Probe(ctx context.Context, prober probe.Prober, placement Probers, cells []manifest.Cell) ([]probe.Result, error) {
	results := make([]probe.Result, len(cells))
	var group errgroup.Group
	group.SetLimit(maxProbes)
	for i, cell := range cells {
		group.Go(func() error {
			results[i] = prober.Cell(ctx, cell.ID, func(ctx context.Context) error { return place(ctx, placement, cell) })
			return nil
		})
	}
	_ = group.Wait() // each result has its own error
	var errs []error
	for _, r := range results {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("probe cell %s: %w", r.Cell, r.Err))
		}
	}
	return results, errors.Join(errs...)
}

func place(ctx context.Context, placement Probers, cell manifest.Cell) error {
	m, err := placement.PutProbe(ctx, cell)
	if err != nil {
		return err
	}
	return probe.CheckPlace(m, cell.ID)
}
