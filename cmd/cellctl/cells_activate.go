package main

import (
	"context"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/placement"
)

func newCellsActivate(a *app) *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "activate CELL",
		Short: "Let a cell take tenants",
		Long: `activate lets CELL take tenants again after it was drained or retired. A new cell is active from the start.
A tenant that a drain has moved away stays where it is.`,
		Example:           "  cellctl cells activate c01",
		Args:              cli.Named("CELL"),
		ValidArgsFunction: first(a.completeCells()),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setCellStatus(cmd, args[0], placement.Active)
		},
	})
}

// setCellStatus sets a cell's status and prints the cell's state.
func (a *app) setCellStatus(cmd *cobra.Command, id string, to placement.Status) error {
	s, cell, err := a.connectToCell(cmd.Context(), id)
	if err != nil {
		return err
	}
	return a.changeStatus(cmd.Context(), s, cell, to)
}

func (a *app) changeStatus(ctx context.Context, s *session, cell manifest.Cell, to placement.Status) error {
	state, err := s.placement.SetStatus(ctx, cell.ID, to)
	if err != nil {
		return err
	}
	return a.print(cellStateView{
		ID: cell.ID, Status: state.Status, Tenants: state.Tenants, MaxTenants: cell.MaxTenants, UpdatedAt: jsonTime(state.UpdatedAt),
	})
}

// cellStateView is what placement knows of a cell.
type cellStateView struct {
	ID         string           `json:"id"`
	Status     placement.Status `json:"status"`
	Tenants    int              `json:"tenants"`
	MaxTenants int              `json:"max_tenants"`
	UpdatedAt  *string          `json:"updated_at"`
}

func (v cellStateView) text(s *sheet) {
	s.row("CELL", "STATUS", "TENANTS")
	s.row(v.ID, status(string(v.Status)), tenantsOf(v.Tenants, v.MaxTenants))
}
