package edge

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/env"
	"cellular/internal/mapping"
)

// idleConnection is how long a connection is kept unused. It is shorter than the SDK's 90 s so that a process that
// Lambda froze for a while does not send its next request into a connection that DynamoDB has closed meanwhile; Go goes
// by the wall clock here, which counts the freeze.
const idleConnection = 20 * time.Second

// FromEnvironment returns the router that the Lambda function runs, configured by the variables that package env
// names. Its error names everything that is wrong with them.
func FromEnvironment(ctx context.Context, vars *env.Reader, logger *slog.Logger) (*Router, error) {
	tables := Tables{DataPrefix: vars.String(env.DataTablePrefix), ResultsPrefix: vars.String(env.ResultsTablePrefix)}
	mappingTable := vars.String(env.MappingTable)
	cache := mapping.CacheConfig{
		Size:        vars.Int(env.CacheSize, 1),
		SoftTTL:     vars.Duration(env.CacheSoftTTL),
		HardTTL:     vars.Duration(env.CacheHardTTL),
		NegativeTTL: vars.Duration(env.CacheNegativeTTL),
		ReadTimeout: vars.Duration(env.RefreshTimeout),
	}
	bounds := Config{CellTimeout: vars.Duration(env.CellTimeout), MaxPayloadBytes: vars.Int(env.MaxPayloadBytes, 1)}
	if err := vars.Err(); err != nil {
		return nil, err
	}
	client, err := newClient(ctx)
	if err != nil {
		return nil, err
	}
	directory, err := mapping.NewCache(mapping.NewStore(client, mappingTable), cache)
	if err != nil {
		return nil, err
	}
	tables.Client = client
	return New(directory, tables, bounds, logger), nil
}

// newClient returns the one client of the process, for the mapping table and for every cell. It tries a call once: the
// mapping's deadline and the cell's timeout then bound one attempt each, and the only retry is the client's, after a 503.
func newClient(ctx context.Context) (*dynamodb.Client, error) {
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.IdleConnTimeout = idleConnection })
	c, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(transport),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	return dynamodb.NewFromConfig(c), nil
}
