package main

import (
	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
)

func newTenants(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tenants",
		Short: "Place tenants in cells, move them, and suspend or remove them",
		Example: `  cellctl tenants assign acme
  cellctl tenants list --cell c01`,
		Args: cli.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(
		newTenantsAssign(a), newTenantsMove(a), newTenantsList(a), newTenantsShow(a),
		newTenantsSuspend(a), newTenantsResume(a), newTenantsRemove(a),
	)
	return cmd
}

// tenantView is a tenant's mapping.
type tenantView struct {
	TenantID  string        `json:"tenant_id"`
	CellID    string        `json:"cell_id"`
	State     mapping.State `json:"state"`
	Tier      string        `json:"tier"`
	Epoch     int64         `json:"epoch"`
	MovingTo  *string       `json:"moving_to"`
	Removing  bool          `json:"removing"` // a removal of the tenant is under way
	UpdatedAt *string       `json:"updated_at"`
}

func viewOfTenant(m mapping.Mapping) tenantView {
	v := tenantView{
		TenantID: m.TenantID, CellID: m.CellID, State: m.State, Tier: m.Tier, Epoch: m.Epoch, UpdatedAt: jsonTime(m.UpdatedAt),
		Removing: m.Removing != 0,
	}
	if m.MovingTo != "" {
		v.MovingTo = &m.MovingTo
	}
	return v
}

// state is how a table has the tenant's state.
func (v tenantView) state() coloured {
	c := status(string(v.State))
	if v.Removing {
		c.text += " (being removed)"
	}
	return c
}

var tenantColumns = []any{"TENANT", "CELL", "STATE", "TIER", "EPOCH", "MOVING TO", "UPDATED"}

func (v tenantView) columns() []any {
	return []any{v.TenantID, v.CellID, v.state(), v.Tier, v.Epoch, orDash(v.MovingTo), orDash(v.UpdatedAt)}
}

func (v tenantView) text(s *sheet) {
	s.row(tenantColumns...)
	s.row(v.columns()...)
}

func orDash(text *string) string {
	if text == nil {
		return "-"
	}
	return *text
}

// oneTenant wants one argument, a tenant's id.
func oneTenant(cmd *cobra.Command, args []string) error {
	if err := cli.Named("TENANT")(cmd, args); err != nil {
		return err
	}
	if !event.ValidTenantID(args[0]) {
		return cli.WrongUsage(cmd, "tenant %q is not of the form %s", args[0], event.TenantIDPattern)
	}
	return nil
}
