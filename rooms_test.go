package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "cellular"

// enters says which rooms the packages of a room may import, besides their own. Tests may import what they like.
var enters = map[string][]string{
	"app":               {"internal/model"},
	"internal/model":    {},
	"internal/runtime":  {"app", "internal/model"},
	"internal/operator": {"internal/model"},
	"functions":         {"app", "internal/model", "internal/runtime"},
	"cell":              {"alarm", "functions/deploy", "internal/model"},
	"router":            {"alarm", "functions/deploy", "internal/model"},
	"probe":             {"alarm", "functions/deploy", "internal/model", "router"},
	"alarm":             {"internal/model"},
	"controlplane":      {"alarm", "internal/model"},
	"dashboard":         {"alarm", "internal/model"},
	"stack":             {"cell", "router", "probe", "controlplane", "dashboard", "functions", "internal/model", "internal/operator/placement"},
	"cmd/cellctl":       {"cmd/internal", "internal/model", "internal/operator"},
	"cmd/localcloud":    {"cmd/internal", "functions", "internal/operator/terminal", "local"},
	"cmd/internal":      {"internal/operator/terminal"},
	"local":             {"functions", "internal/model", "internal/operator", "internal/runtime/mappingcache", "stack"},
	"local/gate/calls":  {"local", "internal/testkit"}, // tests alone import it
	"bench":             {"app", "functions", "internal/model", "internal/operator", "internal/runtime", "internal/testkit", "local/process", "stack"},
	"internal/testkit":  {"app", "internal", "local"},
	".":                 {"stack"},

	"cmd/pulumi-language-go": {"functions", "local/languagehost"},
}

// goPackage is what the tests need of 'go list'.
type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports"}, args...)...).Output()
	require.NoError(t, err)
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else {
			require.NoError(t, err)
		}
		packages = append(packages, p)
	}
}

// dirOf is the directory of a package of this module.
func dirOf(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func within(dir, room string) bool { return dir == room || strings.HasPrefix(dir, room+"/") }

// roomOf is the innermost room that a directory is in; "" for none.
func roomOf(dir string) string {
	found := ""
	for room := range enters {
		if within(dir, room) && len(room) > len(found) {
			found = room
		}
	}
	return found
}

// TestRooms_ImportOnlyWhatTheyMayEnter holds the rules that the rooms' package comments and docs/architecture.md give.
func TestRooms_ImportOnlyWhatTheyMayEnter(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t, "./...") {
		dir, _ := dirOf(p.ImportPath)
		room := roomOf(dir)
		if !assert.NotEmpty(t, room, "package %s is in no room", dir) {
			continue
		}
		seen[room] = true
		for _, path := range p.Imports {
			imported, ours := dirOf(path)
			if !ours || within(imported, room) {
				continue
			}
			may := slices.ContainsFunc(enters[room], func(allowed string) bool { return within(imported, allowed) })
			assert.True(t, may, "%s imports %s; packages of %s may import %v", dir, imported, room, enters[room])
		}
	}
	for room := range enters {
		assert.True(t, seen[room], "there is no package in room %s", room)
	}
}

// reach is every package that a command or function is linked from.
func reach(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	for _, p := range list(t, "-deps", "./"+dir) {
		paths = append(paths, p.ImportPath)
	}
	return paths
}

// TestRooms_NothingThatRunsHasTestCodeInIt covers what the program, the commands and the functions are linked from.
func TestRooms_NothingThatRunsHasTestCodeInIt(t *testing.T) {
	for _, dir := range []string{".", "cmd/cellctl", "cmd/localcloud", "cmd/pulumi-language-go", "functions/router", "functions/producer", "functions/consumer", "functions/probe"} {
		for _, path := range reach(t, dir) {
			ours, _ := dirOf(path)
			assert.False(t, within(ours, "internal/testkit") || within(ours, "local/gate/calls") || path == "testing", "%s is linked with %s", dir, path)
		}
	}
}

// TestFunctions_AreLinkedWithoutPulumiAndOperatorsCode keeps the functions small, and their rights easy to see.
func TestFunctions_AreLinkedWithoutPulumiAndOperatorsCode(t *testing.T) {
	for _, dir := range []string{"functions/router", "functions/producer", "functions/consumer", "functions/probe"} {
		for _, path := range reach(t, dir) {
			ours, _ := dirOf(path)
			assert.False(t, strings.Contains(path, "pulumi") || within(ours, "internal/operator") || within(ours, "local"), "%s is linked with %s", dir, path)
		}
	}
}

// The bounds of the operator's command, which was a binary of 104 MB from 978 packages when the local cloud was a part of it.
const (
	cellctlPackages = 420
	cellctlBytes    = 30 << 20
)

func TestCellctl_IsSmallAndHasNeitherPulumiNorTheLocalCloudInIt(t *testing.T) {
	paths := reach(t, "cmd/cellctl")
	require.LessOrEqual(t, len(paths), cellctlPackages)
	for _, path := range paths {
		ours, _ := dirOf(path)
		assert.False(t, strings.Contains(path, "pulumi") || within(ours, "local") || within(ours, "stack"), "cellctl is linked with %s", path)
	}
	binary := filepath.Join(t.TempDir(), "cellctl")
	out, err := exec.Command("go", "build", "-o", binary, "./cmd/cellctl").CombinedOutput()
	require.NoError(t, err, string(out))
	info, err := os.Stat(binary)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(cellctlBytes))
}

// TestArchitecturePage_HasEveryRoomWithItsSize compares the page's table of rooms with the code.
func TestArchitecturePage_HasEveryRoomWithItsSize(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	require.NoError(t, err)
	rows := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z/.-]+)` \\| ([0-9,]+) \\|").FindAllStringSubmatch(string(page), -1) {
		lines, err := strconv.Atoi(strings.ReplaceAll(row[2], ",", ""))
		require.NoError(t, err, row[0])
		rows[row[1]] = lines
	}
	for room := range enters {
		if room != "." && room != "local/gate/calls" {
			require.Contains(t, rows, room)
		}
	}
	for room, told := range rows {
		lines := 0
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			lines += strings.Count(string(text), "\n")
			return err
		})
		require.NoError(t, err)
		require.InDelta(t, lines, told, max(0.25*float64(lines), 10), "docs/architecture.md says that %s has %d lines", room, told)
	}
}

// TestArchitecturePage_WalksThroughWhatThereIs looks up every name of the page's walks: what it names is declared in
// code that is no test, a method with its type, and a path is there.
func TestArchitecturePage_WalksThroughWhatThereIs(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	require.NoError(t, err)
	_, walks, found := strings.Cut(string(page), "### Three walks")
	require.True(t, found)
	walks, _, _ = strings.Cut(walks, "\n## ")

	var code strings.Builder
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	require.NoError(t, err)
	names := 0
	for _, quoted := range regexp.MustCompile("`([A-Za-z/.]+)`").FindAllStringSubmatch(walks, -1) {
		if _, err := os.Stat(quoted[1]); err == nil {
			continue
		}
		parts := strings.Split(quoted[1], ".")
		pattern := `(?m)^(func (\([^)]*\) )?|type |\t|const |var )` + parts[len(parts)-1] + `\b`
		if of := parts[max(len(parts)-2, 0)]; len(parts) > 1 && strings.ToUpper(of[:1]) == of[:1] {
			pattern = `(?m)^func \(\w+ \*?` + of + `\) ` + parts[len(parts)-1] + `\(`
		}
		declared := regexp.MustCompile(pattern)
		assert.True(t, declared.MatchString(code.String()), "%s is declared nowhere", quoted[1])
		names++
	}
	require.Greater(t, names, 30)
}
