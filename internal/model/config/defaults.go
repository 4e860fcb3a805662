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
		// A cell that is out is seen within two or three minutes, which is what tenants' own requests take to show it. An event takes
		// less than a second, and some seconds with cold starts in three functions, or behind a backlog of seconds.
		Probe:  Probe{Enabled: true, Interval: time.Minute, Patience: 20 * time.Second, Memory: 256},
		Alarms: defaultAlarms(),
	}
}

// defaultAlarms page a person within minutes of what harms tenants and does not mend itself, and for nothing else. No data is
// no breach, but of the probe's rounds: CloudWatch has none of a queue that is empty and left alone for six hours, of a function that is not
// invoked, and of failures that there were none of.
func defaultAlarms() Alarms {
	var (
		// One is enough, since nobody else mends it. Whoever looks at letters hides them for 5 min, which is no mend.
		letters = Window{Datapoints: 1, Periods: 6, Missing: MissingNotBreaching}
		// What is lost is seen in one period. An alarm of one period may be over before its page, which waits for the suppressor, is
		// sent: so it fires for an hour.
		lost       = Window{Datapoints: 1, Periods: 60, Missing: MissingNotBreaching}
		fast       = Window{Datapoints: 2, Periods: 3, Missing: MissingNotBreaching} // clients feel it: one bad minute passes, two are an outage
		persistent = Window{Datapoints: 3, Periods: 3, Missing: MissingNotBreaching} // an age rises by itself: three minutes say that it does not fall
		repeated   = Window{Datapoints: 3, Periods: 5, Missing: MissingNotBreaching} // each is retried: one cold start that fails, or one crash, is no fault
	)
	// One letter in a DLQ is an event that was answered with 202 and is not applied.
	dlq := CountAlarm{Threshold: 0, Window: letters}
	return Alarms{
		Period: time.Minute, // AWS's services report each minute
		Cell: CellAlarms{
			StreamDLQ: dlq, SubscriptionDLQ: dlq, ConsumerDLQ: dlq,
			// The longest that a failed message is hidden for (retryBackoff.max), and more than the visibility timeout of 3 min for
			// which a crash hides a batch: up to there a message is retried as it should be.
			OldestMessage: AgeAlarm{Threshold: 5 * time.Minute, Window: persistent},
			// The stream is read within a second. A record that kills the producer is given up after some 5 min of tries; what lasts
			// longer is a topic that fails. It leaves hours until records are given up for their age (maxRecordAge, 6 h).
			IteratorAge: AgeAlarm{Threshold: 5 * time.Minute, Window: persistent},
			// These are in no DLQ: Lambda could not write to it.
			DroppedEvents:  CountAlarm{Threshold: 0, Window: lost},
			ProducerErrors: CountAlarm{Threshold: 0, Window: repeated}, ConsumerErrors: CountAlarm{Threshold: 0, Window: repeated},
			// The account's concurrency or a reservation is used up. A throttled receive counts towards maxReceiveCount.
			ProducerThrottles: CountAlarm{Threshold: 0, Window: repeated}, ConsumerThrottles: CountAlarm{Threshold: 0, Window: repeated},
			// An event takes less than a second, and some seconds with a cold start or a retry. With fewer than 100 a period the
			// percentile is the one slowest, such as one that was retried; ages tell of those cells.
			AcceptedToApplied: LatencyAlarm{Threshold: time.Minute, MinSamples: 100, Window: persistent},
			// A cell that is out makes it all of them; a client's own mistakes are 4xx. With fewer than 20 requests a minute one bad
			// request would be the alarm, so breakerOpens tells of those cells.
			EdgeFailures: ShareAlarm{Threshold: 0.05, MinSamples: 20, Window: fast},
			// Three calls in a row failed in one process. A cell that is out opens breakers again and again.
			BreakerOpens: CountAlarm{Threshold: 0, Window: repeated},
			// The probe sends an event a minute. One that does not get through may have met a restart; two are an outage, though no tenant
			// sends anything.
			Pipeline: AbsenceAlarm{fast},
		},
		Router: RouterAlarms{
			// One sample is enough, for a router of few requests that is out has no other alarm. Three minutes of five are then no
			// single bad request.
			Failures: ShareAlarm{Threshold: 0.05, MinSamples: 1, Window: repeated},
			Errors:   CountAlarm{Threshold: 0, Window: repeated}, Throttles: CountAlarm{Threshold: 0, Window: repeated},
			// Two services count the requests, and logs may come late: then what the function answered itself is missing from the
			// difference at first.
			IntegrationFailures: ShareAlarm{Threshold: 0.05, MinSamples: 1, Window: repeated},
		},
		ControlPlane: ControlPlaneAlarms{
			MappingThrottles: CountAlarm{Threshold: 0, Window: repeated}, MappingErrors: CountAlarm{Threshold: 0, Window: repeated},
			// A read that times out now and then makes a few; a table that is out makes it most requests within a softTTL, and the
			// hardTTL of 1 h is how long there is to mend it.
			StaleAnswers: ShareAlarm{Threshold: 0.05, MinSamples: 20, Window: fast},
			// Of reads there are few: known tenants need one every softTTL. A table that is gone or denied shows here alone.
			RefreshFailures: ShareAlarm{Threshold: 0.1, MinSamples: 1, Window: repeated},
		},
		Probe: ProbeAlarms{
			// The scheduler is up to a minute late, so that a period without a round is none. For want of data this alarm fires.
			Silent: AbsenceAlarm{Window{Datapoints: 3, Periods: 3, Missing: MissingBreaching}},
			Unsent: CountAlarm{Threshold: 0, Window: fast},
			// Who works on a move says so every few seconds; a tenant whose move lies is served as before, or paused.
			StalledMoves: CountAlarm{Threshold: 0, Window: persistent},
		},
	}
}

// DefaultCell is what a cell's entry starts from.
func DefaultCell() Cell { return Cell{Tier: mapping.TierStandard, MaxTenants: 100} }
