package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInvariantsPageNamesRealTests keeps docs/invariants.md from promising a proof that is not there.
func TestInvariantsPageNamesRealTests(t *testing.T) {
	page, err := os.ReadFile("docs/invariants.md")
	require.NoError(t, err)
	proofs := regexp.MustCompile("(?m)^\\| `([^`]+)` (Test\\w+) \\|").FindAllSubmatch(page, -1)
	require.NotEmpty(t, proofs)
	for _, proof := range proofs {
		dir, name := string(proof[1]), string(proof[2])
		require.True(t, hasTest(t, dir, name), "docs/invariants.md names %s in %s, which has no such test", name, dir)
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	require.NoError(t, err)
	function := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if function.Match(text) {
			return true
		}
	}
	return false
}
