package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/event"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/move"
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
	TenantID string        `json:"tenant_id"`
	CellID   string        `json:"cell_id"`
	State    mapping.State `json:"state"`
	Tier     string        `json:"tier"`
	Epoch    int64         `json:"epoch"`

	// The cells of the move under way; null without one. One of them is CellID: the former until the new cell serves the tenant.
	MovingFrom *string `json:"moving_from"`
	MovingTo   *string `json:"moving_to"`

	Removing  bool    `json:"removing"` // a removal of the tenant is under way
	UpdatedAt *string `json:"updated_at"`
}

func viewOfTenant(m mapping.Mapping) tenantView {
	v := tenantView{
		TenantID: m.TenantID, CellID: m.CellID, State: m.State, Tier: m.Tier, Epoch: m.Epoch, UpdatedAt: jsonTime(m.UpdatedAt),
		Removing: m.Removing != 0,
	}
	if m.MovingTo != "" {
		v.MovingTo = &m.MovingTo
		if m.MovingTo != m.CellID {
			v.MovingFrom = &m.CellID
		}
	}
	return v
}

// findOrigins notes where the moves took the tenants from that their new cells serve. Their mappings do not say it any more. A
// move that has ended since the mapping was read has no origin.
func (s *session) findOrigins(ctx context.Context, tenants []tenantView) error {
	unknown := func(v tenantView) bool { return v.MovingTo != nil && v.MovingFrom == nil }
	if !slices.ContainsFunc(tenants, unknown) {
		return nil
	}
	open, err := s.mover().Open(ctx)
	if err != nil {
		return err
	}
	for i, v := range tenants {
		at := slices.IndexFunc(open, func(m move.Move) bool { return m.TenantID == v.TenantID && m.To == v.CellID })
		if unknown(v) && at >= 0 {
			tenants[i].MovingFrom = &open[at].From
		}
	}
	return nil
}

// moving is which way a move under way takes the tenant, and the cell at its other end: "to", "c02".
func (v tenantView) moving() (way, cell string) {
	switch {
	case v.MovingFrom != nil && *v.MovingFrom != v.CellID:
		return "from", *v.MovingFrom
	case v.MovingTo != nil:
		return "to", *v.MovingTo
	}
	return "to", "-"
}

// state is how a table has the tenant's state.
func (v tenantView) state() coloured {
	c := status(string(v.State))
	if v.Removing {
		c.text += " (being removed)"
	}
	return c
}

var tenantColumns = []any{"TENANT", "CELL", "STATE", "TIER", "EPOCH", "MOVING", "UPDATED"}

func (v tenantView) columns() []any {
	moving := "-"
	if v.MovingTo != nil {
		way, cell := v.moving()
		moving = way + " " + cell
	}
	return []any{v.TenantID, v.CellID, v.state(), v.Tier, v.Epoch, moving, orDash(v.UpdatedAt)}
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
