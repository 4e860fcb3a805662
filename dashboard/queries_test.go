package dashboard_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/dashboard"
)

var (
	quoted     = regexp.MustCompile(`"[^"]*"`)
	word       = regexp.MustCompile(`@?[A-Za-z_][A-Za-z0-9_.]*`)
	introduced = regexp.MustCompile(`\bas ([a-z_]+)`)
)

// language are the words of the query language that the queries use.
var language = strings.Fields("filter fields sort stats limit by as and in asc desc count max bin ispresent m")

// platform are the fields that every line has, that Logs Insights adds, and those of Lambda's platform.report lines in JSON
// (Lambda developer guide, "Using JSON formatted system logs").
var platform = strings.Fields("@timestamp timestamp level message requestId type record.metrics.initDurationMs")

// TestQueries_NameFieldsThatLinesHave compares with docs/telemetry.md, which the functions' tests hold to the code.
func TestQueries_NameFieldsThatLinesHave(t *testing.T) {
	page, err := os.ReadFile("../docs/telemetry.md")
	require.NoError(t, err)
	lines, _, ok := strings.Cut(string(page), "\n## Metrics")
	require.True(t, ok)
	for _, q := range dashboard.Queries() {
		for _, value := range quoted.FindAllString(q.Text, -1) {
			value = strings.Trim(value, `"`)
			if value != strings.ToUpper(value) && !slices.Contains(platformTypes, value) {
				require.Contains(t, lines, "`"+value+"`", "%s asks for a value that no line has", q.Name)
			}
		}
		text := quoted.ReplaceAllString(q.Text, "")
		known := append(slices.Clone(language), platform...)
		for _, alias := range introduced.FindAllStringSubmatch(text, -1) {
			known = append(known, alias[1])
		}
		for _, field := range word.FindAllString(text, -1) {
			if !slices.Contains(known, field) {
				require.Contains(t, lines, "`"+field+"`", "%s names a field that no line has", q.Name)
			}
		}
	}
}

var platformTypes = []string{"platform.report"}

func TestQueries_HaveDistinctNamesAndEndInABound(t *testing.T) {
	names := map[string]bool{}
	for _, q := range dashboard.Queries() {
		require.False(t, names[q.Name], q.Name)
		names[q.Name] = true
		require.Regexp(t, `^[a-z]+(-[a-z]+)*$`, q.Name)
		require.NotEmpty(t, q.Question)
		require.Regexp(t, `limit \d+|stats `, q.Text, "%s returns all lines", q.Name)
	}
	require.True(t, names["failures"], "the dashboard of a cell names it")
}
