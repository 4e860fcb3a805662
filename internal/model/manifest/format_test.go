package manifest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/testkit/formattest"
)

// Each document has one file for each set of fields that it ever had. The files of v1 are in camelCase, with a cell's durations
// in seconds; the router's before execution-arn, a cell's before data-ttl and the control plane's before audit-table lack fields that came later.
func TestTheFormatsOfTheManifestsAreKept(t *testing.T) {
	unnamed := edge
	unnamed.ExecutionARN = ""
	earlier := unnamed
	earlier.ThrottleRate = 0
	unaudited := controlPlane
	unaudited.AuditTable = ""
	silent := unaudited
	silent.AlarmTopicARN = ""
	keeping := alpha
	keeping.Settings.DataTTL = 0
	for _, kind := range []struct {
		name  string
		file  string // what is written today
		write func() (string, error)
		parse func(string) (any, error)
		want  map[string]any
	}{
		{"cell", "data-ttl", alpha.JSON, func(s string) (any, error) { return manifest.Parse(s) },
			map[string]any{"cell-v1/manifest": keeping, "cell-v2/manifest": keeping, "cell-v2/data-ttl": alpha}},
		{"control-plane", "audit-table", controlPlane.JSON, func(s string) (any, error) { return manifest.ParseControlPlane(s) },
			map[string]any{"control-plane-v1/manifest": silent, "control-plane-v2/manifest": silent, "control-plane-v2/alarm-topic": unaudited,
				"control-plane-v2/audit-table": controlPlane}},
		{"router", "execution-arn", edge.JSON, func(s string) (any, error) { return manifest.ParseRouter(s) },
			map[string]any{"router-v1/manifest": earlier, "router-v1/throttle-rate": unnamed, "router-v2/manifest": unnamed,
				"router-v2/execution-arn": edge}},
	} {
		text, err := kind.write()
		require.NoError(t, err)
		formattest.WritesDocument(t, "testdata/"+kind.name+"-v2/"+kind.file+".json", text)
		documents := formattest.Documents(t, "testdata/"+kind.name+"-v*")
		require.Len(t, documents, len(kind.want))
		for file, want := range kind.want {
			path := "testdata/" + file + ".json"
			for _, text := range append(formattest.NewerDocuments(t, documents[path]), documents[path]) {
				got, err := kind.parse(text)
				require.NoError(t, err, path)
				require.Equal(t, want, got, path)
			}
		}
	}
}

// A field that has both names counts as it is named today.
func TestTheNameOfTodayGoesBeforeTheOlderOne(t *testing.T) {
	text, err := controlPlane.JSON()
	require.NoError(t, err)
	for _, both := range []string{`{"moveTable":"older",` + text[1:], text[:len(text)-1] + `,"moveTable":"older"}`} {
		got, err := manifest.ParseControlPlane(both)
		require.NoError(t, err)
		require.Equal(t, controlPlane, got)
	}
}
