package picture_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/dashboard"
	"cellular/internal/model/config"
	"cellular/local/cloudwatch"
	"cellular/local/cloudwatch/api"
	"cellular/local/cloudwatch/picture"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// get returns the page at a path, of a deployment with two cells of which one has letters.
func get(t *testing.T, path string) (int, string) {
	t.Helper()
	m := cloudwatch.NewMetrics()
	cw := api.CloudWatch{
		Metrics: m, Alarms: cloudwatch.NewAlarms(m, "eu-west-1", "123456789012", nil), Dashboards: cloudwatch.NewDashboards("123456789012"),
		Now: func() time.Time { return noon },
	}
	d := dashboard.Deployment{Stack: "prod", Alarms: config.Default().Alarms, Probe: config.Default().Probe, Partition: "aws", Region: "eu-west-1", Account: "123456789012"}
	for name, body := range map[string]func(dashboard.Deployment) (string, error){"prod-fleet": dashboard.Fleet, "prod-cell": dashboard.Cell} {
		text, err := body(d)
		require.NoError(t, err)
		require.NoError(t, cw.Dashboards.Put(name, text, noon))
	}
	for id, letters := range map[string]float64{"alpha": 0, "be<ta": 7} {
		m.Put(cloudwatch.NewMetric("Cellular/prod", "probe_ok", cloudwatch.Dimension{Name: "cell", Value: id}), "None", noon.Add(-time.Minute), 1)
		m.Put(cloudwatch.NewMetric("AWS/SQS", "ApproximateNumberOfMessagesVisible", cloudwatch.Dimension{Name: "QueueName", Value: "prod-processing-queue-dlq-cell-" + id}), "Count", noon.Add(-time.Minute), letters)
	}
	w := httptest.NewRecorder()
	picture.Handler(cw).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestPage_ShowsSeriesThresholdsAndWhyAWidgetIsEmpty(t *testing.T) {
	code, page := get(t, "/prod-fleet")
	require.Equal(t, http.StatusOK, code)
	legend := page[strings.Index(page, "prod-processing-queue-dlq-cell-be&lt;ta"):]
	require.True(t, strings.HasPrefix(legend, "prod-processing-queue-dlq-cell-be&lt;ta <b>7</b>"), "the highest is first, and escaped")
	require.Contains(t, legend, "prod-processing-queue-dlq-cell-alpha <b>0</b>")
	require.NotContains(t, page, "SEARCH(", "a legend has names, not expressions")
	require.Contains(t, page, "alarm: from here in 1 of 6 periods")
	require.Contains(t, page, "No data in this time")
	require.Contains(t, page, "there is no such alarm")
	require.Contains(t, page, "<em>A page</em>")
}

func TestPage_OfOneCellHasAChoice(t *testing.T) {
	_, page := get(t, "/prod-cell")
	require.Contains(t, page, "Alarms of cell alpha", "the first one")
	require.NotContains(t, page, "CELL_ID")
	_, page = get(t, "/prod-cell?cell=be%3Cta")
	require.Contains(t, page, "Alarms of cell be&lt;ta")
	code, page := get(t, "/prod-cell?cell=none")
	require.Equal(t, http.StatusOK, code, page)
}

func TestHandler_StartsWithTheFleetAndKnowsNoOthers(t *testing.T) {
	code, _ := get(t, "/")
	require.Equal(t, http.StatusFound, code)
	code, page := get(t, "/elsewhere")
	require.Equal(t, http.StatusNotFound, code)
	require.Contains(t, page, "there is no dashboard")
}
