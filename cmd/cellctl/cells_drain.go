package main

import (
	"github.com/spf13/cobra"

	"cellular/internal/placement"
)

func newCellsDrain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "drain CELL",
		Short: "Let a cell take no more tenants",
		Long: `drain lets CELL take no more tenants: none is assigned to it, and no move into it begins. The tenants that it has
stay, and are served as before. 'cellctl cells activate' undoes it.`,
		Example:           "  cellctl cells drain c01",
		Args:              named("CELL"),
		ValidArgsFunction: first(a.completeCells()),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setCellStatus(cmd, args[0], placement.Draining)
		},
	}
}
