package edge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/model/env"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/guard"
	"cellular/internal/runtime/mappingcache"
	"cellular/internal/runtime/telemetry"
)

// idleConnection is how long a connection is kept unused. It is shorter than the SDK's 90 s so that a process that
// Lambda froze for a while does not send its next request into a connection that DynamoDB has closed meanwhile; Go goes
// by the wall clock here, which counts the freeze.
const idleConnection = 20 * time.Second

// FromEnvironment returns the handler that the Lambda function runs, configured by the variables that package env
// names. It writes its records to out. Its error names everything that is wrong with the variables.
func FromEnvironment(ctx context.Context, vars *env.Reader, out io.Writer) (*Handler, error) {
	tables := Tables{DataPrefix: vars.String(env.DataTablePrefix), ResultsPrefix: vars.String(env.ResultsTablePrefix)}
	counters := CounterTables{Prefix: vars.String(env.CountersTablePrefix)}
	mappingTable := vars.String(env.MappingTable)
	cache := mappingcache.Config{
		Size:        vars.Int(env.CacheSize, 1),
		SoftTTL:     vars.Duration(env.CacheSoftTTL),
		HardTTL:     vars.Duration(env.CacheHardTTL),
		NegativeTTL: vars.Duration(env.CacheNegativeTTL),
		ReadTimeout: vars.Duration(env.RefreshTimeout),
	}
	bounds := Config{
		Auth:            readAuth(vars),
		DataTTL:         vars.Duration(env.DataTTL),
		MaxPayloadBytes: vars.Int(env.MaxPayloadBytes, 1),
		TenantLimit:     guard.Limit{Rate: vars.Int(env.TenantRate, 1), Burst: vars.Int(env.TenantBurst, 1)},
		CounterTimeout:  vars.Duration(env.CounterTimeout),
		Tenants:         cache.Size, // as many tenants as the router remembers the place of
		Cell: guard.CellConfig{
			InFlight: vars.Int(env.CellInFlight, 1),
			Timeout:  guard.Timeout{Min: vars.Duration(env.MinCellTimeout), Max: vars.Duration(env.CellTimeout)},
			Limit:    guard.Limit{Rate: vars.Int(env.CellRate, 1), Burst: vars.Int(env.CellBurst, 1)},
			Breaker: guard.BreakerConfig{
				Failures: vars.Int(env.BreakerFailures, 1),
				OpenFor:  vars.Duration(env.BreakerOpenFor),
				Probes:   vars.Int(env.BreakerProbes, 1),
			},
		},
	}
	records := telemetry.NewRecords(out, vars.String(env.MetricsNamespace), vars.Level(env.LogLevel)).
		ByVersion(vars.String(env.FunctionVersion), byVersion...)
	if err := vars.Err(); err != nil {
		return nil, err
	}
	client, err := newClient(ctx)
	if err != nil {
		return nil, err
	}
	directory, err := mappingcache.New(mapping.NewStore(client, mappingTable), cache)
	if err != nil {
		return nil, err
	}
	tables.Client, counters.Client = client, client
	bounds.Counters = counters
	return New(directory, tables, bounds, records)
}

func readAuth(vars *env.Reader) Auth {
	auth := Auth{Type: vars.OneOf(env.AuthType, env.AuthIAM, env.AuthJWT, env.AuthNone)}
	if auth.Type == env.AuthJWT {
		auth.TenantClaim = vars.String(env.TenantClaim)
	}
	return auth
}

// newClient returns the one client of the process, for the mapping table and for every cell. It tries a call once: the
// router decides itself what is tried again (see Handler.inCell), and a read of the mapping has the stale answer to fall
// back on.
//
// The client has no limit on its connections. All tables are behind one host, so the connections that calls into one
// hanging cell hold would be missing to the others; what bounds them is the cap on the calls into each cell.
func newClient(ctx context.Context) (*dynamodb.Client, error) {
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.IdleConnTimeout = idleConnection
		t.MaxConnsPerHost = 0
	})
	c, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(transport),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	return dynamodb.NewFromConfig(c), nil
}
