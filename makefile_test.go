package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMakefile_TestsEveryPackageOnce demands that each package is tested in full either by the quick tests or by the slow ones.
func TestMakefile_TestsEveryPackageOnce(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not on PATH")
	}
	var tested []string
	for _, command := range strings.Split(output(t, "make", "-n", "test", "test-slow"), "\n") {
		words := strings.Fields(command)
		if !strings.HasPrefix(command, "go test ") || slices.Contains(words, "-short") {
			continue
		}
		for _, word := range words {
			if strings.HasPrefix(word, "cellular") {
				tested = append(tested, word)
			}
		}
	}
	require.ElementsMatch(t, strings.Fields(output(t, "go", "list", "./...")), tested)
}

// TestMakefile_StampsTheRevisionOnCellctl demands that `cellctl version` can say what it was built from.
func TestMakefile_StampsTheRevisionOnCellctl(t *testing.T) {
	for _, tool := range []string{"make", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not on PATH")
		}
	}
	head, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Skip("this is no git repository")
	}
	require.Contains(t, output(t, "make", "-n", "cellctl"), "-X main.stamp="+strings.TrimSpace(string(head)))
}

// TestMakefile_PrintsTheLocalLogAsItIsWhereThatIsWanted demands the flag of `localcloud up` for JSON=1 alone.
func TestMakefile_PrintsTheLocalLogAsItIsWhereThatIsWanted(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not on PATH")
	}
	require.Contains(t, output(t, "make", "-n", "local", "JSON=1"), "localcloud up --json\n")
	require.NotContains(t, output(t, "make", "-n", "local"), "--json")
}

// output runs a command, apart from the make that may run this test, and returns what it printed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s", cmd, &stderr)
	return string(out)
}
