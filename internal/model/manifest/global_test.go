package manifest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
)

var (
	controlPlane = manifest.ControlPlane{MappingTable: "m", CellTable: "c", MoveTable: "mo"}
	edge         = manifest.Router{
		URL: "https://u", Function: "f", Role: "r", Auth: "iam",
		SoftTTL: manifest.Duration(30 * time.Second), HardTTL: manifest.Duration(time.Hour),
		RefreshTimeout: manifest.Duration(500 * time.Millisecond), CellTimeout: manifest.Duration(3 * time.Second),
		ThrottleRate: 1000,
	}
)

func TestTheControlPlanesManifestSurvivesTheDocument(t *testing.T) {
	text, err := controlPlane.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"mappingTable":"m","cellTable":"c","moveTable":"mo"}`, text)
	got, err := manifest.ParseControlPlane(strings.Replace(text, "{", `{"newer":1,`, 1))
	require.NoError(t, err)
	require.Equal(t, controlPlane, got)
}

func TestTheRoutersManifestSurvivesTheDocument(t *testing.T) {
	text, err := edge.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"url":"https://u","function":"f","role":"r","auth":"iam",`+
		`"softTTL":"30s","hardTTL":"1h0m0s","refreshTimeout":"500ms","cellTimeout":"3s","throttleRate":1000}`, text)
	got, err := manifest.ParseRouter(strings.Replace(text, "{", `{"newer":1,`, 1))
	require.NoError(t, err)
	require.Equal(t, edge, got)
}

func TestTheGlobalPlanesMissingFieldsAreReportedInOrder(t *testing.T) {
	_, err := manifest.ParseControlPlane(`{"cellTable":"c"}`)
	require.EqualError(t, err, `read the manifest of the control plane: mappingTable is missing
read the manifest of the control plane: moveTable is missing`)
	_, err = manifest.ParseRouter(`{"softTTL":"1s","hardTTL":"0s","role":"r"}`)
	require.EqualError(t, err, `read the manifest of the router: url is missing
read the manifest of the router: function is missing
read the manifest of the router: auth is missing
read the manifest of the router: hardTTL is missing
read the manifest of the router: refreshTimeout is missing
read the manifest of the router: cellTimeout is missing`)
}

func TestWhatIsNoDocumentOfTheGlobalPlaneIsRefused(t *testing.T) {
	_, err := manifest.ParseControlPlane(`{"mappingTable":`)
	require.ErrorContains(t, err, "read the manifest of the control plane: ")
	for _, ttl := range []string{`"an hour"`, "3600"} {
		_, err = manifest.ParseRouter(`{"hardTTL":` + ttl + `}`)
		require.ErrorContains(t, err, "read the manifest of the router: ", ttl)
	}
}
