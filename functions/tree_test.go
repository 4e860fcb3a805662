package functions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/functions"
)

// The tests of this file are about the functions as they are; the others package small ones.

func TestCodeThatRunsInALambdaImportsNoPulumi(t *testing.T) {
	output, err := exec.Command("go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...").CombinedOutput()
	require.NoError(t, err, "%s", output)
	output, err = exec.Command("go", append([]string{"list", "-deps"}, strings.Fields(string(output))...)...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	packages := strings.Fields(string(output))
	for _, name := range []string{"cellular/functions/router", "cellular/functions/producer", "cellular/functions/consumer", "cellular/functions/probe"} {
		require.Contains(t, packages, name)
	}
	for _, name := range packages {
		require.NotContains(t, name, "pulumi", "a function would carry the deployment's code")
	}
}

func TestTheFunctionsAreTheSameBytesWhereverTheyAreBuilt(t *testing.T) {
	// The architecture that the local cloud packages too: the compiler has the dependencies at hand.
	architecture := map[string]string{"arm64": functions.ARM64, "amd64": functions.X86_64}[runtime.GOARCH]
	here := contents(t, pack(t, architecture))

	copied := t.TempDir()
	for _, part := range []string{"app", "functions", "internal"} {
		require.NoError(t, os.CopyFS(filepath.Join(copied, part), os.DirFS(filepath.Join("..", part))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join("..", file))
		require.NoError(t, err)
		write(t, filepath.Join(copied, file), string(content))
	}
	t.Chdir(copied)
	for name, content := range contents(t, pack(t, architecture)) {
		require.True(t, content == here[name], "%s.zip depends on the directory that it is built in", name)
	}
}
