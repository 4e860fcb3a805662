package manifest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
)

var (
	controlPlane = manifest.ControlPlane{MappingTable: "m", CellTable: "c", MoveTable: "mo", AlarmTopicARN: "t", AuditTable: "a"}
	edge         = manifest.Router{
		URL: "https://u", Function: "f", Role: "r", Auth: "iam",
		SoftTTL: manifest.Duration(30 * time.Second), HardTTL: manifest.Duration(time.Hour),
		RefreshTimeout: manifest.Duration(500 * time.Millisecond), CellTimeout: manifest.Duration(3 * time.Second),
		ThrottleRate: 1000, ExecutionARN: "e",
	}
)

func TestTheControlPlanesManifestSurvivesTheDocument(t *testing.T) {
	text, err := controlPlane.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"mapping_table":"m","cell_table":"c","move_table":"mo","alarm_topic_arn":"t","audit_table":"a"}`, text)
	got, err := manifest.ParseControlPlane(strings.Replace(text, "{", `{"newer":1,`, 1))
	require.NoError(t, err)
	require.Equal(t, controlPlane, got)
}

func TestTheRoutersManifestSurvivesTheDocument(t *testing.T) {
	text, err := edge.JSON()
	require.NoError(t, err)
	require.Equal(t, `{"url":"https://u","function":"f","role":"r","auth":"iam",`+
		`"soft_ttl":"30s","hard_ttl":"1h0m0s","refresh_timeout":"500ms","cell_timeout":"3s","throttle_rate":1000,"execution_arn":"e"}`, text)
	got, err := manifest.ParseRouter(strings.Replace(text, "{", `{"newer":1,`, 1))
	require.NoError(t, err)
	require.Equal(t, edge, got)
}

func TestTheGlobalPlanesMissingFieldsAreReportedInOrder(t *testing.T) {
	_, err := manifest.ParseControlPlane(`{"cell_table":"c"}`)
	require.EqualError(t, err, `read the manifest of the control plane: mapping_table is missing
read the manifest of the control plane: move_table is missing`)
	_, err = manifest.ParseRouter(`{"soft_ttl":"1s","hard_ttl":"0s","role":"r"}`)
	require.EqualError(t, err, `read the manifest of the router: url is missing
read the manifest of the router: function is missing
read the manifest of the router: auth is missing
read the manifest of the router: hard_ttl is missing
read the manifest of the router: refresh_timeout is missing
read the manifest of the router: cell_timeout is missing`)
}

func TestWhatIsNoDocumentOfTheGlobalPlaneIsRefused(t *testing.T) {
	_, err := manifest.ParseControlPlane(`{"mapping_table":`)
	require.ErrorContains(t, err, "read the manifest of the control plane: ")
	for _, ttl := range []string{`"an hour"`, "1.5", "true"} {
		_, err = manifest.ParseRouter(`{"hard_ttl":` + ttl + `}`)
		require.ErrorContains(t, err, "read the manifest of the router: ", ttl)
	}
}
