package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/require"

	"cellular/local/awsapi"
	"cellular/local/lambda"
	"cellular/local/lambda/api"
)

// room is a local Lambda that runs nothing.
type room struct {
	functions map[string]lambda.Function
	mappings  []lambda.Mapping
	result    lambda.Result
	err       error // of Invoke
}

func (r *room) GetFunction(_ context.Context, name string) (lambda.Function, error) {
	if f, ok := r.functions[name]; ok {
		return f, nil
	}
	return lambda.Function{}, fmt.Errorf("get function %s: function %w", name, lambda.ErrNotFound)
}

func (r *room) Functions() []lambda.Function {
	var all []lambda.Function
	for _, f := range r.functions {
		all = append(all, f)
	}
	return all
}

func (r *room) GetMapping(_ context.Context, id string) (lambda.Mapping, error) {
	for _, m := range r.mappings {
		if m.UUID == id {
			return m, nil
		}
	}
	return lambda.Mapping{}, fmt.Errorf("get event source mapping %s: %w", id, lambda.ErrNotFound)
}

func (r *room) Mappings() []lambda.Mapping { return append([]lambda.Mapping(nil), r.mappings...) }

func (r *room) Invoke(context.Context, string, []byte) (lambda.Result, error) { return r.result, r.err }

const functionARN = "arn:aws:lambda:us-east-1:123456789012:function:"

func function(name string, reserved int) lambda.Function {
	return lambda.Function{
		Config: lambda.FunctionConfig{
			Name: name, Role: "arn:aws:iam::123456789012:role/worker", Handler: "bootstrap", Runtime: "provided.al2023",
			Architecture: lambda.ARM64, Timeout: 30 * time.Second, MemoryMB: 256, Env: map[string]string{"CELL_ID": "alpha"},
			ReservedConcurrency: reserved, LogGroup: "/aws/lambda/" + name, LogFormat: "JSON", LogLevel: "INFO", SystemLogLevel: "WARN",
			Tracing: "Active", Tags: map[string]string{"Cell": "alpha"},
		},
		ARN: functionARN + name, Version: "$LATEST", LastModified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), CodeSHA256: "hash", CodeSize: 10,
	}
}

// serve returns the SDK's own client of what is served.
func serve(t *testing.T, functions api.Functions) *awslambda.Client {
	return serveTo(t, functions, nil)
}

func serveTo(t *testing.T, functions api.Functions, authorize api.Authorize) *awslambda.Client {
	server, err := api.Serve(functions, awsapi.Secrets{"local": "secret"}.Key, authorize)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return awslambda.New(awslambda.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("local", "secret", ""), Retryer: aws.NopRetryer{},
	})
}

func TestAFunctionReadsAsOnAWS(t *testing.T) {
	client := serve(t, &room{functions: map[string]lambda.Function{"producer": function("producer", 5), "router": function("router", -1)}})
	f, err := client.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("producer")})
	require.NoError(t, err)
	require.EqualValues(t, 5, *f.Concurrency.ReservedConcurrentExecutions)
	require.Equal(t, map[string]string{"Cell": "alpha"}, f.Tags)
	c := f.Configuration
	require.Equal(t, functionARN+"producer", *c.FunctionArn)
	require.Equal(t, types.StateActive, c.State)
	require.Equal(t, types.LastUpdateStatusSuccessful, c.LastUpdateStatus)
	require.Equal(t, []types.Architecture{types.ArchitectureArm64}, c.Architectures)
	require.EqualValues(t, 256, *c.MemorySize)
	require.EqualValues(t, 30, *c.Timeout)
	require.Equal(t, types.RuntimeProvidedal2023, c.Runtime)
	require.Equal(t, "2026-01-02T03:04:05.000+0000", *c.LastModified)
	require.Equal(t, "alpha", c.Environment.Variables["CELL_ID"])
	require.Equal(t, types.ApplicationLogLevelInfo, c.LoggingConfig.ApplicationLogLevel)

	configuration, err := client.GetFunctionConfiguration(t.Context(), &awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("router")})
	require.NoError(t, err)
	require.Equal(t, "router", *configuration.FunctionName)

	for name, want := range map[string]*int32{"producer": aws.Int32(5), "router": nil} {
		concurrency, err := client.GetFunctionConcurrency(t.Context(), &awslambda.GetFunctionConcurrencyInput{FunctionName: &name})
		require.NoError(t, err)
		require.Equal(t, want, concurrency.ReservedConcurrentExecutions)
	}
}

func TestWhatIsNotThereIsLambdasOwnError(t *testing.T) {
	client := serve(t, &room{functions: map[string]lambda.Function{"router": function("router", -1)}})
	var absent *types.ResourceNotFoundException
	_, err := client.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("producer")})
	require.ErrorAs(t, err, &absent)
	_, err = client.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("router"), Qualifier: aws.String("live")})
	require.ErrorAs(t, err, &absent)
	_, err = client.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: aws.String("none")})
	require.ErrorAs(t, err, &absent)
	_, err = client.ListEventSourceMappings(t.Context(), &awslambda.ListEventSourceMappingsInput{FunctionName: aws.String("producer")})
	require.ErrorAs(t, err, &absent)
	_, err = client.Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("producer")})
	require.ErrorAs(t, err, &absent)
}

func TestWhoMaySeeAFunctionIsToldThatItIsNotThere(t *testing.T) {
	client := serveTo(t, &room{functions: map[string]lambda.Function{"router": function("router", -1)}}, func(_, _, resource string) error {
		if resource != functionARN+"producer" {
			return fmt.Errorf("not authorized on %s", resource)
		}
		return nil
	})
	_, err := client.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: aws.String("producer")})
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
	for _, other := range []string{"router", "consumer"} {
		_, err := client.GetFunction(t.Context(), &awslambda.GetFunctionInput{FunctionName: &other})
		require.ErrorContains(t, err, "AccessDeniedException", other)
	}
}

func TestMappingsReadAsOnAWS(t *testing.T) {
	stream := lambda.Mapping{
		UUID: "1", ARN: "arn:1", FunctionARN: functionARN + "producer", State: "Enabled", LastModified: time.Unix(1700000000, 0), LastProcessingResult: "OK",
		Config: lambda.MappingConfig{
			EventSourceARN: "arn:stream", Enabled: true, BatchSize: 100, BatchWindow: time.Second, StartingPosition: "TRIM_HORIZON",
			Filters: []string{`{"eventName":["INSERT"]}`}, ReportBatchItemFailures: true, BisectOnError: true, MaxRetries: 5,
			MaxRecordAge: 6 * time.Hour, Parallelization: 2, OnFailureARN: "arn:dlq",
		},
	}
	queue := lambda.Mapping{
		UUID: "2", FunctionARN: functionARN + "consumer", State: "Disabled",
		Config: lambda.MappingConfig{EventSourceARN: "arn:queue", BatchSize: 10, MaxConcurrency: 10, CountEvents: true},
	}
	client := serve(t, &room{mappings: []lambda.Mapping{queue, stream}})

	s, err := client.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: aws.String("1")})
	require.NoError(t, err)
	require.Equal(t, "Enabled", *s.State)
	require.EqualValues(t, 100, *s.BatchSize)
	require.EqualValues(t, 1, *s.MaximumBatchingWindowInSeconds)
	require.True(t, *s.BisectBatchOnFunctionError)
	require.EqualValues(t, 5, *s.MaximumRetryAttempts)
	require.EqualValues(t, 21600, *s.MaximumRecordAgeInSeconds)
	require.EqualValues(t, 2, *s.ParallelizationFactor)
	require.Equal(t, "arn:dlq", *s.DestinationConfig.OnFailure.Destination)
	require.Equal(t, `{"eventName":["INSERT"]}`, *s.FilterCriteria.Filters[0].Pattern)
	require.Equal(t, []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}, s.FunctionResponseTypes)
	require.Equal(t, types.EventSourcePositionTrimHorizon, s.StartingPosition)
	require.Equal(t, int64(1700000000), s.LastModified.Unix())
	require.Nil(t, s.ScalingConfig)

	q, err := client.GetEventSourceMapping(t.Context(), &awslambda.GetEventSourceMappingInput{UUID: aws.String("2")})
	require.NoError(t, err)
	require.EqualValues(t, 10, *q.ScalingConfig.MaximumConcurrency)
	require.Equal(t, []types.EventSourceMappingMetric{types.EventSourceMappingMetricEventCount}, q.MetricsConfig.Metrics)
	require.Nil(t, q.MaximumRetryAttempts)
	require.Nil(t, q.DestinationConfig)
}

func TestMappingsAreListedByFunctionBySourceAndInPages(t *testing.T) {
	r := &room{functions: map[string]lambda.Function{"producer": function("producer", -1)}}
	for i := range 250 {
		name := []string{"producer", "consumer"}[i%2]
		r.mappings = append(r.mappings, lambda.Mapping{
			UUID: fmt.Sprintf("%03d", (i*7)%250), FunctionARN: functionARN + name,
			Config: lambda.MappingConfig{EventSourceARN: fmt.Sprintf("arn:%d", i%10)},
		})
	}
	client := serve(t, r)
	count := func(in *awslambda.ListEventSourceMappingsInput) (total, pages int) {
		seen := map[string]bool{}
		p := awslambda.NewListEventSourceMappingsPaginator(client, in)
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			require.NoError(t, err)
			for _, m := range page.EventSourceMappings {
				require.False(t, seen[*m.UUID], "%s comes twice", *m.UUID)
				seen[*m.UUID] = true
			}
			pages++
		}
		return len(seen), pages
	}
	total, pages := count(&awslambda.ListEventSourceMappingsInput{})
	require.Equal(t, 250, total)
	require.Equal(t, 3, pages)
	total, pages = count(&awslambda.ListEventSourceMappingsInput{MaxItems: aws.Int32(50)})
	require.Equal(t, 250, total)
	require.Equal(t, 5, pages)
	total, _ = count(&awslambda.ListEventSourceMappingsInput{FunctionName: aws.String("producer")})
	require.Equal(t, 125, total)
	total, _ = count(&awslambda.ListEventSourceMappingsInput{EventSourceArn: aws.String("arn:3")})
	require.Equal(t, 25, total)
	total, _ = count(&awslambda.ListEventSourceMappingsInput{FunctionName: aws.String("producer"), EventSourceArn: aws.String("arn:3")})
	require.Zero(t, total, "sources of odd numbers are the consumer's")

	var wrong *types.InvalidParameterValueException
	_, err := client.ListEventSourceMappings(t.Context(), &awslambda.ListEventSourceMappingsInput{MaxItems: aws.Int32(0)})
	require.ErrorAs(t, err, &wrong)
}

func TestReservedConcurrencyLeavesLessToTheOthers(t *testing.T) {
	client := serve(t, &room{functions: map[string]lambda.Function{"a": function("a", 100), "b": function("b", 0), "c": function("c", -1)}})
	s, err := client.GetAccountSettings(t.Context(), &awslambda.GetAccountSettingsInput{})
	require.NoError(t, err)
	require.EqualValues(t, 1000, s.AccountLimit.ConcurrentExecutions)
	require.EqualValues(t, 900, *s.AccountLimit.UnreservedConcurrentExecutions)
	require.EqualValues(t, 3, s.AccountUsage.FunctionCount)
}

func TestAnInvocationThatLambdaRefusesHasItsNameOfAWS(t *testing.T) {
	r := &room{functions: map[string]lambda.Function{"router": function("router", -1)}}
	client := serve(t, r)
	invoke := func(in awslambda.InvokeInput) error {
		in.FunctionName = aws.String("router")
		_, err := client.Invoke(t.Context(), &in)
		return err
	}
	r.err = fmt.Errorf("invoke: %w", lambda.ErrThrottled)
	var throttled *types.TooManyRequestsException
	require.ErrorAs(t, invoke(awslambda.InvokeInput{}), &throttled)
	r.err = nil

	var content *types.InvalidRequestContentException
	require.ErrorAs(t, invoke(awslambda.InvokeInput{Payload: []byte("{")}), &content)
	var large *types.RequestTooLargeException
	require.ErrorAs(t, invoke(awslambda.InvokeInput{Payload: make([]byte, 6<<20+1)}), &large)
	var wrong *types.InvalidParameterValueException
	require.ErrorAs(t, invoke(awslambda.InvokeInput{InvocationType: types.InvocationTypeEvent}), &wrong)
	require.ErrorAs(t, invoke(awslambda.InvokeInput{LogType: types.LogTypeTail}), &wrong)
}

func TestWhatIsNotServedSaysWhatIs(t *testing.T) {
	client := serve(t, &room{})
	_, err := client.DeleteFunction(t.Context(), &awslambda.DeleteFunctionInput{FunctionName: aws.String("router")})
	require.ErrorContains(t, err, "does not serve DELETE /2015-03-31/functions/router; it serves GetFunction")
	var answer interface{ HTTPStatusCode() int }
	require.ErrorAs(t, err, &answer)
	require.Equal(t, http.StatusNotImplemented, answer.HTTPStatusCode())
}
