package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/placement"
)

type listRequest struct {
	cell   string // "" for every cell
	after  string // where the page before ended, CELL/TENANT; "" for the first page
	limit  int
	all    bool
	probes bool
}

func newTenantsList(a *app) *cobra.Command {
	var r listRequest
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tenants by cell",
		Long: `list prints the tenants of every cell, or of the one that --cell names, sorted by their ids within each cell.
Tenants of a cell that is not there any more are among them, and a note names the cell. Where there are more than --limit, it says how to get the next page; in JSON, next is what --after takes, null at the end.
MOVING is where a move under way takes the tenant, or took it from where its new cell serves it already.
A change of the last second may be missing.`,
		Example: `  cellctl tenants list --cell c01
  cellctl tenants list --limit 1000 --after c01/acme
  cellctl tenants list --all --output json | jq -r '.tenants[] | select(.state == "suspended") | .tenant_id'`,
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.limit < 1 || r.limit > placement.MaxPage {
				return cli.WrongUsage(cmd, "--limit is %d, want 1 to %d", r.limit, placement.MaxPage)
			}
			if r.after != "" && !strings.Contains(r.after, "/") {
				return cli.WrongUsage(cmd, "--after is %q, want CELL/TENANT as the page before said", r.after)
			}
			return a.listTenants(cmd, r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&r.cell, "cell", "", "the only cell whose tenants are listed (default every cell)")
	flags.StringVar(&r.after, "after", "", "go on after CELL/TENANT, where the page before ended")
	flags.IntVar(&r.limit, "limit", 100, fmt.Sprintf("how many tenants are printed at most, up to %d", placement.MaxPage))
	flags.BoolVar(&r.all, "all", false, "print all tenants, whatever the limit")
	flags.BoolVar(&r.probes, "probes", false, "print the tenants that cells are probed with, too")
	_ = cmd.RegisterFlagCompletionFunc("cell", a.completeCells())
	return onlyLooks(cmd)
}

type tenantsView struct {
	Tenants []tenantView `json:"tenants"`
	Next    *string      `json:"next"`
}

func (v tenantsView) text(s *sheet) {
	s.row(tenantColumns...)
	for _, t := range v.Tenants {
		s.row(t.columns()...)
	}
}

func (a *app) listTenants(cmd *cobra.Command, r listRequest) error {
	ctx := cmd.Context()
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	cells, there, after, err := s.cellsToList(ctx, r)
	if err != nil {
		return err
	}
	v := tenantsView{Tenants: []tenantView{}}
	for i := 0; i < len(cells); {
		limit := placement.MaxPage
		if !r.all {
			limit = r.limit - len(v.Tenants)
		}
		page, next, err := s.page(ctx, cells[i], after, limit, r.probes)
		if err != nil {
			return err
		}
		for _, m := range page {
			v.Tenants = append(v.Tenants, viewOfTenant(m))
		}
		if after = next; after == "" {
			i++
		}
		if !r.all && len(v.Tenants) == r.limit && i < len(cells) {
			v.Next = new(cells[i] + "/" + after)
			break
		}
	}
	if err := s.findOrigins(ctx, v.Tenants); err != nil {
		return err
	}
	if err := a.print(v); err != nil {
		return err
	}
	a.noteLost(v, there)
	if v.Next != nil {
		a.note("There are more: add --after %s, or --all.", *v.Next)
	}
	return nil
}

// noteLost says which of the listed cells are not there.
func (a *app) noteLost(v tenantsView, there []string) {
	told := map[string]bool{}
	for _, t := range v.Tenants {
		if !told[t.CellID] && !slices.Contains(there, t.CellID) {
			told[t.CellID] = true
			a.note("Cell %s is not there, and events of its tenants are refused; 'cellctl tenants show %s' says what to do.", t.CellID, t.TenantID)
		}
	}
}

func (s *session) page(ctx context.Context, cell, after string, limit int, probes bool) ([]mapping.Mapping, string, error) {
	if probes {
		return s.placement.PageWithProbes(ctx, cell, after, limit)
	}
	return s.placement.Page(ctx, cell, after, limit)
}

// cellsToList are the cells whose tenants are to be listed, those that are there, and the tenant after which the first of the former starts. The
// cells come in the order of their ids: a cell that changes its wave between two pages is neither listed twice nor left out.
func (s *session) cellsToList(ctx context.Context, r listRequest) (cells, there []string, after string, err error) {
	if r.cell != "" {
		cells = []string{r.cell}
		_, err := s.Cell(ctx, r.cell)
		switch {
		case err == nil:
			there = cells
		case !errors.Is(err, fleet.ErrUnknownCell):
			return nil, nil, "", err
		default:
			if mapped, failed := s.placement.HasTenant(ctx, r.cell); failed != nil || !mapped {
				return nil, nil, "", s.explainUnknown(ctx, err, r.cell)
			}
		}
	} else {
		known, err := s.Cells(ctx)
		if err != nil {
			return nil, nil, "", err
		}
		there = cellIDs(known)
		lost, err := s.lostCells(ctx, there)
		if err != nil {
			return nil, nil, "", err
		}
		cells = slices.Concat(there, lost)
		slices.Sort(cells)
	}
	cell, tenant, _ := strings.Cut(r.after, "/")
	for len(cells) > 0 && cells[0] < cell {
		cells = cells[1:]
	}
	if len(cells) > 0 && cells[0] == cell {
		after = tenant
	}
	return cells, there, after, nil
}
