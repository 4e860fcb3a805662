package stack

import (
	"time"

	"cellular/cell"
	"cellular/functions"
	"cellular/internal/mapping"
	"cellular/internal/naming"
	"cellular/router"
)

// Config is the stack's configuration: parsed, complete and consistent. Only Parse makes one.
type Config struct {
	// Deployment is what physical names start with: the stack's name, or cellular:deployment where one deployment is
	// split into several stacks.
	Deployment naming.Stack
	Region     string
	Profile    string // of the AWS credentials; "" takes what the environment gives
	Plane      Plane
	Protect    bool // deletion protection, PITR and Pulumi's protect on whatever holds state

	Cells     []Cell // sorted by id
	Router    router.Settings
	Functions cell.Functions // of a cell; the router's take what they share, and Router.Memory and Router.Timeout
	Pipeline  cell.Pipeline
}

// Plane says which part of the deployment the stack holds.
type Plane string

// A deployment is one stack of PlaneAll, or one of PlaneGlobal and any number of PlaneCells that share no cell.
const (
	PlaneAll    Plane = "all"
	PlaneGlobal Plane = "global" // the control plane and the router
	PlaneCells  Plane = "cells"  // the cells that the stack lists
)

func (p Plane) hasGlobal() bool { return p != PlaneCells }
func (p Plane) hasCells() bool  { return p != PlaneGlobal }

// Cell is one cell's declared parameters: all in which it differs from the other cells.
type Cell struct {
	ID         string
	Wave       int    // release wave
	Tier       string // mapping.TierStandard or mapping.TierDedicated, which takes only tenants that are pinned to it
	MaxTenants int    // the cap that placement honours
}

// visibilityTimeout is how long a received message stays hidden: six times the function's timeout and the batch
// window, which is what AWS recommends so that a batch that was throttled is not delivered again while it still waits.
func (c Config) visibilityTimeout() time.Duration {
	return 6*c.Functions.Timeout + c.Pipeline.Queue.BatchWindow
}

// defaults is what Parse starts from: the one place where a default value stands. The deployment's name, the region
// and the cells have none.
func defaults() Config {
	return Config{
		Plane:   PlaneAll,
		Protect: true,
		Router: router.Settings{
			Auth:            router.Auth{Type: router.AuthIAM},
			SoftTTL:         30 * time.Second,
			HardTTL:         time.Hour,
			NegativeTTL:     5 * time.Second,
			CacheSize:       10_000,
			RefreshTimeout:  500 * time.Millisecond,
			CellTimeout:     3 * time.Second,
			MaxPayloadBytes: 384 << 10,
			Memory:          256,
			Timeout:         10 * time.Second,
			Throttle:        router.Throttle{Rate: 1000, Burst: 2000},
			TenantLimit:     router.TenantLimit{Rate: 100, Burst: 200},
			CellLimit:       router.CellLimit{InFlight: 16, Rate: 200, Burst: 400},
			Breaker:         router.Breaker{Failures: 3, OpenFor: 5 * time.Second, Probes: 1},
		},
		Functions: cell.Functions{
			Architecture:     functions.ARM64,
			Memory:           256,
			Timeout:          30 * time.Second,
			LogLevel:         "info",
			LogRetentionDays: 30,
			Tracing:          true,
		},
		Pipeline: cell.Pipeline{
			Stream:             cell.Stream{BatchSize: 100, Retries: 5, MaxRecordAge: 6 * time.Hour, Parallelization: 1},
			InlinePayloadBytes: 64 << 10,
			Queue: cell.Queue{
				BatchSize: 10, MaxReceiveCount: 5, MaxConcurrency: 10,
				Retention: 96 * time.Hour, DLQRetention: 336 * time.Hour,
			},
			Consumer: cell.Consumer{
				RecordTimeout: 5 * time.Second, RetryBackoffBase: 2 * time.Second, RetryBackoffMax: 5 * time.Minute,
				ResultTTL: 90 * day,
			},
		},
	}
}

const day = 24 * time.Hour

// defaultCell is what a cell's entry starts from.
func defaultCell() Cell { return Cell{Tier: mapping.TierStandard, MaxTenants: 100} }
