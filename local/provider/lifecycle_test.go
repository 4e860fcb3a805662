package provider_test

import (
	"context"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/scheduler"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sns"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/stretchr/testify/require"

	"cellular/functions"
)

func tokenType(token string) tokens.Type { return tokens.Type(token) }

func withoutCancel(t *testing.T) context.Context { return context.WithoutCancel(t.Context()) }

// The types under test, and valid inputs of each.
const (
	tableType        = "aws:dynamodb/table:Table"
	tablePolicyType  = "aws:dynamodb/resourcePolicy:ResourcePolicy"
	topicType        = "aws:sns/topic:Topic"
	topicPolicyType  = "aws:sns/topicPolicy:TopicPolicy"
	subscriptionType = "aws:sns/topicSubscription:TopicSubscription"
	queueType        = "aws:sqs/queue:Queue"
	queuePolicyType  = "aws:sqs/queuePolicy:QueuePolicy"
	redriveAllowType = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
	roleType         = "aws:iam/role:Role"
	rolePolicyType   = "aws:iam/rolePolicy:RolePolicy"
	logGroupType     = "aws:cloudwatch/logGroup:LogGroup"
	parameterType    = "aws:ssm/parameter:Parameter"
	functionType     = "aws:lambda/function:Function"
	mappingType      = "aws:lambda/eventSourceMapping:EventSourceMapping"
	permissionType   = "aws:lambda/permission:Permission"
	apiType          = "aws:apigatewayv2/api:Api"
	integrationType  = "aws:apigatewayv2/integration:Integration"
	routeType        = "aws:apigatewayv2/route:Route"
	stageType        = "aws:apigatewayv2/stage:Stage"
	authorizerType   = "aws:apigatewayv2/authorizer:Authorizer"
	metricAlarmType  = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeType    = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	dashboardType    = "aws:cloudwatch/dashboard:Dashboard"
	queryType        = "aws:cloudwatch/queryDefinition:QueryDefinition"
	keyType          = "aws:kms/key:Key"
	aliasType        = "aws:kms/alias:Alias"
	scheduleType     = "aws:scheduler/schedule:Schedule"
	invokeConfigType = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}`

func queueARN(name string) string { return "arn:aws:sqs:us-east-1:" + account + ":" + name }

func allow(principal, action, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"` + action + `","Resource":"` + resource + `"}]}`
}

func aTable() map[string]any {
	return map[string]any{
		"name": "table", "billingMode": "PAY_PER_REQUEST", "hashKey": "id",
		"attributes": []any{
			map[string]any{"name": "id", "type": "S"}, map[string]any{"name": "tenant", "type": "S"}, map[string]any{"name": "at", "type": "S"},
		},
		"globalSecondaryIndexes": []any{map[string]any{"name": "by-tenant", "hashKey": "tenant", "rangeKey": "at", "projectionType": "KEYS_ONLY"}},
		"streamEnabled":          true, "streamViewType": "NEW_AND_OLD_IMAGES",
		"ttl":                       map[string]any{"enabled": true, "attributeName": "expires"},
		"pointInTimeRecovery":       map[string]any{"enabled": true},
		"serverSideEncryption":      map[string]any{"enabled": true},
		"deletionProtectionEnabled": false,
		"tags":                      map[string]any{"Cell": "alpha"},
	}
}

// aHistory is a table with a numeric range key, and without indexes.
func aHistory() map[string]any {
	return map[string]any{
		"name": "history", "billingMode": "PAY_PER_REQUEST", "hashKey": "tenant", "rangeKey": "epoch",
		"attributes": []any{map[string]any{"name": "tenant", "type": "S"}, map[string]any{"name": "epoch", "type": "N"}},
	}
}

func anAlarm() map[string]any {
	return map[string]any{
		"name": "depth", "alarmDescription": "Runbook 1", "namespace": "AWS/SQS", "metricName": "ApproximateNumberOfMessagesVisible",
		"dimensions": map[string]any{"QueueName": "dlq"}, "statistic": "Maximum", "period": 60, "threshold": 0, "comparisonOperator": "GreaterThanThreshold",
		"evaluationPeriods": 5, "datapointsToAlarm": 1, "treatMissingData": "notBreaching", "tags": map[string]any{"Cell": "alpha"},
	}
}

func aPercentileAlarm() map[string]any {
	return map[string]any{
		"name": "latency", "namespace": "Cellular/dev", "metricName": "accepted_to_applied_ms", "dimensions": map[string]any{"cell": "alpha"},
		"extendedStatistic": "p99", "evaluateLowSampleCountPercentiles": "ignore", "period": 10, "threshold": 2500.5,
		"comparisonOperator": "GreaterThanOrEqualToThreshold", "evaluationPeriods": 3, "actionsEnabled": false,
		"alarmActions": []any{topicSharedARN}, "okActions": []any{topicSharedARN}, "insufficientDataActions": []any{topicSharedARN},
	}
}

func aMathAlarm() map[string]any {
	sum := func(id, name string) map[string]any {
		return map[string]any{"id": id, "returnData": false, "metric": map[string]any{
			"namespace": "Cellular/dev", "metricName": name, "dimensions": map[string]any{"cell": "alpha"}, "period": 60, "stat": "Sum",
		}}
	}
	return map[string]any{
		"name": "share", "threshold": 5, "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 3, "metricQueries": []any{
			map[string]any{"id": "share", "expression": "IF(all > 20, 100 * FILL(bad, 0) / all, 0)", "label": "5xx in percent", "returnData": true},
			sum("bad", "requests_5xx"), sum("all", "requests"),
		},
	}
}

func aComposite() map[string]any {
	return map[string]any{
		"alarmName": "health", "alarmDescription": "Runbooks", "alarmRule": `ALARM("shared-depth") OR ALARM("shared-age")`,
		"alarmActions": []any{topicSharedARN}, "okActions": []any{topicSharedARN},
		"actionsSuppressor": map[string]any{"alarm": "shared-age", "waitPeriod": 60, "extensionPeriod": 120}, "tags": map[string]any{"Cell": "alpha"},
	}
}

const administered = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}`

func aKey() map[string]any {
	return map[string]any{
		"description": "Encrypts", "enableKeyRotation": true, "deletionWindowInDays": 7, "policy": `{"Version":"2012-10-17","Statement":[` + administered + `]}`,
		"tags": map[string]any{"Layer": "ControlPlane"},
	}
}

// with returns m with some properties replaced; a nil value removes one.
func with(m map[string]any, changes map[string]any) map[string]any {
	out := maps.Clone(m)
	maps.Copy(out, changes)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// lifecycle is one type's way through create, update and delete.
type lifecycle struct {
	token   string
	sdk     any // the SDK's resource struct: every output that it takes for granted must have a value
	in      map[string]any
	change  map[string]any
	changed []string       // the properties that the diff must name
	outputs map[string]any // some of the outputs
	untold  []string       // inputs that nobody tells, so that an import cannot find them
	lingers bool           // a read cannot know that the resource is gone
}

func emulatedLifecycles(shared shared) []lifecycle {
	return []lifecycle{
		{
			token: tableType, sdk: dynamodb.Table{}, in: aTable(),
			change: map[string]any{
				"deletionProtectionEnabled": nil, "ttl": map[string]any{"enabled": true, "attributeName": "ttl"}, "pointInTimeRecovery": map[string]any{"enabled": false},
				"streamEnabled": nil, "streamViewType": nil, "tags": map[string]any{"Layer": "DataPlane"},
				"attributes":             []any{map[string]any{"name": "id", "type": "S"}, map[string]any{"name": "tenant", "type": "S"}},
				"globalSecondaryIndexes": []any{map[string]any{"name": "by-tenant", "hashKey": "tenant", "projectionType": "ALL"}},
			},
			changed: []string{"attributes", "deletionProtectionEnabled", "globalSecondaryIndexes", "pointInTimeRecovery", "streamEnabled", "streamViewType", "tags", "tagsAll", "ttl"},
			outputs: map[string]any{"arn": "arn:aws:dynamodb:us-east-1:" + account + ":table/table", "name": "table"},
		},
		{
			token: tableType, sdk: dynamodb.Table{}, in: aHistory(),
			change: map[string]any{
				"attributes": []any{
					map[string]any{"name": "tenant", "type": "S"}, map[string]any{"name": "epoch", "type": "N"},
					map[string]any{"name": "open", "type": "S"}, map[string]any{"name": "cell", "type": "S"},
				},
				"globalSecondaryIndexes": []any{
					map[string]any{"name": "open", "hashKey": "open", "rangeKey": "tenant", "projectionType": "ALL"},
					map[string]any{"name": "by-cell", "hashKey": "cell", "rangeKey": "epoch", "projectionType": "KEYS_ONLY"},
				},
				"ttl": map[string]any{"enabled": true, "attributeName": "expires"},
			},
			changed: []string{"attributes", "globalSecondaryIndexes", "ttl"},
		},
		{
			token: tablePolicyType, sdk: dynamodb.ResourcePolicy{},
			in: map[string]any{
				"resourceArn": "arn:aws:dynamodb:us-east-1:" + account + ":table/shared",
				"policy":      allow(`{"AWS":"arn:aws:iam::`+account+`:role/shared"}`, "dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:"+account+":table/shared"),
			},
			change:  map[string]any{"policy": allow(`{"AWS":"arn:aws:iam::`+account+`:role/shared"}`, "dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:"+account+":table/shared")},
			changed: []string{"policy"},
		},
		{
			token: topicType, sdk: sns.Topic{}, in: map[string]any{"name": "topic", "kmsMasterKeyId": "alias/aws/sns", "tags": map[string]any{"Cell": "alpha"}},
			change: map[string]any{"displayName": "Topic", "tags": map[string]any{"Cell": "beta"}}, changed: []string{"displayName", "tags", "tagsAll"},
			outputs: map[string]any{"arn": "arn:aws:sns:us-east-1:" + account + ":topic", "owner": account},
		},
		{
			token: topicPolicyType, sdk: sns.TopicPolicy{},
			in: map[string]any{
				"arn":    "arn:aws:sns:us-east-1:" + account + ":shared",
				"policy": allow(`"*"`, "sns:Publish", "arn:aws:sns:us-east-1:"+account+":shared"),
			},
			change:  map[string]any{"policy": allow(`"*"`, "sns:Subscribe", "arn:aws:sns:us-east-1:"+account+":shared")},
			changed: []string{"policy"}, outputs: map[string]any{"owner": account},
		},
		{
			token: subscriptionType, sdk: sns.TopicSubscription{},
			in: map[string]any{
				"topic": "arn:aws:sns:us-east-1:" + account + ":shared", "protocol": "sqs", "endpoint": queueARN("shared"), "rawMessageDelivery": true,
				"redrivePolicy": `{"deadLetterTargetArn":"` + queueARN("shared-dlq") + `"}`,
			},
			change: map[string]any{"rawMessageDelivery": false}, changed: []string{"rawMessageDelivery"},
			outputs: map[string]any{"pendingConfirmation": false, "ownerId": account},
		},
		{
			token: queueType, sdk: sqs.Queue{},
			in: map[string]any{
				"name": "queue", "visibilityTimeoutSeconds": 180, "receiveWaitTimeSeconds": 20, "sqsManagedSseEnabled": true,
				"redrivePolicy": `{"deadLetterTargetArn":"` + queueARN("shared-dlq") + `","maxReceiveCount":5}`, "tags": map[string]any{"Cell": "alpha"},
			},
			change:  map[string]any{"visibilityTimeoutSeconds": 240, "redrivePolicy": nil, "tags": nil},
			changed: []string{"redrivePolicy", "tags", "tagsAll", "visibilityTimeoutSeconds"},
			outputs: map[string]any{"arn": queueARN("queue"), "messageRetentionSeconds": 345_600.0},
		},
		{
			token: queuePolicyType, sdk: sqs.QueuePolicy{},
			in:     map[string]any{"queueUrl": shared.queueURL, "policy": allow(`{"Service":"sns.amazonaws.com"}`, "sqs:SendMessage", queueARN("shared"))},
			change: map[string]any{"policy": allow(`{"Service":"sns.amazonaws.com"}`, "sqs:*", queueARN("shared"))}, changed: []string{"policy"},
		},
		{
			token: redriveAllowType, sdk: sqs.RedriveAllowPolicy{},
			in:     map[string]any{"queueUrl": shared.queueURL, "redriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + queueARN("a") + `"]}`},
			change: map[string]any{"redriveAllowPolicy": `{"redrivePermission":"denyAll"}`}, changed: []string{"redriveAllowPolicy"}, untold: []string{"redriveAllowPolicy", "queueUrl"}, lingers: true,
		},
		{
			token: roleType, sdk: iam.Role{}, in: map[string]any{"name": "role", "assumeRolePolicy": trust, "tags": map[string]any{"Cell": "alpha"}},
			change:  map[string]any{"description": "A role", "assumeRolePolicy": strings.Replace(trust, "lambda", "sqs", 1), "tags": map[string]any{}},
			changed: []string{"assumeRolePolicy", "description", "tags", "tagsAll"},
			outputs: map[string]any{"arn": "arn:aws:iam::" + account + ":role/role"},
		},
		{
			token: rolePolicyType, sdk: iam.RolePolicy{},
			in:     map[string]any{"name": "policy", "role": "shared", "policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage"],"Resource":["` + queueARN("a") + `"]}]}`},
			change: map[string]any{"policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`}, changed: []string{"policy"},
		},
		{
			token: logGroupType, sdk: cloudwatch.LogGroup{}, in: map[string]any{"name": "/aws/lambda/f", "retentionInDays": 30, "tags": map[string]any{"Cell": "alpha"}},
			change: map[string]any{"retentionInDays": nil, "tags": map[string]any{"Cell": "beta"}}, changed: []string{"retentionInDays", "tags", "tagsAll"},
			outputs: map[string]any{"arn": "arn:aws:logs:us-east-1:" + account + ":log-group:/aws/lambda/f"},
		},
		{
			token: parameterType, sdk: ssm.Parameter{}, in: map[string]any{"name": "/cellular/test/cells/alpha", "type": "String", "value": `{"id":"alpha"}`, "tags": map[string]any{"Cell": "alpha"}},
			change: map[string]any{"value": `{"id":"beta"}`, "tags": map[string]any{"Cell": "beta"}}, changed: []string{"tags", "tagsAll", "value"},
			outputs: map[string]any{"version": 1.0, "arn": "arn:aws:ssm:us-east-1:" + account + ":parameter/cellular/test/cells/alpha"},
		},
		{
			token: metricAlarmType, sdk: cloudwatch.MetricAlarm{}, in: anAlarm(),
			change:  map[string]any{"threshold": 1.5, "period": 30, "datapointsToAlarm": nil, "alarmActions": []any{topicSharedARN}, "alarmDescription": nil, "tags": map[string]any{"Cell": "beta"}},
			changed: []string{"alarmActions", "alarmDescription", "datapointsToAlarm", "period", "tags", "tagsAll", "threshold"},
			outputs: map[string]any{"arn": alarmARN("depth")},
		},
		{
			token: metricAlarmType, sdk: cloudwatch.MetricAlarm{}, in: aPercentileAlarm(),
			change:  map[string]any{"evaluateLowSampleCountPercentiles": "evaluate", "extendedStatistic": "p99.9", "actionsEnabled": nil, "okActions": nil, "treatMissingData": "ignore"},
			changed: []string{"actionsEnabled", "evaluateLowSampleCountPercentiles", "extendedStatistic", "okActions", "treatMissingData"},
		},
		{
			token: metricAlarmType, sdk: cloudwatch.MetricAlarm{}, in: aMathAlarm(),
			change: map[string]any{"metricQueries": []any{
				map[string]any{"id": "share", "expression": "100 * bad", "returnData": true},
				map[string]any{"id": "bad", "metric": map[string]any{"namespace": "Cellular/dev", "metricName": "bad", "period": 30, "stat": "p50"}},
			}},
			changed: []string{"metricQueries"},
		},
		{
			token: compositeType, sdk: cloudwatch.CompositeAlarm{}, in: aComposite(),
			change:  map[string]any{"alarmRule": `ALARM("shared-depth")`, "actionsSuppressor": nil, "okActions": nil, "tags": map[string]any{"Cell": "beta"}},
			changed: []string{"actionsSuppressor", "alarmRule", "okActions", "tags", "tagsAll"},
			outputs: map[string]any{"arn": alarmARN("health")},
		},
		{
			token: dashboardType, sdk: cloudwatch.Dashboard{}, in: map[string]any{"dashboardName": "fleet", "dashboardBody": `{"widgets":[{"type":"text","properties":{"markdown":"a"}}]}`},
			change: map[string]any{"dashboardBody": `{"widgets":[]}`}, changed: []string{"dashboardBody"},
			outputs: map[string]any{"dashboardArn": "arn:aws:cloudwatch::" + account + ":dashboard/fleet"},
		},
		{
			token: queryType, sdk: cloudwatch.QueryDefinition{}, in: map[string]any{"name": "dev/failures", "queryString": "limit 20", "logGroupNames": []any{"/aws/lambda/f"}},
			change: map[string]any{"queryString": "limit 30"}, changed: []string{"queryString"},
		},
		{
			token: keyType, sdk: kms.Key{}, in: aKey(),
			change: map[string]any{
				"description": "Encrypts more", "enableKeyRotation": false, "deletionWindowInDays": 30, "tags": map[string]any{"Layer": "Edge"},
				"policy": `{"Version":"2012-10-17","Statement":[` + administered + `,{"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*"}]}`,
			},
			changed: []string{"deletionWindowInDays", "description", "enableKeyRotation", "policy", "tags", "tagsAll"},
			outputs: map[string]any{"multiRegion": false, "rotationPeriodInDays": 365.0}, untold: []string{"deletionWindowInDays"},
		},
		{
			token: aliasType, sdk: kms.Alias{}, in: map[string]any{"name": "alias/dev-alarms", "targetKeyId": shared.keyID},
			change: map[string]any{"targetKeyId": shared.otherKeyARN}, changed: []string{"targetKeyId"},
			outputs: map[string]any{"arn": "arn:aws:kms:us-east-1:" + account + ":alias/dev-alarms"},
		},
	}
}

func alarmARN(name string) string {
	return "arn:aws:cloudwatch:us-east-1:" + account + ":alarm:" + name
}

// roomLifecycles are those of the types that live in the Lambda and Gateway rooms.
func roomLifecycles(t *testing.T, shared shared) []lifecycle {
	return []lifecycle{
		{
			token: functionType, sdk: lambda.Function{}, in: aFunction(t, "function"),
			change: map[string]any{
				"timeout": 20, "code": zipFile(t, "two"), "environment": map[string]any{"variables": map[string]any{"KEY": "2"}}, "tags": map[string]any{"Cell": "beta"},
				"reservedConcurrentExecutions": 5, "loggingConfig": map[string]any{"logFormat": "JSON", "logGroup": "/aws/lambda/function", "applicationLogLevel": "DEBUG"},
			},
			changed: []string{"code", "environment", "loggingConfig", "reservedConcurrentExecutions", "tags", "tagsAll", "timeout"},
			outputs: map[string]any{"arn": functionARN("function"), "qualifiedArn": functionARN("function") + ":$LATEST", "memorySize": 128.0},
			untold:  []string{"code"},
		},
		{
			token: mappingType, sdk: lambda.EventSourceMapping{},
			in: map[string]any{
				"functionName": "shared", "eventSourceArn": shared.streamARN, "startingPosition": "TRIM_HORIZON", "batchSize": 100, "maximumRetryAttempts": 5,
				"maximumRecordAgeInSeconds": 3600, "bisectBatchOnFunctionError": true, "functionResponseTypes": []any{"ReportBatchItemFailures"},
				"filterCriteria":    map[string]any{"filters": []any{map[string]any{"pattern": `{"eventName":["INSERT"]}`}}},
				"destinationConfig": map[string]any{"onFailure": map[string]any{"destinationArn": queueARN("shared-dlq")}},
			},
			change: map[string]any{"batchSize": 50, "maximumRetryAttempts": 2, "enabled": false}, changed: []string{"batchSize", "enabled", "maximumRetryAttempts"},
			outputs: map[string]any{"functionArn": functionARN("shared"), "state": "Enabled"},
		},
		{
			token: mappingType, sdk: lambda.EventSourceMapping{},
			in: map[string]any{
				"functionName": "shared", "eventSourceArn": queueARN("shared"), "scalingConfig": map[string]any{"maximumConcurrency": 10}, "tags": map[string]any{"Cell": "alpha"},
			},
			change:  map[string]any{"scalingConfig": map[string]any{"maximumConcurrency": 2}, "metricsConfig": map[string]any{"metrics": []any{"EventCount"}}},
			changed: []string{"metricsConfig", "scalingConfig"},
			untold:  []string{"tags"},
		},
		{
			token: invokeConfigType, sdk: lambda.FunctionEventInvokeConfig{},
			in:     map[string]any{"functionName": "shared", "maximumRetryAttempts": 0, "maximumEventAgeInSeconds": 60},
			change: map[string]any{"maximumEventAgeInSeconds": 120}, changed: []string{"maximumEventAgeInSeconds"},
		},
		{
			token: scheduleType, sdk: scheduler.Schedule{}, in: aSchedule(),
			change: map[string]any{
				"scheduleExpression": "rate(5 minutes)", "description": nil, "state": "DISABLED",
				"target": map[string]any{"arn": functionARN("shared"), "roleArn": sharedRoleARN, "retryPolicy": map[string]any{"maximumRetryAttempts": 0}},
			},
			changed: []string{"description", "scheduleExpression", "state", "target"},
			outputs: map[string]any{"arn": "arn:aws:scheduler:us-east-1:" + account + ":schedule/default/minutely"},
		},
		{
			token: apiType, sdk: apigatewayv2.Api{}, in: map[string]any{"name": "api", "protocolType": "HTTP", "tags": map[string]any{"Layer": "Edge"}},
			change: map[string]any{"description": "An API", "name": "renamed", "tags": nil}, changed: []string{"description", "name", "tags", "tagsAll"},
		},
		{
			token: integrationType, sdk: apigatewayv2.Integration{},
			in: map[string]any{
				"apiId": shared.apiID, "integrationType": "AWS_PROXY", "integrationMethod": "POST", "payloadFormatVersion": "2.0",
				"integrationUri": functionARN("shared"), "timeoutMilliseconds": 11_000,
			},
			change: map[string]any{"timeoutMilliseconds": nil}, changed: []string{"timeoutMilliseconds"},
		},
		{
			token: routeType, sdk: apigatewayv2.Route{},
			in:     map[string]any{"apiId": shared.apiID, "routeKey": "POST /v1/events", "target": "integrations/" + shared.integrationID},
			change: map[string]any{"routeKey": "GET /v1/events/{id}"}, changed: []string{"routeKey"},
		},
		{
			token: routeType, sdk: apigatewayv2.Route{},
			in: map[string]any{
				"apiId": shared.apiID, "routeKey": "PUT /", "target": "integrations/" + shared.integrationID, "authorizationType": "JWT", "authorizerId": shared.authorizerID,
			},
			change: map[string]any{"authorizationType": "AWS_IAM", "authorizerId": nil}, changed: []string{"authorizationType", "authorizerId"},
		},
		{
			token: authorizerType, sdk: apigatewayv2.Authorizer{}, in: anAuthorizer(shared.apiID),
			change:  map[string]any{"jwtConfiguration": map[string]any{"issuer": "https://id.example.com/", "audiences": []any{"b"}}},
			changed: []string{"jwtConfiguration"},
		},
		{
			token: stageType, sdk: apigatewayv2.Stage{},
			in: map[string]any{
				"apiId": shared.apiID, "name": "$default", "autoDeploy": true, "tags": map[string]any{"Layer": "Edge"},
				"accessLogSettings":    map[string]any{"destinationArn": "arn:aws:logs:us-east-1:" + account + ":log-group:access", "format": `{"id":"$context.requestId"}`},
				"defaultRouteSettings": map[string]any{"throttlingRateLimit": 50.5, "throttlingBurstLimit": 100},
			},
			change:  map[string]any{"defaultRouteSettings": map[string]any{"throttlingRateLimit": 10, "throttlingBurstLimit": 100}},
			changed: []string{"defaultRouteSettings"},
			outputs: map[string]any{"executionArn": "arn:aws:execute-api:us-east-1:" + account + ":" + shared.apiID + "/$default"},
		},
	}
}

const sharedRoleARN = "arn:aws:iam::" + account + ":role/shared"

func aSchedule() map[string]any {
	return map[string]any{
		"name": "minutely", "description": "Runs something", "scheduleExpression": "rate(1 minute)", "flexibleTimeWindow": map[string]any{"mode": "OFF"},
		"target": map[string]any{
			"arn": functionARN("shared"), "roleArn": sharedRoleARN, "input": "{}",
			"retryPolicy": map[string]any{"maximumRetryAttempts": 0, "maximumEventAgeInSeconds": 60},
		},
	}
}

func functionARN(name string) string {
	return "arn:aws:lambda:us-east-1:" + account + ":function:" + name
}

func aFunction(t *testing.T, name string) map[string]any {
	return map[string]any{
		"name": name, "role": "arn:aws:iam::" + account + ":role/shared", "runtime": "provided.al2023", "handler": "bootstrap", "code": zipFile(t, "one"),
		"architectures": []any{functions.Architecture(runtime.GOARCH)}, "timeout": 10, "environment": map[string]any{"variables": map[string]any{"KEY": "1"}},
		"loggingConfig": map[string]any{"logFormat": "JSON", "logGroup": "/aws/lambda/function"}, "tags": map[string]any{"Cell": "alpha"},
	}
}

// shared is what the lifecycles refer to.
type shared struct{ queueURL, streamARN, apiID, integrationID, authorizerID, keyID, otherKeyARN string }

func anAuthorizer(apiID string) map[string]any {
	return map[string]any{
		"apiId": apiID, "name": "jwt", "authorizerType": "JWT", "identitySources": []any{"$request.header.Authorization"},
		"jwtConfiguration": map[string]any{"issuer": "https://id.example.com/", "audiences": []any{"a"}},
	}
}

func createShared(e engine) shared {
	e.create(roleType, map[string]any{"name": "shared", "assumeRolePolicy": trust})
	table := e.create(tableType, with(aTable(), map[string]any{"name": "shared"}))
	e.create(topicType, map[string]any{"name": "shared"})
	e.create(queueType, map[string]any{"name": "shared-dlq"})
	queue := e.create(queueType, map[string]any{"name": "shared"})
	e.create(functionType, aFunction(e.t, "shared"))
	api := e.create(apiType, map[string]any{"name": "shared", "protocolType": "HTTP"})
	integration := e.create(integrationType, map[string]any{
		"apiId": api.id, "integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0", "integrationUri": functionARN("shared"),
	})
	authorizer := e.create(authorizerType, anAuthorizer(api.id))
	key, otherKey := e.create(keyType, aKey()), e.create(keyType, aKey())
	for _, name := range []string{"shared-depth", "shared-age"} {
		e.create(metricAlarmType, with(anAlarm(), map[string]any{"name": name}))
	}
	return shared{
		queueURL: queue.id, streamARN: table.out["streamArn"].StringValue(), apiID: api.id, integrationID: integration.id, authorizerID: authorizer.id,
		keyID: key.id, otherKeyARN: otherKey.out["arn"].StringValue(),
	}
}

func TestEveryTypeIsCreatedReadUpdatedAndDeleted(t *testing.T) {
	rooms, _ := newRooms(t)
	e := attach(t, rooms, nil)
	shared := createShared(e)
	for _, l := range append(emulatedLifecycles(shared), roomLifecycles(t, shared)...) {
		t.Run(l.token, func(t *testing.T) { engine{t, e.client}.lives(l) })
	}
}

func (e engine) lives(l lifecycle) {
	t := e.t
	m := e.create(l.token, l.in)
	require.NotEmpty(t, m.id)
	for _, name := range takenForGranted(l.sdk) {
		require.Contains(t, m.out, resource.PropertyKey(name), "the SDK turns this output into its zero value if it is missing")
	}
	for name, want := range l.outputs {
		require.Equal(t, want, m.out.Mappable()[name], "output %s", name)
	}

	require.Equal(t, pulumirpc.DiffResponse_DIFF_NONE, e.diff(m, m.in).GetChanges(), "the same inputs are no change")
	fresh := e.read(m)
	require.Equal(t, m.id, fresh.id)
	require.Empty(t, e.diff(fresh, m.in).GetDetailedDiff(), "a refresh of what nobody touched is no change")
	imported := e.read(made{token: l.token, id: l.importID(m)})
	require.ElementsMatch(t, l.untold, lost(imported.in, m.in), "an import finds the properties that were set")

	wanted, reasons := e.check(l.token, properties(with(l.in, l.change)))
	require.Empty(t, reasons)
	d := e.diff(m, wanted)
	require.ElementsMatch(t, l.changed, d.GetDiffs())
	require.Empty(t, d.GetReplaces(), "the change is made in place")
	changed := e.update(m, wanted)
	require.Equal(t, pulumirpc.DiffResponse_DIFF_NONE, e.diff(changed, wanted).GetChanges(), "after the update there is nothing to do")
	require.Empty(t, e.diff(e.read(changed), wanted).GetDetailedDiff(), "a read finds what the update set")

	e.delete(changed)
	if !l.lingers {
		require.Empty(t, e.read(changed).id, "it is gone")
	}
	e.delete(changed) // what is gone already is no error
}

// takenForGranted names the outputs whose type has no way to say "not set".
func takenForGranted(sdk any) []string {
	var names []string
	s := reflect.TypeOf(sdk)
	for i := range s.NumField() {
		f := s.Field(i)
		of := f.Type.Name()
		if name := f.Tag.Get("pulumi"); name != "" && !strings.HasSuffix(of, "PtrOutput") && !strings.HasSuffix(of, "ArrayOutput") && !strings.HasSuffix(of, "MapOutput") {
			names = append(names, name)
		}
	}
	return names
}

// importID is the id that a user gives to an import.
func (l lifecycle) importID(m made) string {
	if apiID, ok := l.in["apiId"]; ok {
		return apiID.(string) + "/" + m.id
	}
	return m.id
}

// lost names the properties of want that got does not have.
func lost(got, want resource.PropertyMap) []string {
	var names []string
	for _, key := range want.StableKeys() {
		if _, ok := got[key]; !ok {
			names = append(names, string(key))
		}
	}
	return names
}
