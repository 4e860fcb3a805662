package main

import (
	"github.com/spf13/cobra"

	"cellular/internal/mapping"
	"cellular/internal/placement"
)

func newTenantsAssign(a *app) *cobra.Command {
	var request placement.Request
	cmd := &cobra.Command{
		Use:   "assign TENANT",
		Short: "Place a new tenant in a cell",
		Long: `assign places TENANT, which has no cell yet, in the best cell of its tier, or in the one that --cell names.
The router serves it at once, or within seconds where it was asked for the tenant shortly before.

A tenant whose mapping got lost is not placed in a cell that holds nothing of it while its last cell holds data of it: what it
sent before would be answered as if it had never been accepted. The error has the command that gives it back to that cell,
which takes it also while it is draining. The last cell is known of every tenant that this version placed, moved or removed;
for others --search looks for data into all cells first.`,
		Example: `  cellctl tenants assign acme
  cellctl tenants assign whale --cell c09
  cellctl tenants assign acme --search
  cellctl tenants assign acme --tier dedicated --output json | jq -r .cell_id`,
		Args: oneTenant,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.TenantID = args[0]
			return a.assignTenant(cmd, request)
		},
	}
	cmd.Flags().StringVar(&request.CellID, "cell", "", "the only cell that will do (default the best one)")
	cmd.Flags().StringVar(&request.Tier, "tier", "", "standard or dedicated (default that of --cell, or standard)")
	cmd.Flags().BoolVar(&request.Search, "search", false, "look for data of the tenant in all cells first")
	_ = cmd.RegisterFlagCompletionFunc("cell", a.completeCells())
	_ = cmd.RegisterFlagCompletionFunc("tier",
		cobra.FixedCompletions([]string{mapping.TierStandard, mapping.TierDedicated}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) assignTenant(cmd *cobra.Command, request placement.Request) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	cells, err := s.Cells(ctx)
	if err != nil {
		return err
	}
	m, err := s.placement.Assign(ctx, cells, request)
	if err != nil {
		return err
	}
	return a.print(viewOfTenant(m))
}
