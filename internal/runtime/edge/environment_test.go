package edge_test

import (
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/internal/model/env"
	"cellular/internal/runtime/edge"
	"cellular/internal/testkit/configtest"
)

func variables(changes map[string]string) *env.Reader {
	all := map[string]string{
		env.MappingTable: mappingTable, env.DataTablePrefix: dataPrefix, env.ResultsTablePrefix: resultsPrefix,
		env.CountersTablePrefix: countersPrefix, env.CacheSize: "10", env.CacheSoftTTL: "30s", env.CacheHardTTL: "1h", env.CacheNegativeTTL: "5s",
		env.RefreshTimeout: "500ms", env.CellTimeout: "3s", env.CounterTimeout: "50ms", env.MinCellTimeout: "250ms", env.DataTTL: "840h", env.MaxPayloadBytes: "1024",
		env.AuthType: env.AuthNone, env.MetricsNamespace: "Cellular/dev", env.LogLevel: "info", env.FunctionVersion: "7", env.TenantRate: "1000", env.TenantBurst: "1000",
		env.CellInFlight: "10", env.CellRate: "1000", env.CellBurst: "1000",
		env.BreakerFailures: "2", env.BreakerOpenFor: "5s", env.BreakerProbes: "1",
	}
	maps.Copy(all, changes)
	return &env.Reader{Lookup: func(name string) (string, bool) {
		v, ok := all[name]
		return v, ok
	}}
}

func fromEnvironment(t *testing.T, changes map[string]string) (*edge.Handler, error) {
	t.Helper()
	return edge.FromEnvironment(t.Context(), variables(changes), io.Discard)
}

func TestFromEnvironmentNamesEverythingThatIsWrong(t *testing.T) {
	_, err := fromEnvironment(t, map[string]string{
		env.MappingTable: "", env.CacheSize: "0", env.CellTimeout: "3", env.AuthType: "basic", env.TenantRate: "0", env.BreakerProbes: "", env.LogLevel: "INFO",
	})
	for _, want := range []string{
		"MAPPING_TABLE is not set", "CACHE_SIZE", "CELL_TIMEOUT", `AUTH_TYPE is "basic", want one of iam, jwt, none`, "TENANT_RATE", "BREAKER_PROBES is not set", `LOG_LEVEL is "INFO", want one of debug, info, warn, error`,
	} {
		require.ErrorContains(t, err, want)
	}

	_, err = fromEnvironment(t, map[string]string{env.CacheHardTTL: "1s"})
	require.ErrorContains(t, err, "hard TTL is 1s, want at least the soft TTL of 30s")

	_, err = fromEnvironment(t, map[string]string{env.AuthType: env.AuthJWT})
	require.EqualError(t, err, "environment variable TENANT_CLAIM is not set")
	_, err = fromEnvironment(t, map[string]string{env.AuthType: ""})
	require.EqualError(t, err, "environment variable AUTH_TYPE is not set", "a router without it is not open")
}

// While a release is put back, this code runs for some seconds with the environment of the release before.
func TestFromEnvironment_StartsWithoutALogLevel(t *testing.T) {
	_, err := fromEnvironment(t, map[string]string{env.LogLevel: ""})
	require.NoError(t, err)
}

// dynamodb is a server that speaks enough of the protocol for one tenant in cell alpha, and can be broken.
type dynamodb struct {
	calls, broken, hung atomic.Int64
}

func respond(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.Itoa(int(crc32.ChecksumIEEE([]byte(body)))))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func startDynamoDB(t *testing.T) *dynamodb {
	t.Helper()
	d := &dynamodb{}
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), mappingTable):
			respond(w, http.StatusOK, `{"Item":{"tenant_id":{"S":"acme"},"cell_id":{"S":"alpha"},"epoch":{"N":"1"},"state":{"S":"active"},`+
				`"tier":{"S":"standard"},"updated_at":{"S":"2026-02-03T04:05:06.000Z"}}}`)
		case d.hung.Load() > 0:
			select {
			case <-r.Context().Done():
			case <-done:
			}
		case d.broken.Add(-1) >= 0:
			respond(w, http.StatusInternalServerError, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"sorry"}`)
		default:
			respond(w, http.StatusOK, `{}`)
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(done) })
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_MAX_ATTEMPTS": "5", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none",
	} {
		t.Setenv(name, value)
	}
	return d
}

// The deployed router has one layer of retries, its own: the SDK makes each call once.
func TestTheDeployedRouterReachesItsTablesAndRetriesOnce(t *testing.T) {
	d := startDynamoDB(t)
	router, err := fromEnvironment(t, nil)
	require.NoError(t, err)
	send := func(status int, calls int64) {
		t.Helper()
		d.calls.Store(0)
		response, err := router.Handle(t.Context(), received(t, post(t, order)))
		require.NoError(t, err)
		require.Equal(t, status, response.StatusCode, response.Body)
		require.Equal(t, calls, d.calls.Load())
	}
	send(http.StatusAccepted, 2)
	d.broken.Store(1)
	send(http.StatusAccepted, 2)
	d.broken.Store(1 << 20)
	send(http.StatusServiceUnavailable, 2)
	send(http.StatusServiceUnavailable, 2)
	send(http.StatusServiceUnavailable, 0) // the breaker is open
}

func TestADeployedRouterGivesUpOnACellThatHangs(t *testing.T) {
	d := startDynamoDB(t)
	router, err := fromEnvironment(t, map[string]string{env.CellTimeout: "20ms"})
	require.NoError(t, err)
	d.hung.Store(1)
	for _, calls := range []int64{2, 3, 3} {
		response, err := router.Handle(t.Context(), received(t, post(t, order)))
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, response.Body)
		require.Equal(t, calls, d.calls.Load(), "a call that ran out of time is not made again, and counts for the breaker")
	}
}

// A configuration that is accepted is one that the function starts with: their bounds must not differ the wrong way.
func TestFromEnvironment_TakesWhatTheConfigurationAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configtest.Accepted().Draw(t, "config")
		variables := c.RouterEnvironment()
		variables[env.FunctionVersion] = "$LATEST" // which Lambda sets
		reader := &env.Reader{Lookup: func(name string) (string, bool) { v, ok := variables[name]; return v, ok }}
		_, err := edge.FromEnvironment(t.Context(), reader, io.Discard)
		require.NoError(t, err)
	})
}
