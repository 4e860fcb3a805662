package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
)

func newCompletion() *cobra.Command {
	return &cobra.Command{
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
	}
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

func (a *app) completeCells() cobra.CompletionFunc {
	return a.complete(func(ctx context.Context, s *session, _ *cobra.Command, _ string) ([]string, error) {
		cells, err := s.Cells(ctx)
		return cellIDs(cells), err
	})
}

// completeTenants offers tenants of the cell that --cell names, or of each cell.
func (a *app) completeTenants() cobra.CompletionFunc {
	return a.complete(func(ctx context.Context, s *session, cmd *cobra.Command, prefix string) ([]string, error) {
		cells, err := cellsToComplete(ctx, s, cmd)
		if err != nil {
			return nil, err
		}
		var tenants []string
		for _, cell := range cells {
			page, _, err := s.placement.Page(ctx, cell, justBefore(prefix), maxCompletions)
			if err != nil {
				return tenants, nil // what there is so far is better than nothing
			}
			for _, m := range page {
				tenants = append(tenants, m.TenantID)
			}
		}
		return tenants, nil
	})
}

func cellsToComplete(ctx context.Context, s *session, cmd *cobra.Command) ([]string, error) {
	if flag := cmd.Flag("cell"); flag != nil && flag.Changed {
		return []string{flag.Value.String()}, nil
	}
	cells, err := s.Cells(ctx)
	return cellIDs(cells), err
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
