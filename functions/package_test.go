package functions_test

import (
	"archive/zip"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cellular/functions"
)

// module writes a small module with the functions and makes it the working directory.
func module(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module cellular\n\ngo 1.26.0\n")
	for _, name := range []string{"router", "producer", "consumer", "probe"} {
		write(t, filepath.Join(dir, "functions", name, "main.go"),
			fmt.Sprintf("package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(%q) }\n", name))
	}
	t.Chdir(dir)
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func pack(t *testing.T, architecture string) functions.Artifacts {
	t.Helper()
	artifacts, err := functions.Package(t.Context(), architecture)
	require.NoError(t, err)
	return artifacts
}

// contents are the bytes of the zips, by function.
func contents(t *testing.T, a functions.Artifacts) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, path := range map[string]string{"router": a.Router, "producer": a.Producer, "consumer": a.Consumer, "probe": a.Probe} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		all[name] = string(content)
	}
	return all
}

func TestAZipHoldsOneExecutableBootstrapOfTheArchitecture(t *testing.T) {
	dir := module(t)
	for architecture, machine := range map[string]elf.Machine{functions.ARM64: elf.EM_AARCH64, functions.X86_64: elf.EM_X86_64} {
		artifacts := pack(t, architecture)
		for name, path := range map[string]string{"router": artifacts.Router, "producer": artifacts.Producer, "consumer": artifacts.Consumer, "probe": artifacts.Probe} {
			require.Equal(t, filepath.Join(dir, ".build", "functions", architecture, name+".zip"), path)
			archive, err := zip.OpenReader(path)
			require.NoError(t, err)
			defer archive.Close()
			require.Len(t, archive.File, 1)
			entry := archive.File[0]
			require.Equal(t, "bootstrap", entry.Name)
			require.Equal(t, os.FileMode(0o755), entry.Mode())

			file, err := entry.Open()
			require.NoError(t, err)
			content, err := io.ReadAll(file)
			require.NoError(t, err)
			binary, err := elf.NewFile(strings.NewReader(string(content)))
			require.NoError(t, err)
			require.Equal(t, machine, binary.Machine)
			libraries, err := binary.ImportedLibraries()
			require.NoError(t, err)
			require.Empty(t, libraries, "a function must not need a C library that the runtime may lack")
		}
	}
}

func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	module(t)
	first := contents(t, pack(t, functions.ARM64))

	// Another directory, under version control, with settings in every place that Go reads them from.
	module(t)
	require.NoError(t, exec.Command("git", "init", "-q").Run())
	write(t, "go.work", "this is not a workspace")
	settings := filepath.Join(t.TempDir(), "env")
	write(t, settings, "GOFLAGS=-race\nGOAMD64=v3\nGOARM64=v9.0\nGOEXPERIMENT=jsonv2\n")
	for name, value := range map[string]string{
		"GOENV": settings, "GOFLAGS": "-tags=other -ldflags=-w", "GOOS": "windows", "GOARCH": "386", "GOARM64": "v8.2",
		"GOEXPERIMENT": "nosuchexperiment", "CGO_ENABLED": "1", "GOWORK": "", "CGO_CFLAGS": "-O0", "GODEBUG": "madvdontneed=0",
	} {
		t.Setenv(name, value)
	}
	second := contents(t, pack(t, functions.ARM64))

	for name := range first {
		require.True(t, first[name] == second[name], "%s.zip differs: every cell's %s would be deployed again for nothing", name, name)
	}
}

func TestAChangeOfOneFunctionChangesItsZipOnly(t *testing.T) {
	dir := module(t)
	artifacts := pack(t, functions.ARM64)
	before := contents(t, artifacts)
	stamp := time.Date(2001, time.February, 3, 4, 5, 6, 0, time.UTC)
	for _, path := range []string{artifacts.Router, artifacts.Producer, artifacts.Consumer} {
		require.NoError(t, os.Chtimes(path, stamp, stamp))
	}

	write(t, filepath.Join(dir, "functions", "producer", "main.go"), "package main\n\nfunc main() { println(\"changed\") }\n")
	after := contents(t, pack(t, functions.ARM64))

	require.True(t, before["producer"] != after["producer"])
	for name, path := range map[string]string{"router": artifacts.Router, "consumer": artifacts.Consumer} {
		require.True(t, before[name] == after[name], "%s.zip changed", name)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.True(t, info.ModTime().Equal(stamp), "%s.zip was written again with the same content", name)
	}
}

func TestPackagingTwiceAtOnceLeavesWholeZipsAndNothingElse(t *testing.T) {
	dir := module(t)
	want := contents(t, pack(t, functions.ARM64))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, ".build")))

	var group errgroup.Group
	for range 3 {
		group.Go(func() error {
			_, err := functions.Package(t.Context(), functions.ARM64)
			return err
		})
	}
	require.NoError(t, group.Wait())

	require.Equal(t, want, contents(t, pack(t, functions.ARM64)))
	entries, err := os.ReadDir(filepath.Join(dir, ".build", "functions", functions.ARM64))
	require.NoError(t, err)
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	require.Equal(t, []string{"consumer.zip", "consumer.zip.seal", "probe.zip", "probe.zip.seal", "producer.zip", "producer.zip.seal", "router.zip", "router.zip.seal"}, left)
}

func TestAnyMainPackageIsPackagedAsTheFunctionsAre(t *testing.T) {
	dir := module(t)
	artifacts := pack(t, functions.X86_64)
	zips, err := functions.PackageMains(t.Context(), functions.X86_64, "elsewhere", "functions/router")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"functions/router": filepath.Join(dir, "elsewhere", "x86_64", "router.zip")}, zips)
	want, err := os.ReadFile(artifacts.Router)
	require.NoError(t, err)
	got, err := os.ReadFile(zips["functions/router"])
	require.NoError(t, err)
	require.True(t, string(want) == string(got), "the zips differ")
}

func TestPackageWorksFromADirectoryInsideTheModule(t *testing.T) {
	dir := module(t)
	t.Chdir(filepath.Join(dir, "functions", "router"))
	require.Equal(t, filepath.Join(dir, ".build", "functions", functions.ARM64, "router.zip"), pack(t, functions.ARM64).Router)
}

func TestWhatCannotBePackagedSaysWhy(t *testing.T) {
	t.Run("unknown architecture", func(t *testing.T) {
		module(t)
		_, err := functions.Package(t.Context(), "amd64")
		require.EqualError(t, err, `package functions: architecture "amd64" is unknown, want arm64 or x86_64`)
	})
	t.Run("outside the module", func(t *testing.T) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "go.mod"), "module other\n")
		t.Chdir(dir)
		_, err := functions.Package(t.Context(), functions.ARM64)
		require.ErrorContains(t, err, "no go.mod of module cellular in "+dir+" or above it")
	})
	t.Run("source that does not compile", func(t *testing.T) {
		dir := module(t)
		write(t, filepath.Join(dir, "functions", "consumer", "main.go"), "package main\n\nfunc main() { undefinedName() }\n")
		_, err := functions.Package(t.Context(), functions.ARM64)
		require.ErrorContains(t, err, "functions/consumer/main.go:3:15: undefined: undefinedName")
	})
	t.Run("no Go toolchain", func(t *testing.T) {
		module(t)
		t.Setenv("PATH", t.TempDir())
		_, err := functions.Package(t.Context(), functions.ARM64)
		require.ErrorContains(t, err, "run the Go toolchain, which builds the functions")
		require.ErrorIs(t, err, exec.ErrNotFound)
	})
	t.Run("cancelled", func(t *testing.T) {
		module(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := functions.Package(ctx, functions.ARM64)
		require.ErrorIs(t, err, context.Canceled)
	})
}
