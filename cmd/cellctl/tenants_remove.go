package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cellular/internal/event"
	"cellular/internal/facts"
	"cellular/internal/mapping"
	"cellular/internal/move"
	"cellular/internal/tenantdata"
)

type removal struct {
	tenant string
	export string // file; "" for none
	forget bool
	wait   bool
}

func newTenantsRemove(a *app) *cobra.Command {
	var r removal
	cmd := &cobra.Command{
		Use:   "remove TENANT",
		Short: "Take a suspended tenant out of the deployment, with all that its cell holds of it",
		Long: `remove deletes all that its cell holds of TENANT, then TENANT's mapping. It cannot be undone.

It refuses
- until the tenant has been suspended for so long that no router can still send anything for it; --wait waits,
- while events of it are neither processed nor given up on,
- while the cell holds anything of it, unless --export has it written to a file first, or --forget gives it up.

The file is lines of JSON, the items in DynamoDB's own notation. A removal that was cut short is finished by the same
command; with --export, the file then needs a new name.`,
		Example: `  cellctl tenants suspend acme
  cellctl tenants remove acme --wait --export acme.jsonl
  cellctl tenants remove acme --forget`,
		Args:              oneTenant,
		ValidArgsFunction: first(a.completeTenants()),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.tenant = args[0]
			if r.export != "" && r.forget {
				return wrongUsage(cmd, "--export and --forget exclude each other: the one keeps what the other gives up")
			}
			return a.removeTenant(cmd, r)
		},
	}
	cmd.Flags().StringVar(&r.export, "export", "", "write what the cell holds of the tenant to this file, which must not exist, and then delete it")
	cmd.Flags().BoolVar(&r.forget, "forget", false, "delete what the cell holds of the tenant, and keep no copy")
	cmd.Flags().BoolVar(&r.wait, "wait", false, "wait until the tenant has been suspended for long enough")
	_ = cmd.MarkFlagFilename("export", "jsonl")
	return cmd
}

func (a *app) removeTenant(cmd *cobra.Command, r removal) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	m, err := s.placement.Get(ctx, r.tenant)
	if err != nil {
		return err
	}
	if err := a.atRest(ctx, s, m, r.wait); err != nil {
		return err
	}
	cell, err := s.Cell(ctx, m.CellID)
	if err != nil {
		return err
	}
	holds, err := s.checkRemovable(ctx, cell, r)
	if err != nil {
		return err
	}
	if err := a.confirmName(cmd, r.warning(s, cell, holds), r.tenant); err != nil {
		return err
	}
	if holds {
		if err := a.emptyCellOf(ctx, s, m, cell, r); err != nil {
			return err
		}
	}
	if err := s.placement.Remove(ctx, m); err != nil {
		return err
	}
	a.note("Tenant %s is removed.", r.tenant)
	return nil
}

// atRest refuses, or waits for, a tenant of which a router may still send something: one that is not suspended, or has not
// been for as long as a router may use a mapping and then take for its write.
func (a *app) atRest(ctx context.Context, s *session, m mapping.Mapping, wait bool) error {
	if m.State != mapping.Suspended {
		return refused("tenant %q is %s; 'cellctl tenants suspend %s' first", m.TenantID, m.State, m.TenantID)
	}
	if m.MovingTo != "" {
		return refused("a move takes tenant %q to cell %s; finish it or back out of it first", m.TenantID, m.MovingTo)
	}
	until := m.UpdatedAt.Add(move.QuarantineOf(s.Router))
	left := time.Until(until)
	if left <= 0 {
		return nil
	}
	if !wait {
		return refused("tenant %q has been suspended for %s, and a router may still know it as active; try again after %s, or add --wait",
			m.TenantID, short(time.Since(m.UpdatedAt)), event.FormatTime(until))
	}
	return a.waitUntil(ctx, "waiting until no router knows the tenant as active: second", until)
}

// waitUntil waits, and tells how far it is.
func (a *app) waitUntil(ctx context.Context, what string, until time.Time) error {
	began := time.Now()
	p := a.progress(what, int64(until.Sub(began)/time.Second))
	defer p.end()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for time.Now().Before(until) {
		p.at(int64(time.Since(began) / time.Second))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// checkRemovable refuses a tenant of which something would be lost that nobody gave up. It reports whether its cell holds
// anything of it.
func (s *session) checkRemovable(ctx context.Context, cell facts.Cell, r removal) (holds bool, err error) {
	unsettled, err := tenantdata.Unsettled(ctx, s.dynamo, cell, r.tenant, time.Now())
	if err != nil {
		return false, err
	}
	if unsettled > 0 {
		return false, refused("tenant %[2]q has %[1]s that the cell has neither processed nor given up on; wait, or redrive the DLQs of cell %[3]s, then try again",
			counted(unsettled, "event"), r.tenant, cell.ID)
	}
	if holds, err = tenantdata.Any(ctx, s.dynamo, cell, r.tenant); err != nil {
		return false, err
	}
	if holds && r.export == "" && !r.forget {
		return false, refused("cell %s holds data of tenant %q; add --export FILE to keep a copy, or --forget to give it up", cell.ID, r.tenant)
	}
	return holds, nil
}

func (r removal) warning(s *session, cell facts.Cell, holds bool) string {
	switch {
	case !holds:
		return fmt.Sprintf("This removes tenant %s from stack %s. Cell %s holds nothing of it.", r.tenant, s.Stack, cell.ID)
	case r.export != "":
		return fmt.Sprintf("This removes tenant %s from stack %s, and deletes what cell %s holds of it once it is written to %s.", r.tenant, s.Stack, cell.ID, r.export)
	}
	return fmt.Sprintf("This removes tenant %s from stack %s, and deletes all that cell %s holds of it. There will be no copy.", r.tenant, s.Stack, cell.ID)
}
