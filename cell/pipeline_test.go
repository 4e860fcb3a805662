package cell_test

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/require"

	"cellular/cell"
	"cellular/internal/testkit/pulumitest"
)

// inputs are a resource's inputs but for the tags and the defaults that the SDK adds.
func inputs(t testing.TB, res *pulumitest.Resource) map[string]any {
	t.Helper()
	m, ok := res.Value(t, "").(map[string]any)
	require.True(t, ok, res)
	delete(m, "tags")
	delete(m, "__defaults")
	return m
}

func TestDataTableFeedsTheStreamAndFindsATenantsEventsByTime(t *testing.T) {
	table := part(t, deployAlpha(t), tableType, "data")
	require.Equal(t, map[string]any{
		"name": "test-app-data-cell-alpha", "hashKey": "id", "billingMode": "PAY_PER_REQUEST",
		"attributes": []any{
			map[string]any{"name": "id", "type": "S"},
			map[string]any{"name": "tenant_shard", "type": "S"},
			map[string]any{"name": "tenant_id", "type": "S"},
			map[string]any{"name": "accepted_at", "type": "S"},
		},
		"streamEnabled": true, "streamViewType": "NEW_AND_OLD_IMAGES",
		"ttl": map[string]any{"attributeName": "expires_at", "enabled": true},
		"globalSecondaryIndexes": []any{
			map[string]any{"name": "by-shard-time", "hashKey": "tenant_shard", "rangeKey": "accepted_at", "projectionType": "KEYS_ONLY"},
			map[string]any{"name": "by-tenant-time", "hashKey": "tenant_id", "rangeKey": "accepted_at", "projectionType": "KEYS_ONLY"},
		},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"pointInTimeRecovery":       map[string]any{"enabled": true},
		"deletionProtectionEnabled": true,
	}, inputs(t, table))
}

func TestResultsTableForgetsOutcomesAndFindsATenantsAndThoseThatWait(t *testing.T) {
	table := part(t, deployAlpha(t), tableType, "results")
	require.Equal(t, map[string]any{
		"name": "test-app-results-cell-alpha", "hashKey": "id", "billingMode": "PAY_PER_REQUEST",
		"attributes": []any{
			map[string]any{"name": "id", "type": "S"},
			map[string]any{"name": "tenant_shard", "type": "S"},
			map[string]any{"name": "tenant_id", "type": "S"},
			map[string]any{"name": "waiting", "type": "S"},
		},
		"globalSecondaryIndexes": []any{
			map[string]any{"name": "by-shard", "hashKey": "tenant_shard", "rangeKey": "id", "projectionType": "KEYS_ONLY"},
			map[string]any{"name": "by-tenant", "hashKey": "tenant_id", "rangeKey": "id", "projectionType": "KEYS_ONLY"},
			map[string]any{"name": "waiting", "hashKey": "waiting", "rangeKey": "id", "projectionType": "KEYS_ONLY"},
		},
		"ttl":                       map[string]any{"attributeName": "expires_at", "enabled": true},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"pointInTimeRecovery":       map[string]any{"enabled": true},
		"deletionProtectionEnabled": true,
	}, inputs(t, table))
}

// Counters are worth nothing after a minute, so nothing protects them or keeps them.
func TestCountersTableForgetsAndIsNotProtected(t *testing.T) {
	table := part(t, deployAlpha(t), tableType, "counters")
	require.Equal(t, map[string]any{
		"name": "test-rate-counters-cell-alpha", "hashKey": "tenant_id", "billingMode": "PAY_PER_REQUEST",
		"attributes":                []any{map[string]any{"name": "tenant_id", "type": "S"}},
		"ttl":                       map[string]any{"attributeName": "expires_at", "enabled": true},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"pointInTimeRecovery":       map[string]any{"enabled": false},
		"deletionProtectionEnabled": false,
	}, inputs(t, table))
	require.False(t, table.Protect)
}

func TestStreamMappingLosesNothingAndEjectsPoison(t *testing.T) {
	m := part(t, deployAlpha(t), mappingType, "producer-mapping")
	require.Equal(t, map[string]any{
		"eventSourceArn": alphaStream, "functionName": "test-producer-cell-alpha",
		"startingPosition": "TRIM_HORIZON",
		"batchSize":        101.0, "maximumBatchingWindowInSeconds": 2.0, "parallelizationFactor": 3.0,
		"filterCriteria":             map[string]any{"filters": []any{map[string]any{"pattern": `{"eventName":["INSERT"]}`}}},
		"functionResponseTypes":      []any{"ReportBatchItemFailures"},
		"bisectBatchOnFunctionError": true, "maximumRetryAttempts": 932.0, "maximumRecordAgeInSeconds": 21600.0,
		"destinationConfig": map[string]any{"onFailure": map[string]any{"destinationArn": alphaStreamDLQ}},
		"metricsConfig":     map[string]any{"metrics": []any{"EventCount"}},
	}, inputs(t, m))
}

func TestQueueMappingIsBounded(t *testing.T) {
	m := part(t, deployAlpha(t), mappingType, "consumer-mapping")
	require.Equal(t, map[string]any{
		"eventSourceArn": alphaQueue, "functionName": "test-consumer-cell-alpha",
		"batchSize": 9.0, "maximumBatchingWindowInSeconds": 4.0,
		"functionResponseTypes": []any{"ReportBatchItemFailures"},
		"scalingConfig":         map[string]any{"maximumConcurrency": 12.0},
		"metricsConfig":         map[string]any{"metrics": []any{"EventCount"}},
	}, inputs(t, m))
}

func TestAReplacedMappingMakesRoomFirst(t *testing.T) {
	for _, m := range deployAlpha(t).OfType(mappingType) {
		require.True(t, m.DeleteBeforeReplace, m)
	}
}

func TestQueueHidesABatchForSixTimeoutsAndEjectsAfterTheLastReceive(t *testing.T) {
	q := part(t, deployAlpha(t), queueType, "queue")
	var redrive map[string]any
	q.JSON(t, "redrivePolicy", &redrive)
	require.Equal(t, map[string]any{"deadLetterTargetArn": alphaConsumerDLQ, "maxReceiveCount": 5.0}, redrive)
	got := inputs(t, q)
	delete(got, "redrivePolicy")
	require.Equal(t, map[string]any{
		"name": "test-processing-queue-cell-alpha", "messageRetentionSeconds": 345600.0,
		"visibilityTimeoutSeconds": 184.0, // 6 x 30 s and the window of 4 s
		"receiveWaitTimeSeconds":   20.0, "sqsManagedSseEnabled": true,
	}, got)
}

func TestEveryDLQKeepsItsMessagesFourteenDays(t *testing.T) {
	r := deployAlpha(t)
	for name, physical := range map[string]string{
		"consumer-dlq":     "test-processing-queue-dlq-cell-alpha",
		"subscription-dlq": "test-processing-queue-sub-dlq-cell-alpha",
		"stream-dlq":       "test-processing-queue-stream-dlq-cell-alpha",
	} {
		require.Equal(t, map[string]any{
			"name": physical, "messageRetentionSeconds": 1209600.0, "receiveWaitTimeSeconds": 20.0, "sqsManagedSseEnabled": true,
		}, inputs(t, part(t, r, queueType, name)), name)
	}
}

func TestOnlyTheCellsQueueRedrivesIntoItsDLQ(t *testing.T) {
	r := deployAlpha(t)
	for dlq, want := range map[string]map[string]any{
		"consumer-dlq":     {"redrivePermission": "byQueue", "sourceQueueArns": []any{alphaQueue}},
		"subscription-dlq": {"redrivePermission": "denyAll"},
		"stream-dlq":       {"redrivePermission": "denyAll"},
	} {
		allow := part(t, r, redriveAllowType, dlq+"-redrive-allow")
		var got map[string]any
		allow.JSON(t, "redriveAllowPolicy", &got)
		require.Equal(t, want, got, dlq)
		require.Equal(t, queueURLPrefix+part(t, r, queueType, dlq).Str(t, "name"), allow.Str(t, "queueUrl"), dlq)
	}
}

func TestSubscriptionIsRawAndHasADLQ(t *testing.T) {
	r := deployAlpha(t)
	require.Equal(t, "test-processing-topic-cell-alpha", part(t, r, topicType, "topic").Str(t, "name"))
	require.Equal(t, map[string]any{
		"topic": alphaTopic, "protocol": "sqs", "endpoint": alphaQueue, "rawMessageDelivery": true,
		"redrivePolicy": `{"deadLetterTargetArn":"` + alphaSubDLQ + `"}`,
	}, inputs(t, part(t, r, subscriptionType, "subscription")))
}

func TestFunctionsAreBuiltForTheirRuntime(t *testing.T) {
	r := deployAlpha(t)
	for name, want := range map[string]struct{ role, zip string }{
		"producer": {alphaProducerRole, "/zips/producer.zip"},
		"consumer": {alphaConsumerRole, "/zips/consumer.zip"},
	} {
		f := part(t, r, functionType, name)
		code, ok := f.Input("code")
		require.True(t, ok)
		require.Equal(t, want.zip, code.ArchiveValue().Path)
		got := inputs(t, f)
		delete(got, "code")
		delete(got, "environment")
		physical := "test-" + name + "-cell-alpha"
		require.Equal(t, map[string]any{
			"name": physical, "role": want.role, "runtime": "provided.al2023", "handler": "bootstrap",
			"architectures": []any{"arm64"}, "memorySize": 256.0, "timeout": 30.0,
			"loggingConfig": map[string]any{
				"logFormat": "JSON", "logGroup": "/aws/lambda/" + physical, "applicationLogLevel": "INFO", "systemLogLevel": "INFO",
			},
			"tracingConfig": map[string]any{"mode": "Active"},
		}, got)
	}
}

func TestFunctionSettingsFollowTheArguments(t *testing.T) {
	r := deploy(t, []string{"alpha"}, func(a *cell.Args) {
		a.Functions.Architecture, a.Functions.LogLevel, a.Functions.Tracing = "x86_64", "warn", false
		a.Protect, a.Functions.FaultInjection = false, true
		a.Pipeline.ProducerReservedConcurrency, a.Pipeline.ConsumerReservedConcurrency = 8, 15
	})
	producer, consumer := part(t, r, functionType, "producer"), part(t, r, functionType, "consumer")
	require.Equal(t, 8.0, producer.Value(t, "reservedConcurrentExecutions"))
	require.Equal(t, 15.0, consumer.Value(t, "reservedConcurrentExecutions"))
	require.Equal(t, "true", consumer.Str(t, "environment.variables.FAULT_INJECTION"))
	for _, f := range []*pulumitest.Resource{producer, consumer} {
		require.Equal(t, "x86_64", f.Str(t, "architectures[0]"))
		require.Equal(t, "warn", f.Str(t, "environment.variables.LOG_LEVEL"))
		require.Equal(t, "INFO", f.Str(t, "loggingConfig.applicationLogLevel"), "Lambda would drop lines that have metrics alone")
		require.Equal(t, "PassThrough", f.Str(t, "tracingConfig.mode"))
	}
}

func TestFunctionsAreToldTheirOwnCellsResources(t *testing.T) {
	r := deployAlpha(t)
	require.Equal(t, map[string]any{
		"CELL_ID": "alpha", "TOPIC_ARN": alphaTopic, "INLINE_PAYLOAD_BYTES": "65536", "CONCURRENT_PUBLISHES": "11",
		"STREAM_DLQ_URL": queueURLPrefix + "test-processing-queue-stream-dlq-cell-alpha", "METRICS_NAMESPACE": "Cellular/test", "LOG_LEVEL": "info",
	}, part(t, r, functionType, "producer").Value(t, "environment.variables"))
	require.Equal(t, map[string]any{
		"CELL_ID": "alpha", "DATA_TABLE": "test-app-data-cell-alpha", "RESULTS_TABLE": "test-app-results-cell-alpha",
		"QUEUE_URL": queueURLPrefix + "test-processing-queue-cell-alpha", "MAX_RECEIVE_COUNT": "5",
		"CONSUMER_DLQ_URL":   queueURLPrefix + "test-processing-queue-dlq-cell-alpha",
		"CONCURRENT_TENANTS": "13", "RECORD_TIMEOUT": "7s", "RETRY_BACKOFF_BASE": "2s", "RETRY_BACKOFF_MAX": "5m0s", "RESULT_TTL": "2160h0m0s",
		"FAULT_INJECTION": "false", "METRICS_NAMESPACE": "Cellular/test", "LOG_LEVEL": "info",
	}, part(t, r, functionType, "consumer").Value(t, "environment.variables"))
}

func TestLogGroupsHaveRetentionAndComeBeforeTheirFunction(t *testing.T) {
	r := deployAlpha(t)
	for _, name := range []string{"producer", "consumer"} {
		logs := part(t, r, logGroupType, name+"-logs")
		require.Equal(t, "/aws/lambda/test-"+name+"-cell-alpha", logs.Str(t, "name"))
		require.Equal(t, 14.0, logs.Value(t, "retentionInDays"))
		require.True(t, part(t, r, functionType, name).DependsOn(logs), name)
	}
}

// Each of these would, in the wrong order, drop events or fail for a while after a cell is created.
func TestNothingRunsBeforeItMay(t *testing.T) {
	r := deployAlpha(t)
	for _, order := range []struct{ typ, name, firstType, first string }{
		{functionType, "producer", rolePolicyType, "producer-role-policy"},
		{functionType, "consumer", rolePolicyType, "consumer-role-policy"},
		{mappingType, "producer-mapping", rolePolicyType, "producer-role-policy"},
		{mappingType, "producer-mapping", queuePolicyType, "stream-dlq-policy"},
		{mappingType, "producer-mapping", topicPolicyType, "topic-policy"},
		{mappingType, "producer-mapping", subscriptionType, "subscription"}, // a message to a topic that nobody reads is lost
		{mappingType, "consumer-mapping", rolePolicyType, "consumer-role-policy"},
		{subscriptionType, "subscription", queuePolicyType, "queue-policy"}, // SNS does not retry what the queue refuses
		{subscriptionType, "subscription", queuePolicyType, "subscription-dlq-policy"},
		{parameterType, "facts", mappingType, "producer-mapping"}, // from the manifest on the cell is probed, and at fault
		{parameterType, "facts", mappingType, "consumer-mapping"},
		{parameterType, "facts", tablePolicyType, "data-policy"},
		{parameterType, "facts", tablePolicyType, "results-policy"},
		{parameterType, "facts", tablePolicyType, "counters-policy"},
	} {
		later, first := part(t, r, order.typ, order.name), part(t, r, order.firstType, order.first)
		require.True(t, later.DependsOn(first), "%s does not wait for %s", later, first)
	}
}

func TestZeroesAreSentWhereTheyMeanSomething(t *testing.T) {
	r := deploy(t, []string{"alpha"}, func(a *cell.Args) {
		a.Pipeline.Stream.BatchWindow, a.Pipeline.Queue.BatchWindow = 0, 0
		a.Functions.Timeout = 9 * time.Second
	})
	m := part(t, r, mappingType, "producer-mapping")
	require.Equal(t, 0.0, m.Value(t, "maximumBatchingWindowInSeconds"))
	require.Equal(t, 54.0, part(t, r, queueType, "queue").Value(t, "visibilityTimeoutSeconds"))
	require.NotContains(t, part(t, r, functionType, "producer").Inputs, resource.PropertyKey("reservedConcurrentExecutions"))
}
