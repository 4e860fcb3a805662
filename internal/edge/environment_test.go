package edge_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/edge"
	"cellular/internal/env"
)

func variables(changes map[string]string) *env.Reader {
	all := map[string]string{
		env.MappingTable: mappingTable, env.DataTablePrefix: dataPrefix, env.ResultsTablePrefix: resultsPrefix,
		env.CacheSize: "10", env.CacheSoftTTL: "30s", env.CacheHardTTL: "1h", env.CacheNegativeTTL: "5s",
		env.RefreshTimeout: "500ms", env.CellTimeout: "3s", env.MaxPayloadBytes: "1024",
	}
	maps.Copy(all, changes)
	return &env.Reader{Lookup: func(name string) (string, bool) {
		v, ok := all[name]
		return v, ok
	}}
}

func TestFromEnvironmentNamesEverythingThatIsWrong(t *testing.T) {
	_, err := edge.FromEnvironment(t.Context(), variables(map[string]string{
		env.MappingTable: "", env.CacheSize: "0", env.CellTimeout: "3",
	}), discard())
	require.ErrorContains(t, err, "MAPPING_TABLE is not set")
	require.ErrorContains(t, err, "CACHE_SIZE")
	require.ErrorContains(t, err, "CELL_TIMEOUT")

	_, err = edge.FromEnvironment(t.Context(), variables(map[string]string{env.CacheHardTTL: "1s"}), discard())
	require.ErrorContains(t, err, "hard TTL is 1s, want at least the soft TTL of 30s")
}

// The deployed router has one layer of retries, the client's: a call into AWS is made once, whatever it ends in.
func TestTheDeployedRouterReachesItsTablesAndTriesOnce(t *testing.T) {
	var calls, broken atomic.Int64
	dynamodb := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch target := r.Header.Get("X-Amz-Target"); {
		case broken.Load() > 0:
			w.WriteHeader(http.StatusInternalServerError)
		case strings.HasSuffix(target, "GetItem"):
			_, _ = w.Write([]byte(`{"Item":{"tenant_id":{"S":"acme"},"cell_id":{"S":"alpha"},"epoch":{"N":"1"},"state":{"S":"active"},` +
				`"tier":{"S":"standard"},"updated_at":{"S":"2026-02-03T04:05:06.000Z"}}}`))
		default:
			_, _ = w.Write([]byte(`{}`))
		}
	}))
	defer dynamodb.Close()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": dynamodb.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_MAX_ATTEMPTS": "5", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none",
	} {
		t.Setenv(name, value)
	}
	router, err := edge.FromEnvironment(t.Context(), variables(nil), discard())
	require.NoError(t, err)

	response, err := router.Handle(t.Context(), post(t, order))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, response.StatusCode, response.Body)
	require.EqualValues(t, 2, calls.Load())

	broken.Store(1)
	response, err = router.Handle(t.Context(), post(t, order))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.EqualValues(t, 3, calls.Load())
}
