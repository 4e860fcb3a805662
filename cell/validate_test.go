package cell_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cell"
)

func TestValidArgumentsPass(t *testing.T) {
	require.NoError(t, validArgs().Validate())
}

func TestValidateNamesTheFieldTheValueAndWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct {
		want   string
		change func(*cell.Args)
	}{
		{`ID is "Alpha", want 2 to 20`, func(a *cell.Args) { a.ID = "Alpha" }},
		{`ID is "a", want 2 to 20`, func(a *cell.Args) { a.ID = "a" }},
		{`Wave is -1, want 0 to`, func(a *cell.Args) { a.Wave = -1 }},
		{`Tier is "gold", want one of [standard dedicated]`, func(a *cell.Args) { a.Tier = "gold" }},
		{`MaxTenants is 0, want 1 to`, func(a *cell.Args) { a.MaxTenants = 0 }},
		{`Stack is empty`, func(a *cell.Args) { a.Stack = "" }},
		{`is 65 characters long, AWS allows 64`, func(a *cell.Args) { a.Stack = "a-stack-whose-name-is-really-rather-long" }},
		{`RouterRoleARN is nil`, func(a *cell.Args) { a.RouterRoleARN = nil }},
		{`Code.Producer is ""`, func(a *cell.Args) { a.Code.Producer = "" }},
		{`Code.Consumer is "bootstrap", want the path of a zip`, func(a *cell.Args) { a.Code.Consumer = "bootstrap" }},
		{`Functions.Architecture is "amd64", want one of [arm64 x86_64]`, func(a *cell.Args) { a.Functions.Architecture = "amd64" }},
		{`Functions.Memory is 127, want 128 to 10240`, func(a *cell.Args) { a.Functions.Memory = 127 }},
		{`Functions.Timeout is 15m1s, want 1s to 15m0s`, func(a *cell.Args) { a.Functions.Timeout = 15*time.Minute + time.Second }},
		{`Functions.Timeout is 30.5s, want whole seconds`, func(a *cell.Args) { a.Functions.Timeout += 500 * time.Millisecond }},
		{`Functions.LogLevel is "INFO"`, func(a *cell.Args) { a.Functions.LogLevel = "INFO" }},
		{`Functions.LogRetentionDays is 0`, func(a *cell.Args) { a.Functions.LogRetentionDays = 0 }},
		{`Stream.BatchSize is 10001, want 1 to 10000`, func(a *cell.Args) { a.Pipeline.Stream.BatchSize = 10_001 }},
		{`Stream.BatchWindow is 5m1s`, func(a *cell.Args) { a.Pipeline.Stream.BatchWindow = 301 * time.Second }},
		{`Stream.Retries is -1, want 0`, func(a *cell.Args) { a.Pipeline.Stream.Retries = -1 }},
		{`Stream.MaxRecordAge is 24h0m0s, want 1m0s to 23h59m59s`, func(a *cell.Args) { a.Pipeline.Stream.MaxRecordAge = 24 * time.Hour }},
		{`Stream.Parallelization is 11, want 1 to 10`, func(a *cell.Args) { a.Pipeline.Stream.Parallelization = 11 }},
		{`InlinePayloadBytes is 262144`, func(a *cell.Args) { a.Pipeline.InlinePayloadBytes = 256 << 10 }},
		{`Queue.BatchSize is 11, want at most 10, or a BatchWindow`, func(a *cell.Args) { a.Pipeline.Queue.BatchSize, a.Pipeline.Queue.BatchWindow = 11, 0 }},
		{`Queue.MaxReceiveCount is 4, want 5 to 1000`, func(a *cell.Args) { a.Pipeline.Queue.MaxReceiveCount = 4 }},
		{`Queue.MaxConcurrency is 1, want 2 to 1000`, func(a *cell.Args) { a.Pipeline.Queue.MaxConcurrency = 1 }},
		{`Queue.Retention is 25m0s, want more than the 25m0s`, func(a *cell.Args) { a.Pipeline.Queue.Retention = 25 * time.Minute }},
		{`Queue.DLQRetention is 96h0m0s, want more than Retention`, func(a *cell.Args) { a.Pipeline.Queue.DLQRetention = a.Pipeline.Queue.Retention }},
		{`Queue.DLQRetention is 336h0m1s, want 1m0s to 336h0m0s`, func(a *cell.Args) { a.Pipeline.Queue.DLQRetention += time.Second }},
		{`Consumer.RecordTimeout is 29s, want at least 2s less than Functions.Timeout, 30s`, func(a *cell.Args) { a.Pipeline.Consumer.RecordTimeout = a.Functions.Timeout - time.Second }},
		{`Consumer.RetryBackoffBase is 6m0s, want at most RetryBackoffMax, 5m0s`, func(a *cell.Args) { a.Pipeline.Consumer.RetryBackoffBase = 6 * time.Minute }},
		{`Consumer.RetryBackoffMax is 13h0m0s`, func(a *cell.Args) { a.Pipeline.Consumer.RetryBackoffMax = 13 * time.Hour }},
		{`Consumer.ResultTTL is 432h0m0s, want more than Retention and DLQRetention`, func(a *cell.Args) { a.Pipeline.Consumer.ResultTTL = 432 * time.Hour }},
		{`ProducerReservedConcurrency is -1`, func(a *cell.Args) { a.Pipeline.ProducerReservedConcurrency = -1 }},
		{`ConsumerReservedConcurrency is 11, want 0 or at least Queue.MaxConcurrency, 12`, func(a *cell.Args) { a.Pipeline.ConsumerReservedConcurrency = 11 }},
	} {
		args := validArgs()
		tc.change(args)
		err := args.Validate()
		require.ErrorContains(t, err, tc.want)
	}
}

func TestValidateReportsEveryProblemAtOnce(t *testing.T) {
	err := (&cell.Args{}).Validate()
	for _, field := range []string{
		"ID", "Tier", "MaxTenants", "Stack", "RouterRoleARN", "Code.Producer", "Code.Consumer",
		"Functions.Architecture", "Functions.Memory", "Functions.Timeout", "Functions.LogLevel", "Functions.LogRetentionDays",
		"Pipeline.Stream.BatchSize", "Pipeline.Stream.MaxRecordAge", "Pipeline.Stream.Parallelization", "Pipeline.InlinePayloadBytes",
		"Pipeline.Queue.BatchSize", "Pipeline.Queue.MaxReceiveCount", "Pipeline.Queue.MaxConcurrency", "Pipeline.Queue.Retention",
		"Pipeline.Queue.DLQRetention", "Pipeline.Consumer.RecordTimeout", "Pipeline.Consumer.RetryBackoffMax", "Pipeline.Consumer.ResultTTL",
	} {
		require.ErrorContains(t, err, field+" is")
	}
	require.EqualError(t, (*cell.Args)(nil).Validate(), "no arguments")
}
