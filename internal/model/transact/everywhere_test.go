package transact_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A call that is made past this package has a retry policy of its own, and an error that is read past it a
// classification of its own.
func TestAllWritesAndTheirErrorsGoThroughThisPackage(t *testing.T) {
	direct := regexp.MustCompile(`[.](TransactWriteItems|PutItem|UpdateItem|DeleteItem|BatchWriteItem|BatchGetItem)[(]|` +
		`types[.](TransactionCanceledException|TransactionConflictException|ConditionalCheckFailedException)`)
	// The router makes its writes itself. That of an event has one more attempt within a request's deadline, under the cell's
	// guard; that of a counter has none.
	const router, counters = "internal/runtime/edge/tables.go", "internal/runtime/edge/counters.go"
	// cellctl's clients pass on what others write.
	const passedOn = "cmd/cellctl/watched.go"
	root, files, seen := filepath.Join("..", "..", ".."), 0, map[string]bool{}
	for _, dir := range []string{"cmd", "functions", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && (strings.HasSuffix(path, "test") || filepath.Base(path) == "transact") {
				return fs.SkipDir
			}
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			for n, line := range strings.Split(string(source), "\n") {
				if direct.MatchString(line) {
					seen[filepath.ToSlash(name)] = true
					if slash := filepath.ToSlash(name); slash != router && slash != counters && slash != passedOn {
						t.Errorf("%s:%d: use internal/model/transact: %s", name, n+1, strings.TrimSpace(line))
					}
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, files, 100, "the walk has not found the source")
	require.True(t, seen[router] && seen[counters], "the router writes elsewhere: this test knows nothing of that")
}
