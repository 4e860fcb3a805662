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
		{`id: is "Alpha", want 2 to 20`, func(a *cell.Args) { a.ID = "Alpha" }},
		{`id: is not set`, func(a *cell.Args) { a.ID = "" }},
		{`wave: is -1, want a whole number from 0 to 99`, func(a *cell.Args) { a.Wave = -1 }},
		{`tier: is "gold", want one of standard, dedicated`, func(a *cell.Args) { a.Tier = "gold" }},
		{`maxTenants: is 0, want a whole number from 1 to`, func(a *cell.Args) { a.MaxTenants = 0 }},
		{`deployment: is "", want letters`, func(a *cell.Args) { a.Stack = "" }},
		{`is 65 characters long, AWS allows 64`, func(a *cell.Args) { a.Stack = "a-stack-whose-name-is-really-rather-long" }},
		{`RouterRoleARN: is nil`, func(a *cell.Args) { a.RouterRoleARN = nil }},
		{`AlarmTopicARN: is nil, want the ARN of the topic that the alarms tell`, func(a *cell.Args) { a.AlarmTopicARN = nil }},
		{`RouterHealth: is nil, want the name of the router's composite alarm`, func(a *cell.Args) { a.RouterHealth = nil }},
		{`alarms.period: is 10s while protect is true, want whole minutes`, func(a *cell.Args) { a.Alarms.Period = 10 * time.Second }},
		{`alarms.cell.breakerOpens.datapoints: is 6, want at most 5, the number of periods`, func(a *cell.Args) { a.Alarms.Cell.BreakerOpens.Datapoints = 6 }},
		{`Code.Producer: is ""`, func(a *cell.Args) { a.Code.Producer = "" }},
		{`Code.Consumer: is "bootstrap", want the path of a zip`, func(a *cell.Args) { a.Code.Consumer = "bootstrap" }},
		{`functions.architecture: is "amd64", want one of arm64, x86_64`, func(a *cell.Args) { a.Functions.Architecture = "amd64" }},
		{`functions.timeout: is 30.5s, want a duration in whole seconds from 1s to 15m`, func(a *cell.Args) { a.Functions.Timeout += 500 * time.Millisecond }},
		{`pipeline.stream.maxRecordAge: is 24h, want a duration in whole seconds from 1m to 23h`, func(a *cell.Args) { a.Pipeline.Stream.MaxRecordAge = 24 * time.Hour }},
		{`pipeline.queue.batchSize: is 11, want at most 10, or a batchWindow`, func(a *cell.Args) { a.Pipeline.Queue.BatchSize, a.Pipeline.Queue.BatchWindow = 11, 0 }},
		{`pipeline.queue.retention: is 25m, want more than the 40m20s`, func(a *cell.Args) { a.Pipeline.Queue.Retention = 25 * time.Minute }},
		{`pipeline.consumer.recordTimeout: is 29s, want at least 2s less than the functions' timeout of 30s`, func(a *cell.Args) { a.Pipeline.Consumer.RecordTimeout = a.Functions.Timeout - time.Second }},
		{`pipeline.dataTTL: is 774h, want more than the 774h`, func(a *cell.Args) { a.Pipeline.DataTTL = 774 * time.Hour }},
		{`pipeline.consumer.resultTTL: is 840h, want more than the dataTTL of 840h`, func(a *cell.Args) { a.Pipeline.Consumer.ResultTTL = 840 * time.Hour }},
		{`pipeline.consumerReservedConcurrency: is 11, want 0 or at least the queue's maxConcurrency of 12`, func(a *cell.Args) { a.Pipeline.ConsumerReservedConcurrency = 11 }},
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
		"deployment", "id", "tier", "maxTenants", "RouterRoleARN", "AlarmTopicARN", "RouterHealth", "alarms.period", "Code.Producer", "Code.Consumer",
		"functions.architecture", "functions.memory", "functions.timeout", "functions.logLevel", "functions.logRetentionDays",
		"pipeline.stream.batchSize", "pipeline.stream.maxRecordAge", "pipeline.stream.parallelization", "pipeline.inlinePayloadBytes", "pipeline.dataTTL",
		"pipeline.queue.batchSize", "pipeline.queue.maxReceiveCount", "pipeline.queue.maxConcurrency", "pipeline.queue.retention",
		"pipeline.queue.dlqRetention", "pipeline.consumer.recordTimeout", "pipeline.consumer.retryBackoff.max", "pipeline.consumer.resultTTL",
	} {
		require.ErrorContains(t, err, field+": is")
	}
	require.EqualError(t, (*cell.Args)(nil).Validate(), "no arguments")
}

func TestAProtectedCellRefusesFaultInjection(t *testing.T) {
	args := validArgs()
	args.Functions.FaultInjection = true
	require.EqualError(t, args.Validate(), "functions.faultInjection: is true while protect is true, want false: faults are for throw-away stacks")
	args.Protect = false
	require.NoError(t, args.Validate())
}
