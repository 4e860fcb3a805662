package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/placement"
)

func newCompletion() *cobra.Command {
	return onlyLooks(&cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes cellctl's command lines in a shell",
		Long: `completion prints the script that makes SHELL (bash, zsh, fish or powershell) complete commands, flags, cells and tenants.
Cells and tenants come from the deployment that --stack or ` + envStack + ` names.`,
		Example: `  source <(cellctl completion bash)
  cellctl completion zsh > "${fpath[1]}/_cellctl"
  cellctl completion fish > ~/.config/fish/completions/cellctl.fish`,
		Args:              cli.Named("SHELL"),
		ValidArgsFunction: cobra.FixedCompletions([]string{"bash", "zsh", "fish", "powershell"}, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, w := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(w, true)
			case "zsh":
				return root.GenZshCompletion(w)
			case "fish":
				return root.GenFishCompletion(w, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(w)
			}
			return cli.WrongUsage(cmd, "shell %q is none of bash, zsh, fish and powershell", args[0])
		},
	})
}

// completionTimeout is how long a shell waits for cells and tenants at most, and maxCompletions how many tenants it is
// offered of a cell.
const (
	completionTimeout = 3 * time.Second
	maxCompletions    = 50
)

// completer finds what an argument or a flag may be. An error is no completion: a shell has no place to show it.
type completer func(ctx context.Context, s *session, cmd *cobra.Command, prefix string) ([]string, error)

func (a *app) complete(find completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		s, err := a.connect(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, err := find(ctx, s, cmd, prefix)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var matching []string
		for _, f := range found {
			if strings.HasPrefix(f, prefix) {
				matching = append(matching, f)
			}
		}
		return matching, cobra.ShellCompDirectiveNoFileComp
	}
}

// first completes a command's only argument.
func first(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, prefix)
	}
}

// completeCells offers the cells that could be listed in the time that a shell waits, and those that have a state: in a
// fleet of a thousand, listing takes longer, and the states are one call.
func (a *app) completeCells() cobra.CompletionFunc {
	return a.complete(func(ctx context.Context, s *session, _ *cobra.Command, _ string) ([]string, error) {
		var cells []manifest.Cell
		listing, cancel := context.WithTimeout(ctx, completionTimeout/2)
		defer cancel()
		err := s.Pages(listing, func(page []manifest.Cell) { cells = append(cells, page...) })
		if err == nil {
			return cellIDs(byWave(cells)), nil
		}
		known, _ := placement.KnownCells(ctx, s.dynamo, s.ControlPlane.CellTable) // what there is so far is better than nothing
		found := append(cellIDs(cells), known...)
		slices.Sort(found)
		return slices.Compact(found), nil
	})
}

func byWave(cells []manifest.Cell) []manifest.Cell {
	slices.SortFunc(cells, fleet.ByWave)
	return cells
}

// tenantSearches is how many cells' tenants are searched at a time for a completion.
const tenantSearches = 16

// completeTenants offers tenants of the cell that --cell names, or of each cell that has any: those have a state, which one
// call lists.
func (a *app) completeTenants() cobra.CompletionFunc {
	return a.complete(func(ctx context.Context, s *session, cmd *cobra.Command, prefix string) ([]string, error) {
		cells, err := cellsToComplete(ctx, s, cmd)
		if err != nil {
			return nil, err
		}
		each := make([][]string, len(cells))
		var group errgroup.Group
		group.SetLimit(tenantSearches)
		for i, cell := range cells {
			group.Go(func() error {
				page, _, _ := s.placement.Page(ctx, cell, justBefore(prefix), maxCompletions) // what there is so far is better than nothing
				for _, m := range page {
					each[i] = append(each[i], m.TenantID)
				}
				return nil
			})
		}
		_ = group.Wait() // no function of the group has an error
		return slices.Concat(each...), nil
	})
}

func cellsToComplete(ctx context.Context, s *session, cmd *cobra.Command) ([]string, error) {
	if flag := cmd.Flag("cell"); flag != nil && flag.Changed {
		return []string{flag.Value.String()}, nil
	}
	known, err := placement.KnownCells(ctx, s.dynamo, s.ControlPlane.CellTable)
	slices.Sort(known)
	return known, err
}

// justBefore returns an id that sorts behind every tenant's that sorts before the prefix, and before the prefix: a page
// that starts after it starts with the tenants of that prefix. A ~ sorts behind whatever a tenant's id may have.
func justBefore(prefix string) string {
	if prefix == "" {
		return ""
	}
	last := len(prefix) - 1
	return prefix[:last] + string(prefix[last]-1) + "~"
}

func cellIDs(cells []manifest.Cell) []string {
	ids := make([]string, 0, len(cells))
	for _, c := range cells {
		ids = append(ids, c.ID)
	}
	return ids
}
