package provider_test

import (
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"

	"cellular/functions"
	"cellular/local/provider"
)

func aMapping() map[string]any {
	return map[string]any{
		"functionName": "f", "startingPosition": "TRIM_HORIZON", "eventSourceArn": "arn:aws:dynamodb:us-east-1:" + account + ":table/t/stream/2026",
	}
}

func aQueueMapping() map[string]any {
	return map[string]any{"functionName": "f", "eventSourceArn": queueARN("q")}
}

func aStage() map[string]any {
	return map[string]any{"apiId": "a", "name": "$default", "autoDeploy": true}
}

func anIntegration() map[string]any {
	return map[string]any{
		"apiId": "a", "integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0", "integrationUri": functionARN("f"),
	}
}

func aRolePolicy(policy string) map[string]any {
	return map[string]any{"name": "p", "role": "r", "policy": policy}
}

const topicARN = "arn:aws:sns:us-east-1:" + account + ":t"

// TestRefusesWhatAWSWouldRefuse: each case changes valid inputs of a type in one way; want is part of the only reason.
func TestRefusesWhatAWSWouldRefuse(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	elsewhere := map[string]string{functions.X86_64: functions.ARM64, functions.ARM64: functions.X86_64}[functions.Architecture(runtime.GOARCH)]
	fn := func(change map[string]any) map[string]any { return with(aFunction(t, "f"), change) }
	cases := []struct {
		name, token string
		in          map[string]any
		want        string
	}{
		{"schedule by cron", scheduleType, with(aSchedule(), map[string]any{"scheduleExpression": "cron(0 * * * ? *)"}), "want rate(N minutes)"},
		{"schedule that is late", scheduleType, with(aSchedule(), map[string]any{"flexibleTimeWindow": map[string]any{"mode": "FLEXIBLE"}}), "allowed: OFF"},
		{"schedule with an input that is no JSON", scheduleType, with(aSchedule(), map[string]any{"target": with(aSchedule()["target"].(map[string]any), map[string]any{"input": "x"})}), "is not JSON"},
		{"schedule that retries", scheduleType, with(aSchedule(), map[string]any{"target": with(aSchedule()["target"].(map[string]any), map[string]any{"retryPolicy": map[string]any{"maximumRetryAttempts": 1}})}), "is 1, allowed: [0]"},
		{"schedule with the retries of AWS", scheduleType, with(aSchedule(), map[string]any{"target": with(aSchedule()["target"].(map[string]any), map[string]any{"retryPolicy": nil})}), "target.retryPolicy"},
		{"invocations that are repeated", invokeConfigType, map[string]any{"functionName": "f", "maximumRetryAttempts": 2}, "is 2, allowed: [0]"},
		{"invocations with the retries of AWS", invokeConfigType, map[string]any{"functionName": "f"}, "maximumRetryAttempts is required"},
		{"misspelt property", queueType, map[string]any{"name": "q", "visibilityTimeout": 30}, "visibilityTimeout is an unknown property of aws:sqs/queue:Queue, allowed: contentBasedDeduplication, "},
		{"misspelt property of an object", tableType, with(aTable(), map[string]any{"ttl": map[string]any{"attribute": "x"}}), "ttl.attribute is an unknown property of aws:dynamodb/table:Table, allowed: attributeName, enabled"},
		{"misspelt property in a list", tableType, with(aTable(), map[string]any{"attributes": []any{map[string]any{"name": "id", "type": "S", "kind": "x"}}}), "attributes[0].kind is an unknown property"},
		{"property that the local cloud lacks", queueType, map[string]any{"name": "q", "fifoQueue": true}, "fifoQueue is a property of aws:sqs/queue:Queue that the local cloud does not support"},
		{"wrong kind", queueType, map[string]any{"name": "q", "delaySeconds": "5"}, `delaySeconds must be a whole number, got the string "5"`},
		{"fraction of a second", queueType, map[string]any{"name": "q", "delaySeconds": 1.5}, "delaySeconds must be a whole number, got 1.5"},
		{"missing property", parameterType, map[string]any{"name": "p", "value": "v"}, "type is required"},
		{"missing property of an object", functionType, fn(map[string]any{"loggingConfig": map[string]any{"logGroup": "g"}}), "loggingConfig.logFormat is required"},

		{"queue name too long", queueType, map[string]any{"name": strings.Repeat("q", 81)}, "81 characters long, allowed: 1 to 80"},
		{"queue name with a dot", queueType, map[string]any{"name": "q.q"}, "has a character outside of"},
		{"visibility over 12 hours", queueType, map[string]any{"name": "q", "visibilityTimeoutSeconds": 43_201}, "is 43201, allowed: 0 to 43200"},
		{"retention over 14 days", queueType, map[string]any{"name": "q", "messageRetentionSeconds": 1_209_601}, "allowed: 60 to"},
		{"long poll over 20 s", queueType, map[string]any{"name": "q", "receiveWaitTimeSeconds": 21}, "allowed: 0 to 20"},
		{"redrive to a topic", queueType, map[string]any{"name": "q", "redrivePolicy": `{"deadLetterTargetArn":"` + topicARN + `","maxReceiveCount":5}`}, "is not the ARN of a resource of sqs"},
		{"redrive after no receive", queueType, map[string]any{"name": "q", "redrivePolicy": `{"deadLetterTargetArn":"` + queueARN("d") + `","maxReceiveCount":0}`}, "maxReceiveCount is 0, allowed: 1 to 1000"},
		{"redrive with an unknown member", queueType, map[string]any{"name": "q", "redrivePolicy": `{"deadLetterTarget":"x"}`}, "unknown field"},
		{"redrive allow without sources", redriveAllowType, map[string]any{"queueUrl": "u", "redriveAllowPolicy": `{"redrivePermission":"byQueue"}`}, "sourceQueueArns go with redrivePermission byQueue"},
		{"redrive allow of a kind that is not", redriveAllowType, map[string]any{"queueUrl": "u", "redriveAllowPolicy": `{"redrivePermission":"some"}`}, "allowed: allowAll, denyAll, byQueue"},
		{"queue policy without a principal", queuePolicyType, map[string]any{"queueUrl": "u", "policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`}, "has no Principal"},
		{"tag with a reserved prefix", queueType, map[string]any{"name": "q", "tags": map[string]any{"aws:x": "y"}}, "the prefix aws: is reserved"},
		{"tag value too long", queueType, map[string]any{"name": "q", "tags": map[string]any{"x": strings.Repeat("v", 257)}}, "allowed: 256"},

		{"topic name with a dot", topicType, map[string]any{"name": "t.t"}, "has a character outside of"},
		{"topic policy that is no JSON", topicPolicyType, map[string]any{"arn": topicARN, "policy": "{"}, "is not a valid document"},
		{"topic policy without a resource", topicPolicyType, map[string]any{"arn": topicARN, "policy": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sns:Publish"}}`}, "has no Resource"},
		{"policy of an unknown version", topicPolicyType, map[string]any{"arn": topicARN, "policy": `{"Version":"2026-01-01","Statement":[]}`}, "allowed: 2012-10-17"},
		{"policy with a misspelt element", topicPolicyType, map[string]any{"arn": topicARN, "policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principals":"*","Action":"sns:Publish","Resource":"x"}]}`}, "unknown field"},
		{"subscription by e-mail", subscriptionType, map[string]any{"topic": topicARN, "protocol": "email", "endpoint": queueARN("q")}, "allowed: sqs"},
		{"subscription to a function", subscriptionType, map[string]any{"topic": topicARN, "protocol": "sqs", "endpoint": functionARN("f")}, "is not the ARN of a resource of sqs"},

		{"table name too short", tableType, with(aTable(), map[string]any{"name": "t"}), "allowed: 3 to 255"},
		{"provisioned capacity", tableType, with(aTable(), map[string]any{"billingMode": nil}), `billingMode is "PROVISIONED", allowed: PAY_PER_REQUEST`},
		{"attribute that no key uses", tableType, with(aTable(), map[string]any{"globalSecondaryIndexes": nil, "attributes": []any{map[string]any{"name": "id", "type": "S"}, map[string]any{"name": "more", "type": "S"}}}), `declares "more", which no key uses`},
		{"key without an attribute", tableType, with(aTable(), map[string]any{"rangeKey": "sort"}), `does not declare "sort"`},
		{"attribute of an unknown type", tableType, with(aTable(), map[string]any{"attributes": []any{map[string]any{"name": "id", "type": "String"}}}), "attributes[0].type is \"String\", allowed: S, N, B"},
		{"stream without a view", tableType, with(aTable(), map[string]any{"streamViewType": nil}), "goes with streamEnabled"},
		{"stream of an unknown view", tableType, with(aTable(), map[string]any{"streamViewType": "ALL"}), "allowed: KEYS_ONLY"},
		{"TTL of no attribute", tableType, with(aTable(), map[string]any{"ttl": map[string]any{"enabled": true}}), "is required where ttl is enabled"},
		{"resource policy of another service's resource", tablePolicyType, map[string]any{"resourceArn": queueARN("q"), "policy": allow(`"*"`, "dynamodb:GetItem", "x")}, "is not the ARN of a resource of dynamodb"},

		{"role that trusts with a resource", roleType, map[string]any{"name": "r", "assumeRolePolicy": allow(`{"Service":"lambda.amazonaws.com"}`, "sts:AssumeRole", "*")}, "has a Resource, which a trust policy must not have"},
		{"role name with a slash", roleType, map[string]any{"name": "a/b", "assumeRolePolicy": trust}, "has a character outside of"},
		{"trust policy too long", roleType, map[string]any{"name": "r", "assumeRolePolicy": trust + strings.Repeat(" ", 2_048)}, "allowed: 2048"},
		{"role policy with a principal", rolePolicyType, aRolePolicy(allow(`"*"`, "sqs:*", "*")), "which a role's policy must not have"},
		{"role policy without a resource", rolePolicyType, aRolePolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*"}]}`), "has no Resource"},
		{"role policy with an empty list", rolePolicyType, aRolePolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":[]}]}`), "has an empty list"},
		{"role policy of an unknown effect", rolePolicyType, aRolePolicy(`{"Version":"2012-10-17","Statement":[{"Effect":"Permit","Action":"sqs:*","Resource":"*"}]}`), `it has the Effect "Permit", allowed: Allow, Deny`},

		{"log retention that CloudWatch lacks", logGroupType, map[string]any{"name": "g", "retentionInDays": 10}, "is 10, allowed: [0 1 3 5 7 14 30 60"},
		{"parameter of an unknown type", parameterType, map[string]any{"name": "p", "type": "Text", "value": "v"}, "allowed: String, StringList, SecureString"},
		{"parameter too large", parameterType, map[string]any{"name": "p", "type": "String", "value": strings.Repeat("v", 4_097)}, "has 4097 bytes, allowed in the Standard tier: 4096"},

		{"function of another runtime", functionType, fn(map[string]any{"runtime": "go1.x"}), "allowed: provided.al2023"},
		{"function on two architectures", functionType, fn(map[string]any{"architectures": []any{"x86_64", "arm64"}}), "has 2 entries, allowed: 1 to 1"},
		{"function with Go's name of an architecture", functionType, fn(map[string]any{"architectures": []any{"amd64"}}), "allowed: x86_64, arm64"},
		{"function for another machine", functionType, fn(map[string]any{"architectures": []any{elsewhere}}), "is " + elsewhere + ", but functions run on this machine, which is "},
		{"function that may run too long", functionType, fn(map[string]any{"timeout": 901}), "allowed: 1 to 900"},
		{"function with too little memory", functionType, fn(map[string]any{"memorySize": 64}), "allowed: 128 to 10240"},
		{"function that sets Lambda's own variable", functionType, fn(map[string]any{"environment": map[string]any{"variables": map[string]any{"AWS_REGION": "x"}}}), "sets AWS_REGION, which is reserved"},
		{"function with too much environment", functionType, fn(map[string]any{"environment": map[string]any{"variables": map[string]any{"BIG": strings.Repeat("v", 4_096)}}}), "takes 4099 bytes, allowed: 4096"},
		{"function with a log level for text", functionType, fn(map[string]any{"loggingConfig": map[string]any{"logFormat": "Text", "applicationLogLevel": "INFO"}}), "has log levels, which go with logFormat JSON only"},
		{"function with slog's name of a level", functionType, fn(map[string]any{"loggingConfig": map[string]any{"logFormat": "JSON", "applicationLogLevel": "info"}}), "allowed: TRACE, DEBUG, INFO"},
		{"function without code", functionType, fn(map[string]any{"code": nil}), "code is required"},
		{"function with a role's name", functionType, fn(map[string]any{"role": "shared"}), "is not the ARN of a resource of iam"},

		{"stream mapping without a position", mappingType, with(aMapping(), map[string]any{"startingPosition": nil}), "startingPosition is required for a stream"},
		{"mapping of a table", mappingType, with(aMapping(), map[string]any{"eventSourceArn": "arn:aws:dynamodb:us-east-1:" + account + ":table/t"}), "is not the ARN of a table's stream"},
		{"queue concurrency on a stream", mappingType, with(aMapping(), map[string]any{"scalingConfig": map[string]any{"maximumConcurrency": 5}}), "is only for mappings of a queue"},
		{"record age under a minute", mappingType, with(aMapping(), map[string]any{"maximumRecordAgeInSeconds": 59}), "allowed: 60 to 604800"},
		{"too many filters", mappingType, with(aMapping(), map[string]any{"filterCriteria": map[string]any{"filters": []any{
			map[string]any{"pattern": "{}"}, map[string]any{"pattern": "{}"}, map[string]any{"pattern": "{}"}, map[string]any{"pattern": "{}"}, map[string]any{"pattern": "{}"}, map[string]any{"pattern": "{}"},
		}}}), "has 6 entries, allowed: 0 to 5"},
		{"filter that is no JSON", mappingType, with(aMapping(), map[string]any{"filterCriteria": map[string]any{"filters": []any{map[string]any{"pattern": "INSERT"}}}}), "filterCriteria.filters[0].pattern is not a valid document"},
		{"response type that Lambda lacks", mappingType, with(aMapping(), map[string]any{"functionResponseTypes": []any{"ReportItemFailures"}}), "allowed: ReportBatchItemFailures"},
		{"stream setting on a queue", mappingType, with(aQueueMapping(), map[string]any{"bisectBatchOnFunctionError": true}), "is only for mappings of a stream"},
		{"position in a queue", mappingType, with(aQueueMapping(), map[string]any{"startingPosition": "LATEST"}), "is only for mappings of a stream"},
		{"one consumer of a queue", mappingType, with(aQueueMapping(), map[string]any{"scalingConfig": map[string]any{"maximumConcurrency": 1}}), "is 1, allowed: 2 to 1000"},
		{"large queue batch without a window", mappingType, with(aQueueMapping(), map[string]any{"batchSize": 11}), "is 11, allowed for a queue without a batching window: 1 to 10"},
		{"permission of another action", permissionType, map[string]any{"function": "f", "action": "lambda:*", "principal": "apigateway.amazonaws.com"}, "allowed: lambda:InvokeFunction"},

		{"WebSocket API", apiType, map[string]any{"name": "a", "protocolType": "WEBSOCKET"}, "allowed: HTTP"},
		{"payload format of REST APIs", integrationType, with(anIntegration(), map[string]any{"payloadFormatVersion": nil}), `is "1.0", allowed: 2.0`},
		{"integration that waits too long", integrationType, with(anIntegration(), map[string]any{"timeoutMilliseconds": 30_001}), "allowed: 50 to 30000"},
		{"route that asks a function", routeType, map[string]any{"apiId": "a", "routeKey": "GET /", "target": "integrations/i", "authorizationType": "CUSTOM"}, "allowed: NONE, AWS_IAM, JWT"},
		{"route for tokens without an authorizer", routeType, map[string]any{"apiId": "a", "routeKey": "GET /", "target": "integrations/i", "authorizationType": "JWT"}, "authorizerId goes with authorizationType JWT"},
		{"open route with an authorizer", routeType, map[string]any{"apiId": "a", "routeKey": "GET /", "target": "integrations/i", "authorizerId": "x"}, "authorizerId goes with authorizationType JWT"},
		{"authorizer that calls a function", authorizerType, with(anAuthorizer("a"), map[string]any{"authorizerType": "REQUEST"}), "allowed: JWT"},
		{"authorizer for no audience", authorizerType, with(anAuthorizer("a"), map[string]any{"jwtConfiguration": map[string]any{"issuer": "https://id.example.com/"}}), "jwtConfiguration.audiences is required"},
		{"stage with a name", stageType, with(aStage(), map[string]any{"name": "prod"}), "allowed: $default"},
		{"stage that is deployed by hand", stageType, with(aStage(), map[string]any{"autoDeploy": nil}), "autoDeploy is false, the local cloud supports only true"},
		{"access log to a queue", stageType, with(aStage(), map[string]any{"accessLogSettings": map[string]any{"destinationArn": queueARN("q"), "format": "x"}}), "is not the ARN of a resource of logs"},

		{"mapping that counts what is Kafka's", mappingType, with(aMapping(), map[string]any{"metricsConfig": map[string]any{"metrics": []any{"ErrorCount"}}}), "allowed: EventCount"},
		{"topic with an empty key", topicType, map[string]any{"name": "t", "kmsMasterKeyId": ""}, "has 0 bytes, allowed: 1 to 2048"},

		{"alarm on a statistic that is none", metricAlarmType, with(anAlarm(), map[string]any{"statistic": "Median"}), "allowed: SampleCount, Sum, Average, Minimum, Maximum"},
		{"alarm on a percentile as a plain statistic", metricAlarmType, with(anAlarm(), map[string]any{"statistic": "p99"}), "statistic is \"p99\", allowed:"},
		{"alarm on a percentile of another form", metricAlarmType, with(aPercentileAlarm(), map[string]any{"extendedStatistic": "P99"}), "refused: statistic \"P99\": want a percentile"},
		{"alarm on half minutes and more", metricAlarmType, with(anAlarm(), map[string]any{"period": 90}), "refused: period 1m30s: want 10, 20 or 30 seconds, or whole minutes"},
		{"alarm on single seconds", metricAlarmType, with(anAlarm(), map[string]any{"period": 1}), "period is 1, allowed: 10 to 86400"},
		{"alarm on more datapoints than periods", metricAlarmType, with(anAlarm(), map[string]any{"datapointsToAlarm": 6}), "refused: 6 of 5 periods"},
		{"alarm that looks back for too long", metricAlarmType, with(anAlarm(), map[string]any{"period": 600, "evaluationPeriods": 145}), "refused: 145 periods of 10m0s are 24h10m0s, want at most 24h0m0s"},
		{"alarm without a threshold", metricAlarmType, with(anAlarm(), map[string]any{"threshold": nil}), "threshold is required"},
		{"alarm without a metric", metricAlarmType, with(anAlarm(), map[string]any{"metricName": nil}), "refused: an alarm has neither a metric's name and namespace nor a list of metrics"},
		{"alarm on a band of what is normal", metricAlarmType, with(anAlarm(), map[string]any{"comparisonOperator": "LessThanLowerThreshold"}), "allowed: GreaterThanOrEqualToThreshold, "},
		{"alarm that treats missing data in a way that is none", metricAlarmType, with(anAlarm(), map[string]any{"treatMissingData": "ok"}), "allowed: breaching, notBreaching, ignore, missing"},
		{"alarm that ignores few samples of a sum", metricAlarmType, with(anAlarm(), map[string]any{"evaluateLowSampleCountPercentiles": "ignore"}), "that is for percentiles only"},
		{"alarm that calls a function", metricAlarmType, with(anAlarm(), map[string]any{"alarmActions": []any{functionARN("f")}}), "is not the ARN of a resource of sns"},
		{"alarm with six actions", metricAlarmType, with(anAlarm(), map[string]any{"okActions": []any{topicARN, topicARN, topicARN, topicARN, topicARN, topicARN}}), "has 6 entries, allowed: 0 to 5"},
		{"alarm on metric math that returns nothing", metricAlarmType, with(aMathAlarm(), map[string]any{"metricQueries": []any{map[string]any{"id": "x", "expression": "1"}}}), "refused: no metric returns data"},
		{"alarm on metric math that searches", metricAlarmType, with(aMathAlarm(), map[string]any{"metricQueries": []any{map[string]any{"id": "x", "expression": "SEARCH('a', 'Sum')", "returnData": true}}}), "searches, which an alarm cannot"},
		{"alarm on metric math and a metric", metricAlarmType, with(aMathAlarm(), map[string]any{"metricName": "m"}), "so it has no name, namespace"},
		{"alarm of another account's metric", metricAlarmType, with(aMathAlarm(), map[string]any{"metricQueries": []any{map[string]any{"id": "x", "accountId": "1", "returnData": true}}}), "metricQueries[0].accountId is a property of aws:cloudwatch/metricAlarm:MetricAlarm that the local cloud does not support"},
		{"alarm with a long description", metricAlarmType, with(anAlarm(), map[string]any{"alarmDescription": strings.Repeat("d", 1_025)}), "has 1025 bytes, allowed: 0 to 1024"},

		{"composite with a bad rule", compositeType, with(aComposite(), map[string]any{"alarmRule": "ALARM(a"}), "refused: "},
		{"composite without a rule", compositeType, with(aComposite(), map[string]any{"alarmRule": nil}), "alarmRule is required"},
		{"composite without a name", compositeType, with(aComposite(), map[string]any{"alarmName": nil}), "alarmName is required"},
		{"composite with a suppressor that waits for nothing", compositeType, with(aComposite(), map[string]any{"actionsSuppressor": map[string]any{"alarm": "a", "extensionPeriod": 1}}), "actionsSuppressor.waitPeriod is required"},
		{"composite with a suppressor that waits in negative time", compositeType, with(aComposite(), map[string]any{"actionsSuppressor": map[string]any{"alarm": "a", "waitPeriod": -1, "extensionPeriod": 1}}), "is -1, allowed: 0 to 86400"},
		{"composite with an action that is no ARN", compositeType, with(aComposite(), map[string]any{"alarmActions": []any{"topic"}}), "is not the ARN of a resource of sns"},

		{"dashboard with a space in its name", dashboardType, map[string]any{"dashboardName": "a b", "dashboardBody": `{"widgets":[]}`}, "has a character outside of"},
		{"dashboard that is no JSON", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": "widgets"}, "is no JSON of a dashboard"},
		{"dashboard without widgets", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": "{}"}, "has no list of widgets"},
		{"dashboard with a widget of no type", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": `{"widgets":[{"properties":{}}]}`}, `widget 0 is of type ""`},
		{"dashboard with a widget beside the grid", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": `{"widgets":[{"type":"text","x":24,"y":0,"properties":{}}]}`}, "outside of the grid"},
		{"dashboard with a widget that has an unknown property", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": `{"widgets":[{"type":"text","properties":{"markdown":"a","color":"red"}}]}`}, `unknown field "color"`},
		{"dashboard with a search that is none", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": `{"widgets":[{"type":"metric","properties":{"region":"us-east-1","metrics":[[{"expression":"SEARCH('{a', 'Sum', 60)"}]]}}]}`}, "the schema has no }"},
		{"dashboard with a variable that stands for nothing", dashboardType, map[string]any{"dashboardName": "a", "dashboardBody": `{"variables":[{"type":"pattern","pattern":"CELL","inputType":"input","id":"c"}],"widgets":[]}`}, "which is in no widget"},
		{"query without text", queryType, map[string]any{"name": "a"}, "queryString is required"},
		{"query that is too long", queryType, map[string]any{"name": "a", "queryString": strings.Repeat("q", 10_001)}, "has 10001 bytes, allowed: 1 to 10000"},

		{"key that is deleted within a week", keyType, with(aKey(), map[string]any{"deletionWindowInDays": 6}), "is 6, allowed: 7 to 30"},
		{"key of another kind", keyType, with(aKey(), map[string]any{"customerMasterKeySpec": "RSA_2048"}), "allowed: SYMMETRIC_DEFAULT"},
		{"key that signs", keyType, with(aKey(), map[string]any{"keyUsage": "SIGN_VERIFY"}), "allowed: ENCRYPT_DECRYPT"},
		{"key that is off", keyType, with(aKey(), map[string]any{"isEnabled": false}), "is false, the local cloud supports only true"},
		{"key of several Regions", keyType, with(aKey(), map[string]any{"multiRegion": true}), "multiRegion is a property of aws:kms/key:Key that the local cloud does not support"},
		{"key policy without a principal", keyType, with(aKey(), map[string]any{"policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`}), "has no Principal"},
		{"alias without the prefix", aliasType, map[string]any{"name": "alarms", "targetKeyId": "k"}, "allowed: a name that begins with alias/"},
		{"alias of AWS", aliasType, map[string]any{"name": "alias/aws/sns", "targetKeyId": "k"}, "which is AWS's own"},
		{"alias with a dot", aliasType, map[string]any{"name": "alias/a.b", "targetKeyId": "k"}, "has a character outside of"},
	}
	covered := map[string]bool{}
	for _, c := range cases {
		covered[c.token] = true
		t.Run(c.name, func(t *testing.T) {
			_, reasons := engine{t, e.client}.check(c.token, properties(c.in))
			require.Len(t, reasons, 1)
			require.Contains(t, reasons[0], c.want)
		})
	}
	for _, l := range append(emulatedLifecycles(shared{}), roomLifecycles(t, shared{})...) {
		require.True(t, covered[l.token], "no case for %s", l.token)
	}
}

func TestReportsEveryProblemAtOnce(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	_, reasons := e.check(queueType, properties(map[string]any{"name": "q.q", "delaySeconds": 901, "delay": 1}))
	require.Len(t, reasons, 3)
}

func TestRefusesUnknownTypesAndFunctions(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	_, err := e.client.Check(t.Context(), &pulumirpc.CheckRequest{Urn: urn("aws:s3/bucket:Bucket")})
	require.ErrorContains(t, err, "the local cloud has no resource type aws:s3/bucket:Bucket, it has: aws:apigatewayv2/api:Api, ")
	_, err = e.client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "aws:ec2/getVpc:getVpc"})
	require.ErrorContains(t, err, "the local cloud has no function aws:ec2/getVpc:getVpc, it has: aws:dynamodb/getTableItem:getTableItem, aws:index/getCallerIdentity:getCallerIdentity, ")
}

func TestTellsAccountPartitionAndRegion(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	for token, want := range map[string]map[string]any{
		"aws:index/getCallerIdentity:getCallerIdentity": {"accountId": account},
		"aws:index/getPartition:getPartition":           {"partition": "aws", "dnsSuffix": "amazonaws.com"},
		"aws:index/getRegion:getRegion":                 {"name": "us-east-1"},
	} {
		resp, err := e.client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: token})
		require.NoError(t, err)
		for name, v := range want {
			require.Equal(t, v, e.unmarshal(resp.GetReturn()).Mappable()[name])
		}
	}
	resp, err := e.client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: "aws:index/getRegion:getRegion", Args: e.marshal(properties(map[string]any{"regionName": "x"}))})
	require.NoError(t, err)
	require.Contains(t, resp.GetFailures()[0].GetReason(), "regionName is an unknown argument")
}

func TestReadsAnItemAsTheRealProviderDoes(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	const token = "aws:dynamodb/getTableItem:getTableItem"
	invoke := func(args map[string]any) (map[string]any, string, error) {
		resp, err := e.client.Invoke(t.Context(), &pulumirpc.InvokeRequest{Tok: token, Args: e.marshal(properties(args))})
		if err != nil {
			return nil, "", err
		}
		var reasons []string
		for _, failure := range resp.GetFailures() {
			reasons = append(reasons, failure.GetReason())
		}
		return e.unmarshal(resp.GetReturn()).Mappable(), strings.Join(reasons, ", "), nil
	}
	client := dynamodb.NewFromConfig(emulated)
	const table = "of-items"
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(table), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := client.DeleteTable(withoutCancel(t), &dynamodb.DeleteTableInput{TableName: aws.String(table)})
		require.NoError(t, err)
	})
	_, err = client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: map[string]types.AttributeValue{
		"id": &types.AttributeValueMemberS{Value: "alpha"}, "tenants": &types.AttributeValueMemberN{Value: "2"},
	}})
	require.NoError(t, err)

	out, failures, err := invoke(map[string]any{"tableName": table, "key": `{"id":{"S":"alpha"}}`})
	require.NoError(t, err)
	require.Empty(t, failures)
	require.JSONEq(t, `{"id":{"S":"alpha"},"tenants":{"N":"2"}}`, out["item"].(string))

	_, _, err = invoke(map[string]any{"tableName": table, "key": `{"id":{"S":"beta"}}`})
	require.ErrorContains(t, err, "reading DynamoDB Table Item (of-items|")
	require.ErrorContains(t, err, "): empty result")
	_, _, err = invoke(map[string]any{"tableName": "nowhere", "key": `{"id":{"S":"beta"}}`})
	require.ErrorContains(t, err, "): couldn't find resource")

	_, failures, err = invoke(map[string]any{"table": table, "projectionExpression": "id", "key": 1})
	require.NoError(t, err)
	for _, want := range []string{"table is an unknown argument of " + token, "projectionExpression is an argument of " + token + " that the local cloud does not support", "key must be a string", "tableName is required"} {
		require.Contains(t, failures, want)
	}
	for _, key := range []string{"alpha", `{"id":{"N":"1"}}`} {
		_, _, err = invoke(map[string]any{"tableName": table, "key": key})
		require.ErrorContains(t, err, "key", key)
	}
}

func TestRefusesProviderSettingsThatItCannotHonour(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	for name, c := range map[string]struct {
		in   map[string]any
		want []string
	}{
		"what the program sets": {map[string]any{"region": "us-east-1", "profile": "work", "skipRegionValidation": "true", "defaultTags": `{"tags":{"Stack":"dev"}}`}, nil},
		"another region":        {map[string]any{"region": "eu-west-1"}, []string{`region is "eu-west-1", but the local cloud has one region, us-east-1`}},
		"a misspelt setting":    {map[string]any{"defaultTag": "x"}, []string{"defaultTag is an unknown setting of the AWS provider"}},
		"a role to assume":      {map[string]any{"assumeRole": "{}"}, []string{"assumeRole is a setting of the AWS provider that the local cloud does not support"}},
		"tags that are a list":  {map[string]any{"defaultTags": `{"tags":["x"]}`}, []string{"defaultTags has tags that must be an object, got a value of type []"}},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := e.client.CheckConfig(t.Context(), &pulumirpc.CheckRequest{News: e.marshal(properties(c.in))})
			require.NoError(t, err)
			var reasons []string
			for _, f := range resp.GetFailures() {
				reasons = append(reasons, f.GetReason())
			}
			require.Len(t, reasons, len(c.want))
			for i, want := range c.want {
				require.Contains(t, reasons[i], want)
			}
		})
	}
}

// What a preview does not know yet must not be refused.
func TestAcceptsWhatIsNotKnownYet(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	unknown := resource.MakeComputed(resource.NewProperty(""))
	for _, l := range append(emulatedLifecycles(shared{queueURL: "u", keyID: "k", otherKeyARN: "k"}), roomLifecycles(t, shared{apiID: "a", streamARN: "s", integrationID: "i"})...) {
		for name := range l.in {
			in := properties(l.in)
			in[resource.PropertyKey(name)] = unknown
			if l.token == mappingType {
				in["eventSourceArn"] = unknown
			}
			_, reasons := e.check(l.token, in)
			require.Empty(t, reasons, "%s with an unknown %s", l.token, name)
		}
	}
}

func TestProviderHasTheVersionOfTheProgramsSDK(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	require.NoError(t, err)
	version := regexp.MustCompile(`github.com/pulumi/pulumi-aws/sdk/v6 v(\S+)`).FindSubmatch(text)
	require.NotNil(t, version)
	require.Equal(t, string(version[1]), provider.SDKVersion)
}

// A rule for a property that does not exist would never be applied, and nobody would notice.
func TestDefinitionsMentionOnlyWhatTheSDKHas(t *testing.T) {
	require.Empty(t, provider.UnknownToSDK())
}
