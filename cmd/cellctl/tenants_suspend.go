package main

import (
	"context"

	"github.com/spf13/cobra"

	"cellular/internal/model/mapping"
)

func newTenantsSuspend(a *app) *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "suspend TENANT",
		Short: "Have the router refuse a tenant's events",
		Long: `suspend has the router refuse what TENANT sends, from when each of its processes reads the mapping again: the router's
hard TTL at the latest. What was accepted before is processed. A move of the tenant goes on.`,
		Example:           "  cellctl tenants suspend acme",
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeTenant(cmd, args[0], "Suspend", func(ctx context.Context, s *session, tenant string) (mapping.Mapping, error) {
				return s.placement.Suspend(ctx, tenant)
			})
		},
	})
}

func newTenantsResume(a *app) *cobra.Command {
	return a.changes(&cobra.Command{
		Use:   "resume TENANT",
		Short: "Have the router take a suspended tenant's events again",
		Long: `resume has the router take what TENANT sends again, from when each of its processes reads the mapping again.
A tenant that is not suspended is left as it is.`,
		Example:           "  cellctl tenants resume acme",
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeTenant(cmd, args[0], "", func(ctx context.Context, s *session, tenant string) (mapping.Mapping, error) {
				return s.placement.Resume(ctx, tenant)
			})
		},
	})
}

// changeTenant changes a tenant's mapping and prints it. What it is asked about first, if anything, is done with an
// effect that the tenant feels.
func (a *app) changeTenant(cmd *cobra.Command, tenant, ask string, change func(context.Context, *session, string) (mapping.Mapping, error)) error {
	s, err := a.connect(cmd.Context())
	if err != nil {
		return err
	}
	if ask != "" {
		if err := a.confirm(cmd, ask+" tenant "+tenant+" of stack "+string(s.Stack)+"?"); err != nil {
			return err
		}
	}
	m, err := change(cmd.Context(), s, tenant)
	if err != nil {
		return s.explainUnknownTenant(cmd.Context(), err, tenant)
	}
	return a.print(viewOfTenant(m))
}
