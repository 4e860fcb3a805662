package health

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"cellular/internal/model/manifest"
)

// Functions is the part of Lambda's client that is needed.
type Functions interface {
	GetFunction(context.Context, *lambda.GetFunctionInput, ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error)
	ListEventSourceMappings(context.Context, *lambda.ListEventSourceMappingsInput, ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error)
	GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error)
}

const (
	functionCheck = "function"
	mappingCheck  = "event source mapping"
)

// router examines what is in front of the cells.
func (d Doctor) router(ctx context.Context, p published) []Finding {
	if p.router == nil {
		return nil
	}
	return append(d.function(ctx, p.router.Function, func(*look, *lambda.GetFunctionOutput) {}), d.rolePolicies(ctx, p)...)
}

func (d Doctor) cellFunctions(ctx context.Context, c manifest.Cell) []Finding {
	as := func(reserved int) func(*look, *lambda.GetFunctionOutput) {
		return func(l *look, out *lambda.GetFunctionOutput) {
			f, s := out.Configuration, c.Settings
			if len(f.Architectures) > 0 {
				same(l, "its architecture", f.Architectures[0], types.Architecture(s.Architecture))
			}
			same(l, "its memory in MB", int(aws.ToInt32(f.MemorySize)), s.FunctionMemory)
			same(l, "its timeout in seconds", int(aws.ToInt32(f.Timeout)), seconds(s.FunctionTimeout))
			l.reserved(out.Concurrency, reserved)
		}
	}
	return append(
		d.function(ctx, c.Producer, as(c.Settings.ProducerReservedConcurrency)),
		d.function(ctx, c.Consumer, as(c.Settings.ConsumerReservedConcurrency))...,
	)
}

func (d Doctor) function(ctx context.Context, name string, examine func(*look, *lambda.GetFunctionOutput)) []Finding {
	l := d.look(functionCheck, name)
	out, err := d.Lambda.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name})
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	f := out.Configuration
	switch f.State {
	case types.StateActive:
	case types.StateInactive:
		l.add(Warn, "the next event wakes it", "it is Inactive: it was idle for long, and its next event waits for it")
	default:
		l.fail("it is %s: %s", f.State, aws.ToString(f.StateReason))
	}
	if f.LastUpdateStatus == types.LastUpdateStatusFailed {
		l.fail("its last update failed: %s", aws.ToString(f.LastUpdateStatusReason))
	}
	if f.State == types.StateActive && out.Concurrency != nil && aws.ToInt32(out.Concurrency.ReservedConcurrentExecutions) == 0 &&
		out.Concurrency.ReservedConcurrentExecutions != nil {
		l.fail("its reserved concurrency is 0: it is switched off")
		return l.findings
	}
	examine(l, out)
	return l.end("active, as it should be")
}

// reserved compares reserved concurrency; 0 is none.
func (l *look) reserved(is *types.Concurrency, want int) {
	got := 0
	if is != nil {
		got = int(aws.ToInt32(is.ReservedConcurrentExecutions))
	}
	same(l, "its reserved concurrency (0 is none)", got, want)
}

func (d Doctor) cellMappings(ctx context.Context, known mappingsOf, c manifest.Cell) []Finding {
	s := c.Settings
	return append(
		d.mapping(known, c.Producer, "--kind stream --cell "+c.ID, func(l *look, m types.EventSourceMappingConfiguration) {
			d.readsTheStream(ctx, l, c, m)
			same(l, "its batch size", aws.ToInt32(m.BatchSize), int32(s.StreamBatchSize))
			same(l, "its maximum of retries", aws.ToInt32(m.MaximumRetryAttempts), int32(s.StreamRetries))
			same(l, "its maximum record age in seconds", aws.ToInt32(m.MaximumRecordAgeInSeconds), int32(seconds(s.StreamMaxRecordAge)))
			same(l, "its parallelization factor", aws.ToInt32(m.ParallelizationFactor), int32(s.StreamParallelization))
			same(l, "bisecting on errors", aws.ToBool(m.BisectBatchOnFunctionError), true)
			same(l, "its on-failure destination", onFailure(m.DestinationConfig), siblingARN(c.QueueARN, c.StreamDLQURL))
			same(l, "its starting position", m.StartingPosition, types.EventSourcePositionTrimHorizon)
		}),
		d.mapping(known, c.Consumer, "--cell "+c.ID, func(l *look, m types.EventSourceMappingConfiguration) {
			same(l, "its source", aws.ToString(m.EventSourceArn), c.QueueARN)
			same(l, "its batch size", aws.ToInt32(m.BatchSize), int32(s.QueueBatchSize))
			concurrency := int32(0)
			if m.ScalingConfig != nil {
				concurrency = aws.ToInt32(m.ScalingConfig.MaximumConcurrency)
			}
			same(l, "its maximum concurrency", concurrency, int32(s.QueueMaxConcurrency))
		})...,
	)
}

// readsTheStream examines whether a mapping reads the stream that the table has now. A table that was restored, or whose
// stream was switched off and on, has another one, and the mapping reads nothing any more.
func (d Doctor) readsTheStream(ctx context.Context, l *look, c manifest.Cell, m types.EventSourceMappingConfiguration) {
	out, err := d.DynamoDB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &c.DataTable})
	if err != nil {
		return // the table's own check says so
	}
	same(l, "its source", aws.ToString(m.EventSourceArn), aws.ToString(out.Table.LatestStreamArn))
}

// mapping examines the one mapping that feeds a function. letters are the flags of 'cellctl dlq list' for what the function has
// given up on.
func (d Doctor) mapping(known mappingsOf, function, letters string, examine func(*look, types.EventSourceMappingConfiguration)) []Finding {
	l := d.look(mappingCheck, function)
	all, err := known.function[function], known.err
	switch {
	case err != nil:
		l.unseen(err)
		return l.findings
	case len(all) == 0:
		l.fail("nothing feeds the function: events wait until they expire")
		return l.findings
	case len(all) > 1:
		l.fail("%d mappings feed the function, want 1", len(all))
	}
	for _, m := range all {
		l.state(m, letters)
		examine(l, m)
		same(l, "reporting of single failed records", slices.Contains(m.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures), true)
	}
	return l.end("enabled, set as it should be")
}

func (l *look) state(m types.EventSourceMappingConfiguration, letters string) {
	switch state := aws.ToString(m.State); state {
	case "Enabled":
	case "Creating", "Enabling", "Updating":
		l.add(Warn, "wait until it is enabled", "it is %s", state)
	default:
		l.add(Fail, "if it was stopped on purpose, go on with 'aws lambda update-event-source-mapping --enabled --uuid "+aws.ToString(m.UUID)+"'",
			"it is %s: events wait until they expire", state)
	}
	if problem, ok := strings.CutPrefix(aws.ToString(m.LastProcessingResult), "PROBLEM: "); ok {
		l.add(Warn, "events that fail are tried again: the function's log says why, and 'cellctl dlq list "+letters+"' shows those that were given up on; where no event fails, see the function's role",
			"its last poll had a problem: %s", problem)
	}
}

// mappingsOf are the event source mappings by the names of their functions, or why they could not be listed.
type mappingsOf struct {
	function map[string][]types.EventSourceMappingConfiguration
	err      error
}

// mappings lists all of the Region, a hundred a call: to ask for those of each function would take a call for each.
func (d Doctor) mappings(ctx context.Context) mappingsOf {
	of := mappingsOf{function: map[string][]types.EventSourceMappingConfiguration{}}
	in := &lambda.ListEventSourceMappingsInput{}
	for {
		page, err := d.Lambda.ListEventSourceMappings(ctx, in)
		if err != nil {
			return mappingsOf{err: err}
		}
		for _, m := range page.EventSourceMappings {
			name := functionName(aws.ToString(m.FunctionArn))
			of.function[name] = append(of.function[name], m)
		}
		if aws.ToString(page.NextMarker) == "" {
			return of
		}
		in.Marker = page.NextMarker
	}
}

// functionName is the name in a function's ARN, which may end with a version or an alias.
func functionName(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 6 {
		return parts[6]
	}
	return arn
}

func onFailure(c *types.DestinationConfig) string {
	if c == nil || c.OnFailure == nil {
		return ""
	}
	return aws.ToString(c.OnFailure.Destination)
}
