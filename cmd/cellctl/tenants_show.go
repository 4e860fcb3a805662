package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cellular/internal/operator/fleet"
	"cellular/internal/operator/removal"
	"cellular/internal/operator/tenantdata"
)

func newTenantsShow(a *app) *cobra.Command {
	return onlyLooks(&cobra.Command{
		Use:   "show TENANT",
		Short: "Show a tenant's place, and whether its cell holds anything of it",
		Long: `show prints the mapping of TENANT, the cell that a move under way takes it to, or from once the new cell serves it, the removal that is under way, and whether its cell holds anything of it:
events, outcomes of events, or what the business logic keeps. It counts none of them: that takes as long as the tenant
is large. Where the cell is not there any more, a note says what to do.`,
		Example: `  cellctl tenants show acme
  cellctl tenants show acme --output json | jq -r .cell_id`,
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.showTenant(cmd, args[0]) },
	})
}

// tenantDetailView is a tenant's mapping and whether there is anything of it.
type tenantDetailView struct {
	tenantView
	HasData  *bool `json:"has_data"`  // null where the cell is lost
	CellLost bool  `json:"cell_lost"` // the cell is not there

	Removal *removalView `json:"removal"` // the one under way; null without one
}

func (v tenantDetailView) text(s *sheet) {
	s.row("tenant", v.TenantID)
	s.row("cell", v.CellID)
	s.row("state", v.state())
	s.row("tier", v.Tier)
	s.row("epoch", v.Epoch)
	way, cell := v.moving()
	s.row("moving "+way, cell)
	s.row("updated", orDash(v.UpdatedAt))
	if v.Removal != nil {
		s.row("removal", fmt.Sprintf("phase %s, since %s", v.Removal.Phase, orDash(v.Removal.StartedAt)))
	}
	if v.HasData == nil {
		s.row("has data", "?")
		return
	}
	s.row("has data", yesNo(*v.HasData))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *app) showTenant(cmd *cobra.Command, tenant string) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	m, err := s.placement.Get(ctx, tenant)
	if err != nil {
		return s.explainUnknownTenant(ctx, err, tenant)
	}
	found := []tenantView{viewOfTenant(m)}
	if err := s.findOrigins(ctx, found); err != nil {
		return err
	}
	v := tenantDetailView{tenantView: found[0]}
	ways := ""
	if m.Removing != 0 {
		open, err := s.remover().Get(ctx, tenant)
		switch {
		case err == nil:
			v.Removal, ways = new(viewOfRemoval(open)), removalWays(open)
		case !errors.Is(err, removal.ErrNone): // it has ended meanwhile
			return err
		}
	}
	cell, err := s.Cell(ctx, m.CellID)
	if errors.Is(err, fleet.ErrUnknownCell) {
		v.CellLost = true
		if err := a.print(v); err != nil {
			return err
		}
		a.note("Cell %s is not there, and events of the tenant are refused: %s.", m.CellID, s.waysOnWithout(ctx, m))
		return nil
	}
	if err != nil {
		return err
	}
	any, err := tenantdata.Any(ctx, s.dynamo, cell, tenant)
	if err != nil {
		return err
	}
	v.HasData = &any
	if err := a.print(v); err != nil {
		return err
	}
	if ways != "" {
		a.note("The tenant is being removed, and nothing else changes it meanwhile: %s.", ways)
	}
	return nil
}
