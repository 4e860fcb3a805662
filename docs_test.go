package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/local/cloudwatch"
)

// TestInvariantsPage_NamesTestsThatExist keeps docs/invariants.md from promising a proof that is not there.
func TestInvariantsPage_NamesTestsThatExist(t *testing.T) {
	tests := testsByPackage(t)
	for _, proof := range proofs(t) {
		require.Contains(t, tests[proof.dir], proof.name, "docs/invariants.md names %s in %s, which has no such test", proof.name, proof.dir)
	}
}

// TestInvariantsPage_NamesEveryTestOfAnInvariant demands a row for each test whose name begins with the number of an invariant.
func TestInvariantsPage_NamesEveryTestOfAnInvariant(t *testing.T) {
	ofInvariant := regexp.MustCompile(`^TestI\d`)
	rows := map[proof]bool{}
	for _, proof := range proofs(t) {
		rows[proof] = true
	}
	for dir, names := range testsByPackage(t) {
		for _, name := range names {
			if ofInvariant.MatchString(name) {
				assert.True(t, rows[proof{dir, name}], "docs/invariants.md has no row for %s in %s", name, dir)
			}
		}
	}
}

// TestPages_NameTestsThatExist covers the tests that other pages name without their package.
func TestPages_NameTestsThatExist(t *testing.T) {
	all := map[string]bool{}
	for _, names := range testsByPackage(t) {
		for _, name := range names {
			all[name] = true
		}
	}
	for page, text := range pages(t) {
		for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(text, -1) {
			require.True(t, all[name], "%s names the test %s, which does not exist", page, name)
		}
	}
}

// TestReadme_ListsEveryPage demands a row for each page of the root and under docs/ in the README's table of pages.
func TestReadme_ListsEveryPage(t *testing.T) {
	readme := pages(t)["README.md"]
	for page := range pages(t) {
		if page != "README.md" {
			require.True(t, strings.Contains(readme, "\n| ["+page+"]("+page+") | "), "README.md does not list %s", page)
		}
	}
}

// TestPages_LinkToWhatExists follows each relative link, its anchor included.
func TestPages_LinkToWhatExists(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := page
			if target != "" {
				path = filepath.Join(filepath.Dir(page), target)
			}
			_, err := os.Stat(path)
			require.NoError(t, err, "%s links to %s", page, link[1])
			if anchor != "" {
				require.Contains(t, anchors(all[path]), anchor, "%s links to %s", page, link[1])
			}
		}
	}
}

// TestRunbooks_ShowAPageAsItArrives holds the message that runbook 12 shows to the fields of those that are published.
func TestRunbooks_ShowAPageAsItArrives(t *testing.T) {
	_, rest, ok := strings.Cut(pages(t)["docs/operations.md"], "\nALARM: \"local-health-cell-beta\"\n")
	require.True(t, ok)
	shown, _, _ := strings.Cut(rest, "```")
	published, err := cloudwatch.Notice{Composite: true}.Message("", "")
	require.NoError(t, err)
	require.Equal(t, fields(t, []byte(shown)), fields(t, published))
}

func fields(t *testing.T, object []byte) []string {
	var of map[string]any
	require.NoError(t, json.Unmarshal(object, &of), "%s", object)
	return slices.Sorted(maps.Keys(of))
}

// TestRouterPage_HasThePatternsOfTheProgram covers what a client may choose: tenant ids, event ids and types.
func TestRouterPage_HasThePatternsOfTheProgram(t *testing.T) {
	page := pages(t)["docs/router.md"]
	for field, pattern := range map[string]string{"tenant_id": event.TenantIDPattern, "id": event.IDPattern, "type": event.TypePattern} {
		require.Regexp(t, "(?m)^\\| `"+field+"` \\| .*`"+regexp.QuoteMeta(pattern)+"`", page)
	}
}

// TestReadme_NamesTargetsOfTheMakefile covers the `make` commands of all pages.
func TestReadme_NamesTargetsOfTheMakefile(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	for page, text := range pages(t) {
		for _, command := range regexp.MustCompile("(?m)(?:`|^\\$ |^)make ([a-z-]+)(?:`|$)").FindAllStringSubmatch(text, -1) {
			require.Regexp(t, `(?m)^`+command[1]+`:`, string(makefile), "%s names 'make %s'", page, command[1])
		}
	}
}

// proof is a test that docs/invariants.md names, and the directory of its package.
type proof struct{ dir, name string }

// proofs reads the first column of the tables of docs/invariants.md: a directory, and one or more tests of it.
func proofs(t *testing.T) []proof {
	var all []proof
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` (Test\\w+(?:, Test\\w+)*) \\|").FindAllStringSubmatch(pages(t)["docs/invariants.md"], -1) {
		for name := range strings.SplitSeq(row[2], ", ") {
			all = append(all, proof{row[1], name})
		}
	}
	require.NotEmpty(t, all)
	rows := regexp.MustCompile("(?m)^\\| `").FindAllString(pages(t)["docs/invariants.md"], -1)
	require.GreaterOrEqual(t, len(all), len(rows), "docs/invariants.md has rows that name no test")
	return all
}

// pages returns the pages of the root, README.md among them, and all pages under docs/ by their path.
func pages(t *testing.T) map[string]string {
	paths, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	root, err := filepath.Glob("*.md")
	require.NoError(t, err)
	require.Contains(t, root, "README.md")
	texts := map[string]string{}
	for _, path := range append(paths, root...) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[path] = string(text)
	}
	return texts
}

// anchors returns the anchors that a renderer such as GitHub's makes of a page's headings.
func anchors(page string) []string {
	var all []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N}\s_-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(anchor, " ", "-"))
	}
	return all
}

// testsByPackage returns the names of all tests, by the directory of their package.
func testsByPackage(t *testing.T) map[string][]string {
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	tests := map[string][]string{}
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range function.FindAllStringSubmatch(string(text), -1) {
			tests[filepath.Dir(path)] = append(tests[filepath.Dir(path)], name[1])
		}
		return nil
	}))
	return tests
}
