package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// completes requires that a shell is offered exactly this.
func (w *world) completes(offers []string, args ...string) {
	w.t.Helper()
	stdout, _, code := w.run(append([]string{"__complete"}, args...)...)
	require.Zero(w.t, code)
	require.Equal(w.t, printed(append(offers, ":4")...), stdout) // 4: no file names
}

func TestCellsAndTenantsAreCompleted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		t.Setenv(envStack, string(stack))
		for tenant, cell := range map[string]string{"acme": "c01", "acme-2": "c01", "acorn": "c02", "beta": "c01"} {
			w.does("tenants", "assign", tenant, "--cell", cell)
		}
		w.completes([]string{"canary", "c01", "c02"}, "cells", "show", "")
		w.completes([]string{"c01", "c02"}, "cells", "drain", "c0")
		w.completes([]string{"c02"}, "tenants", "list", "--cell", "c02")
		w.completes([]string{"acme", "acme-2", "beta", "acorn"}, "tenants", "show", "")
		w.completes([]string{"acme", "acme-2", "acorn"}, "tenants", "show", "ac")
		w.completes([]string{"acme", "acme-2"}, "tenants", "show", "acme")
		w.completes(nil, "tenants", "show", "acme", "")
		w.completes([]string{"standard", "dedicated"}, "tenants", "assign", "x", "--tier", "")
	})
}

func TestATenantBeyondTheFirstPageIsCompletedByItsPrefix(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range maxCompletions {
			w.does("tenants", "assign", tenantID(i), "--cell", "c01")
		}
		w.does("tenants", "assign", "zeta", "--cell", "c01")
		w.completes([]string{"zeta"}, "tenants", "show", "z")
	})
}

func TestACompletionThatFailsIsSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		clear(w.ssm)
		stdout, stderr, code := w.run("__complete", "cells", "show", "")
		require.Zero(t, code)
		require.Equal(t, ":4\n", stdout)
		require.Equal(t, "Completion ended with directive: ShellCompDirectiveNoFileComp\n", stderr)
	})
}

func TestEachShellHasAScript(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		stdout, stderr, code := run(t, "completion", shell)
		require.Zero(t, code, stderr)
		require.Contains(t, stdout, "__complete")
	}
	_, stderr, code := run(t, "completion", "tcsh")
	require.Equal(t, cli.ExitUsage, code)
	require.Equal(t, "cellctl: shell \"tcsh\" is none of bash, zsh, fish and powershell; see 'cellctl completion --help'\n", stderr)
}
