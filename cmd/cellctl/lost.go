package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/placement"
)

// A cell can be lost while tenants are mapped to it: its entry left the configuration, or all of its resources were deleted.
// What is known of it then is its state and its tenants' mappings.

// lostCells are the cells that have a state and are not there.
func (s *session) lostCells(ctx context.Context, there []string) ([]string, error) {
	return placement.LostCells(ctx, s.dynamo, s.ControlPlane.CellTable, there)
}

// explainUnknown says of a cell that is unknown what to do: err is about it, and is returned if it says something else. A
// cell that tenants are mapped to is no mistyped name.
func (s *session) explainUnknown(ctx context.Context, err error, cellID string) error {
	if !errors.Is(err, fleet.ErrUnknownCell) {
		return err
	}
	if mapped, failed := s.placement.HasTenant(ctx, cellID); failed == nil && mapped {
		return refused("cell %s is not there, and tenants are mapped to it: 'cellctl tenants list --cell %[1]s' lists them, and %s", cellID, bringBack(cellID))
	}
	return fmt.Errorf("%w; 'cellctl cells list' shows them", s.Explain(ctx, cellID))
}

func bringBack(cellID string) string {
	return fmt.Sprintf("bringing cell %s back into the configuration, with 'pulumi up', has it serve them again", cellID)
}

// waysWithout are the ways on of a tenant whose cell is lost.
func waysWithout(tenant, cellID string) string {
	return fmt.Sprintf("%s; what it held comes back with 'cellctl restore cell %s'. If it is lost for good, "+
		"'cellctl tenants assign %s --lost %[2]s' places the tenant again, and 'cellctl tenants remove %[3]s --lost %[2]s' removes it",
		bringBack(cellID), cellID, tenant)
}

// waysOnWithout are the ways on of a tenant whose cell is lost, whatever is under way with it.
func (s *session) waysOnWithout(ctx context.Context, m mapping.Mapping) string {
	switch {
	case m.Removing != 0:
		if open, err := s.remover().Get(ctx, m.TenantID); err == nil {
			return fmt.Sprintf("%s; its removal goes on without the cell with --lost %s: %s", bringBack(m.CellID), m.CellID, removalWays(open))
		}
	case m.MovingTo != "":
		return fmt.Sprintf("%s; a move of it to cell %s is under way, 'cellctl moves show %s' shows how that goes on", bringBack(m.CellID), m.MovingTo, m.TenantID)
	}
	return waysWithout(m.TenantID, m.CellID)
}

// cellLost is the error of a command that needs the cell of a tenant, which is lost.
func (s *session) cellLost(ctx context.Context, m mapping.Mapping) error {
	return refused("cell %s, which tenant %q is mapped to, is not there: %s", m.CellID, m.TenantID, s.waysOnWithout(ctx, m))
}

// checkAbandoned refuses to go on without a cell of which something is left. It returns what could not be looked at, for
// the operator to be told before anything is done; "" for nothing.
func (s *session) checkAbandoned(ctx context.Context, cellID string) (unseen string, err error) {
	_, err = s.Cell(ctx, cellID)
	switch {
	case err == nil:
		return "", refused("cell %s is there: nothing is lost of it", cellID)
	case !errors.Is(err, fleet.ErrUnknownCell):
		return "", err
	}
	left := s.placement.Remains(ctx, s.Stack.Cell(cellID))
	if n := len(left.Tables); n > 0 {
		return "", refused("cell %s is not published, but %s: %s", cellID,
			strings.Join(left.Tables, " and ")+plural(n, " is", " are")+" there, and may still be written to", bringBack(cellID))
	}
	for _, table := range left.Unseen {
		unseen += fmt.Sprintf("Whether table %s is there is not known: %v. ", table.Table, table.Err)
	}
	return unseen, nil
}

// lostFlag adds the flag --lost, and --abandon, as it was spelled before. The --abandon of 'tenants move' means something
// else: it ends a move without one of its two cells.
func lostFlag(cmd *cobra.Command, cell *string) {
	for _, name := range []string{"lost", "abandon"} {
		cmd.Flags().StringVar(cell, name, "", "the cell that the tenant is mapped to, which is not there any more, with all that it held")
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	_ = cmd.Flags().MarkHidden("abandon")
}
