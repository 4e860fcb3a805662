package config

import (
	"time"

	"cellular/internal/model/mapping"
)

const day = 24 * time.Hour

// Default is what Parse starts from: the one place where a default value stands. The deployment's name, the region and
// the cells have none.
func Default() Config {
	return Config{
		Plane:   PlaneAll,
		Protect: true,
		Router: Router{
			Auth:            Auth{Type: AuthIAM},
			SoftTTL:         30 * time.Second,
			HardTTL:         time.Hour,
			NegativeTTL:     5 * time.Second,
			CacheSize:       10_000,
			RefreshTimeout:  500 * time.Millisecond,
			CellTimeout:     3 * time.Second,
			CounterTimeout:  50 * time.Millisecond,  // an update takes 5 ms
			MinCellTimeout:  250 * time.Millisecond, // DynamoDB takes 5 ms, and some tens of ms for one call in a thousand
			MaxPayloadBytes: 384 << 10,
			Memory:          256,
			Timeout:         10 * time.Second,
			Throttle:        Throttle{Rate: 1000, Burst: 2000},
			TenantLimit:     TenantLimit{Rate: 100, Burst: 200},
			CellLimit:       CellLimit{InFlight: 16, Rate: 200, Burst: 400},
			Breaker:         Breaker{Failures: 3, OpenFor: 5 * time.Second, Probes: 1},
		},
		Functions: Functions{
			Architecture:     "arm64",
			Memory:           256,
			Timeout:          30 * time.Second,
			LogLevel:         "info",
			LogRetentionDays: 30,
			Tracing:          true,
		},
		Pipeline: Pipeline{
			Stream:             Stream{BatchSize: 100, MaxRecordAge: 6 * time.Hour, Parallelization: 1, ConcurrentPublishes: 4},
			InlinePayloadBytes: 64 << 10,
			DataTTL:            35 * day,
			Queue: Queue{
				BatchSize: 10, MaxReceiveCount: 5, MaxConcurrency: 10,
				Retention: 96 * time.Hour, DLQRetention: 336 * time.Hour,
			},
			Consumer: Consumer{
				ConcurrentTenants: 4,
				RecordTimeout:     5 * time.Second, RetryBackoffBase: 2 * time.Second, RetryBackoffMax: 5 * time.Minute,
				ResultTTL: 90 * day,
			},
		},
	}
}

// DefaultCell is what a cell's entry starts from.
func DefaultCell() Cell { return Cell{Tier: mapping.TierStandard, MaxTenants: 100} }
