package runtime_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// units are those that the methods of telemetry.Record give to a metric.
var units = map[string]string{"Count": "Count", "Counts": "Count", "Gauge": "None", "Latency": "Milliseconds"}

// source is what a package's code says, as far as telemetry is concerned.
type source struct {
	metrics  map[string]string // unit by name
	messages []string
}

// read parses the package in a directory. A metric's name is a literal, or what a function of the package returns.
func read(t *testing.T, dir string) source {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	returns := map[string][]string{} // literals by the function's name
	var calls []*ast.CallExpr
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					calls = append(calls, n)
				case *ast.ReturnStmt:
					for _, r := range n.Results {
						if text, ok := literal(r); ok {
							returns[f.Name.Name] = append(returns[f.Name.Name], text)
						}
					}
				}
				return true
			})
		}
	}
	s := source{metrics: map[string]string{}}
	for _, call := range calls {
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || len(call.Args) == 0 {
			continue
		}
		if unit := units[method.Sel.Name]; unit != "" {
			for _, name := range namesOf(t, call.Args[0], returns) {
				s.metrics[name] = unit
			}
		}
		if at, ok := map[string]int{"LogAttrs": 2, "warn": 2, "refused": 1, "logRecord": 1, "Error": 0}[method.Sel.Name]; ok && at < len(call.Args) {
			if text, ok := literal(call.Args[at]); ok {
				s.messages = append(s.messages, text)
			}
		}
	}
	return s
}

func namesOf(t *testing.T, arg ast.Expr, returns map[string][]string) []string {
	t.Helper()
	if text, ok := literal(arg); ok {
		return []string{text}
	}
	call, ok := arg.(*ast.CallExpr)
	require.True(t, ok, "a metric's name is neither a literal nor what a function returns")
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	require.NotEmpty(t, returns[name], "%s returns no literal", name)
	return returns[name]
}

func literal(e ast.Expr) (string, bool) {
	basic, ok := e.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

// writers are the packages that write metrics.
var writers = map[string]string{"router": "edge", "producer": "producer", "consumer": "consumer", "probe": "probe"}

// whole are the metrics that never count for a cell, by who writes them.
var whole = map[string][]string{"router": {"requests_5xx_unrouted"}, "probe": {"probe_rounds", "probe_unsent", "moves_stalled"}}

// TestTheTelemetryPageHasEveryMetric holds docs/telemetry.md to the code: each metric that a function can write is there, with its
// unit and who writes it, and no other; and the totals of the table of prices.
func TestTheTelemetryPageHasEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/telemetry.md")
	require.NoError(t, err)
	got := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\| (Count|None|Milliseconds) \\| ([a-z, ]+) \\|").FindAllStringSubmatch(string(text), -1) {
		require.NotContains(t, got, row[1])
		got[row[1]] = row[2] + " of " + row[3]
	}
	want := map[string]string{}
	router, cell := 0, map[string]bool{}
	for _, function := range slices.Sorted(maps.Keys(writers)) {
		for name, unit := range read(t, writers[function]).metrics {
			if by, ok := want[name]; ok {
				want[name] = by + ", " + function
			} else {
				want[name] = unit + " of " + function
			}
			if function == "router" {
				router++
			}
			cell[name] = true
		}
	}
	for name, by := range got {
		unit, functions, _ := strings.Cut(by, " of ")
		got[name] = unit + " of " + strings.Join(slices.Sorted(slices.Values(strings.Split(functions, ", "))), ", ")
	}
	require.Equal(t, want, got)
	for _, names := range whole {
		for _, name := range names {
			require.Contains(t, cell, name)
			delete(cell, name)
		}
	}
	probe := len(whole["probe"])
	require.Contains(t, string(text), fmt.Sprintf("| the standing probe as a whole | %d | %.2f |", probe, 0.3*float64(probe)))
	require.Contains(t, string(text), fmt.Sprintf("| the router as a whole, at most | %d | %.2f |", router, 0.3*float64(router)))
	require.Regexp(t, fmt.Sprintf(`(?m)^\| a cell, at most: .* \| %d \| %.2f \|$`, len(cell), 0.3*float64(len(cell))), string(text))
}

// TestTheTelemetryPageHasEveryMessage is the same of the lines' messages.
func TestTheTelemetryPageHasEveryMessage(t *testing.T) {
	text, err := os.ReadFile("../../docs/telemetry.md")
	require.NoError(t, err)
	var want []string
	for _, dir := range []string{"producer", "consumer", "probe", "../../functions/router", "../../functions/producer", "../../functions/consumer", "../../functions/probe"} {
		want = append(want, read(t, dir).messages...)
	}
	require.GreaterOrEqual(t, len(want), 15)
	for _, message := range slices.Compact(slices.Sorted(slices.Values(want))) {
		require.Contains(t, string(text), "`"+message+"`")
	}
}
