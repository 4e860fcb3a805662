package main

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/bench/internal/floor"
	"cellular/internal/model/env"
	"cellular/internal/runtime/edge"
	"cellular/internal/runtime/guard"
	"cellular/internal/runtime/mappingcache"
	"cellular/internal/runtime/telemetry"
)

// measureAllocations compares what one request costs in the router's own code and in the floor's. The runtime client's
// decoding of the event and encoding of the answer is in it; the SDK and the network are not.
func measureAllocations(ctx context.Context, h *harness) ([]row, error) {
	routerHandler, err := newRouterHandler()
	if err != nil {
		return nil, err
	}
	var router, least benchmarked
	err = interleave(ctx, pick(h, 11, 1),
		func() error { return router.measure(h, benchmarkHandler(ctx, routerHandler)) },
		func() error { return least.measure(h, benchmarkHandler(ctx, newFloorHandler())) },
	)
	if err != nil {
		return nil, err
	}
	const against = "floor"
	return []row{
		newRow("request in process: time", nanoseconds, router.time, against, least.time, nil),
		newRow("request in process: bytes allocated", byteSize, router.bytes, against, least.bytes, nil),
		newRow("request in process: allocations", count, router.allocations, against, least.allocations, nil).
			noted("From the event's JSON to the answer's, in front of a store in memory that does nothing: without the SDK, the network and the Runtime API. The router's log line goes nowhere but is made."),
	}, nil
}

func newRouterHandler() (lambda.Handler, error) {
	cache, err := mappingcache.New(everyTenant{}, mappingcache.Config{
		Size: 10_000, SoftTTL: 30 * time.Second, HardTTL: time.Hour, NegativeTTL: 5 * time.Second, ReadTimeout: time.Second,
	})
	if err != nil {
		return nil, err
	}
	cells := edge.Tables{Client: emptyStore{}, DataPrefix: names.DataTablePrefix(), ResultsPrefix: names.ResultsTablePrefix()}
	limit := guard.Limit{Rate: 1_000_000, Burst: 1_000_000} // nothing is shed
	router, err := edge.New(cache, cells, edge.Config{
		Auth: edge.Auth{Type: env.AuthIAM}, DataTTL: 840 * time.Hour, MaxPayloadBytes: 384 << 10,
		TenantLimit: limit, Tenants: 10_000,
		Cell: guard.CellConfig{
			InFlight: 16, Limit: limit, Timeout: guard.Timeout{Min: 250 * time.Millisecond, Max: 3 * time.Second},
			Breaker: guard.BreakerConfig{Failures: 3, OpenFor: 5 * time.Second, Probes: 1},
		},
	}, telemetry.NewRecords(io.Discard, names.MetricsNamespace(), slog.LevelInfo))
	if err != nil {
		return nil, err
	}
	return lambda.NewHandler(router), nil
}

func newFloorHandler() lambda.Handler {
	return lambda.NewHandler(floor.Handler{Client: emptyStore{}, Table: "floor"}.Handle)
}

func benchmarkHandler(ctx context.Context, handler lambda.Handler) func(*testing.B) {
	requests := submissions(tenantCount)
	return func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			answer, err := handler.Invoke(ctx, requests[i%len(requests)])
			if err != nil || !accepted(answer) {
				b.Fatalf("the answer is no 202: %s, %v", answer, err)
			}
		}
	}
}

// emptyStore is a DynamoDB that has no item and keeps none.
type emptyStore struct{}

func (emptyStore) PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	return &dynamodb.PutItemOutput{}, nil
}

func (emptyStore) DeleteItem(context.Context, *dynamodb.DeleteItemInput, ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	return &dynamodb.DeleteItemOutput{}, nil
}

func (emptyStore) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	return &dynamodb.GetItemOutput{}, nil
}
