package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The names that internal/model/ledger owns: its constants, and those of their values that are no everyday words.
var (
	ledgerConstants = []string{"AppliedKey", "TrialPrefix"} // and all that begin with Attr
	ledgerLiterals  = []string{
		"status", "failed_by", "applied_at", "waiting", "event_key", "trials", "resends", "fenced_tenant", "floor", "peer_cell", "removed_below", "reason_text",
		"#", "#owner#", "#trial#", "#applied", "#attempts#",
	}
)

// schema are the files that say what the table is made of, and what they name for that.
var schema = map[string][]string{
	"cell/tables.go":                     {"AttrWaiting", "AttrExpiresAt"},
	"internal/operator/health/tables.go": {"AttrExpiresAt"},
}

// TestLedger_AloneNamesItsAttributesAndKeys covers all code but tests and what tests alone import: whoever wants to know what became of an event,
// or to write it, asks the ledger, so that a change of a key or an attribute is a change of one package.
func TestLedger_AloneNamesItsAttributesAndKeys(t *testing.T) {
	const owner = "internal/model/ledger"
	uses := 0
	for _, room := range []string{"app", "cell", "cmd", "internal", "local/demo"} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				within(path, owner) || within(path, "internal/testkit") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			usesTables := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
				return strings.Contains(i.Path.Value, "service/dynamodb") || strings.Contains(i.Path.Value, "operator/tenantdata")
			})
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if from, ok := n.X.(*ast.Ident); ok && from.Name == "ledger" {
						uses++
						named := strings.HasPrefix(n.Sel.Name, "Attr") || slices.Contains(ledgerConstants, n.Sel.Name)
						assert.False(t, named && !slices.Contains(schema[path], n.Sel.Name), "%s: ledger.%s: let %s do it", set.Position(n.Pos()), n.Sel.Name, owner)
					}
				case *ast.BasicLit:
					if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && usesTables {
						assert.NotContains(t, ledgerLiterals, text, "%s: let %s do it", set.Position(n.Pos()), owner)
					}
				}
				return true
			})
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, uses, 100)
}
