package manifest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/testkit/formattest"
)

// Each document has one file for each set of fields that it ever had; the first lacks those that came later.
func TestTheFormatsOfTheManifestsAreKept(t *testing.T) {
	earlier := edge
	earlier.ThrottleRate = 0
	for _, kind := range []struct {
		name  string
		write func() (string, error)
		parse func(string) (any, error)
		today string
		want  map[string]any
	}{
		{"cell", alpha.JSON, func(s string) (any, error) { return manifest.Parse(s) }, "manifest", map[string]any{"manifest": alpha}},
		{"control-plane", controlPlane.JSON, func(s string) (any, error) { return manifest.ParseControlPlane(s) }, "manifest", map[string]any{"manifest": controlPlane}},
		{"router", edge.JSON, func(s string) (any, error) { return manifest.ParseRouter(s) }, "throttle-rate",
			map[string]any{"manifest": earlier, "throttle-rate": edge}},
	} {
		text, err := kind.write()
		require.NoError(t, err)
		formattest.WritesDocument(t, "testdata/"+kind.name+"-v1/"+kind.today+".json", text)
		for path, kept := range formattest.Documents(t, "testdata/"+kind.name+"-v*") {
			for _, text := range append(formattest.NewerDocuments(t, kept), kept) {
				got, err := kind.parse(text)
				require.NoError(t, err, path)
				require.Equal(t, kind.want[strings.TrimSuffix(filepath.Base(path), ".json")], got, path)
			}
		}
	}
}
