package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/placement"
)

func newTenantsAssign(a *app) *cobra.Command {
	var request placement.Request
	var lost string
	cmd := &cobra.Command{
		Use:   "assign TENANT",
		Short: "Place a new tenant in a cell",
		Long: `assign places TENANT, which has no cell yet, in the best cell of its tier, or in the one that --cell names.
The router serves it at once, or within seconds where it was asked for the tenant shortly before.

A tenant whose mapping got lost is not placed in a cell that holds nothing of it while its last cell holds data of it: what it
sent before would be answered as if it had never been accepted. The error has the command that gives it back to that cell,
which takes it also while it is draining. The last cell is known of every tenant that this version placed, moved or removed;
for others --search looks for data into all cells first.

A tenant whose cell is not there any more, and does not come back, is placed again with --lost CELL, which names that
cell. What the cell held of it is lost then: events, their outcomes, business state, dead letters.`,
		Example: `  cellctl tenants assign acme
  cellctl tenants assign whale --cell c09
  cellctl tenants assign acme --search
  cellctl tenants assign acme --cell c02 --lost c01
  cellctl tenants assign acme --tier dedicated --output json | jq -r .cell_id`,
		Args: oneTenant,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.TenantID = args[0]
			return a.assignTenant(cmd, request, lost)
		},
	}
	cmd.Flags().StringVar(&request.CellID, "cell", "", "the only cell that will do (default the best one)")
	cmd.Flags().StringVar(&request.Tier, "tier", "", "standard or dedicated (default that of --cell, or standard)")
	cmd.Flags().BoolVar(&request.Search, "search", false, "look for data of the tenant in all cells first")
	lostFlag(cmd, &lost)
	_ = cmd.RegisterFlagCompletionFunc("cell", a.completeCells())
	_ = cmd.RegisterFlagCompletionFunc("tier",
		cobra.FixedCompletions([]string{mapping.TierStandard, mapping.TierDedicated}, cobra.ShellCompDirectiveNoFileComp))
	return a.changes(cmd)
}

func (a *app) assignTenant(cmd *cobra.Command, request placement.Request, lost string) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	cells, err := s.cellsToPlaceIn(ctx, request, lost)
	if err != nil {
		return err
	}
	if lost != "" {
		return a.placeWithout(cmd, s, cells, request, lost)
	}
	request.Find = s.Cell
	m, err := s.placement.Assign(ctx, cells, request)
	if errors.Is(err, mapping.ErrExists) {
		if m, failed := s.placement.Get(ctx, request.TenantID); failed == nil {
			if _, failed := s.Cell(ctx, m.CellID); errors.Is(failed, fleet.ErrUnknownCell) {
				return s.cellLost(ctx, m)
			}
		}
	}
	if err != nil {
		return err
	}
	return a.print(viewOfTenant(m))
}

// cellsToPlaceIn are the cells that placing a tenant has to know: the one that is named, or all of them.
func (s *session) cellsToPlaceIn(ctx context.Context, request placement.Request, lost string) ([]manifest.Cell, error) {
	if request.CellID == "" || request.Search || lost != "" {
		cells, err := s.Cells(ctx)
		if err != nil || request.CellID == "" {
			return cells, err
		}
		if _, err := fleet.Find(cells, s.Stack, request.CellID); err != nil {
			return nil, s.explainUnknown(ctx, err, request.CellID)
		}
		return cells, nil
	}
	cell, err := s.Cell(ctx, request.CellID)
	if err != nil {
		return nil, s.explainUnknown(ctx, err, request.CellID)
	}
	return []manifest.Cell{cell}, nil
}

// placeWithout places a tenant again whose cell is lost, once the operator has confirmed what that means.
func (a *app) placeWithout(cmd *cobra.Command, s *session, cells []manifest.Cell, request placement.Request, lost string) error {
	ctx := cmd.Context()
	m, err := s.placement.Get(ctx, request.TenantID)
	if err != nil {
		return err
	}
	if m.CellID != lost {
		return refused("tenant %q is in cell %s, not in cell %s: nothing was done", m.TenantID, m.CellID, lost)
	}
	if m.Removing != 0 || m.MovingTo != "" {
		return s.cellLost(ctx, m)
	}
	unseen, err := s.checkAbandoned(ctx, lost)
	if err != nil {
		return err
	}
	warning := fmt.Sprintf("%sCell %s is not there. This places tenant %s of stack %s in another cell, empty. Lost is all that cell %[2]s held of it: events, also such as "+
		"were accepted and not applied yet, their outcomes, business state, dead letters. An event that is sent again is applied again. Should the cell come back, the tenant gets nothing of it.",
		unseen, lost, m.TenantID, s.Stack)
	if err := a.confirmName(cmd, warning, m.TenantID); err != nil {
		return err
	}
	if m, err = s.placement.Abandon(ctx, cells, request, lost); err != nil {
		return err
	}
	return a.print(viewOfTenant(m))
}
