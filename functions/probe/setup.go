package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"cellular/internal/model/env"
	"cellular/internal/model/openwork"
	cellprobe "cellular/internal/model/probe"
	"cellular/internal/runtime/probe"
	"cellular/internal/runtime/telemetry"
)

// newRounds makes the rounds that the environment describes. Their metrics go to out.
func newRounds(ctx context.Context, vars *env.Reader, out io.Writer) (*probe.Rounds, error) {
	url, manifests := vars.String(env.APIURL), vars.String(env.CellParameters)
	mappings, moves := vars.String(env.MappingTable), vars.String(env.MoveTable)
	hardTTL, patience := vars.Duration(env.CacheHardTTL), vars.Duration(env.ProbePatience)
	interval, level := vars.Duration(env.ProbeInterval), vars.Level(env.LogLevel)
	namespace := vars.String(env.MetricsNamespace)
	if err := vars.Err(); err != nil {
		return nil, err
	}
	logger := telemetry.Logger(level)
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(telemetry.SDK(logger)))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	tables := dynamodb.NewFromConfig(cfg)
	return probe.New(probe.Options{
		Cells:    probe.Manifests{SSM: ssm.NewFromConfig(cfg), Path: manifests},
		Places:   probe.MappingTable{DynamoDB: tables, Name: mappings},
		Prober:   cellprobe.Prober{URL: url, HTTP: newHTTP(), Sign: cellprobe.NewSigner(cfg.Credentials, cfg.Region), Patience: patience},
		Work:     openwork.Counter{DynamoDB: tables, Table: moves, HardTTL: hardTTL, Pages: probe.OpenPages},
		Interval: interval,
		Records:  telemetry.NewRecords(out, namespace, level),
		Logger:   logger,
	}), nil
}

const (
	// idleConnections are those that a round keeps for its next requests. A thousand cells that are well have fewer under way at
	// a time; those of cells that hang are not idle, and are not bounded.
	idleConnections = 100

	// idleTime is shorter than the time for which API Gateway keeps a connection, and than an interval: a process that was frozen
	// between two rounds does not send its first request into a connection that is gone.
	idleTime = 20 * time.Second
)

// newHTTP makes the client of the router. It has no timeout of its own: each cell's patience is its.
func newHTTP() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.IdleConnTimeout = idleConnections, idleTime
	return &http.Client{Transport: transport}
}
