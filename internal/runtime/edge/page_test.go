package edge_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// namesIn returns what a pattern's group finds in a file, sorted, each once.
func namesIn(t *testing.T, text, pattern string) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	require.NotEmpty(t, names)
	slices.Sort(names)
	return slices.Compact(names)
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestTheRoutersPageHasEveryProblem holds docs/router.md to the source: clients switch on them.
func TestTheRoutersPageHasEveryProblem(t *testing.T) {
	page := readText(t, "../../../docs/router.md")
	_, statuses, _ := strings.Cut(page, "### Statuses")
	statuses, _, _ = strings.Cut(statuses, "### Headers")
	require.Equal(t, namesIn(t, readText(t, "problem.go"), `kind\{"([a-z-]+)"`), namesIn(t, statuses, "`([a-z]+-?[a-z-]+)`(?:,| \\|)"))
}
