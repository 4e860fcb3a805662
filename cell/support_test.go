package cell_test

import (
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/cell"
	"cellular/internal/model/config"
	"cellular/internal/model/mapping"
	"cellular/internal/testkit/pulumitest"
)

// The types of the resources in a cell.
const (
	tableType          = "aws:dynamodb/table:Table"
	tablePolicyType    = "aws:dynamodb/resourcePolicy:ResourcePolicy"
	functionType       = "aws:lambda/function:Function"
	mappingType        = "aws:lambda/eventSourceMapping:EventSourceMapping"
	topicType          = "aws:sns/topic:Topic"
	topicPolicyType    = "aws:sns/topicPolicy:TopicPolicy"
	subscriptionType   = "aws:sns/topicSubscription:TopicSubscription"
	queueType          = "aws:sqs/queue:Queue"
	queuePolicyType    = "aws:sqs/queuePolicy:QueuePolicy"
	redriveAllowType   = "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy"
	roleType           = "aws:iam/role:Role"
	rolePolicyType     = "aws:iam/rolePolicy:RolePolicy"
	logGroupType       = "aws:cloudwatch/logGroup:LogGroup"
	parameterType      = "aws:ssm/parameter:Parameter"
	alarmType          = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeType      = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	providerName       = "explicit"
	routerRole         = "arn:aws-us-gov:iam::210987654321:role/test-edge-cell-router-role"
	alarmTopic         = "arn:aws-us-gov:sns:us-gov-west-1:210987654321:test-global-alarms"
	arnPrefix          = "arn:aws-us-gov:"
	here               = ":us-gov-west-1:210987654321:"
	alphaDataTable     = arnPrefix + "dynamodb" + here + "table/test-app-data-cell-alpha"
	alphaStream        = alphaDataTable + "/stream/2026-01-01T00:00:00.000"
	alphaCountersTable = arnPrefix + "dynamodb" + here + "table/test-rate-counters-cell-alpha"
	alphaResultsTable  = arnPrefix + "dynamodb" + here + "table/test-app-results-cell-alpha"
	alphaTopic         = arnPrefix + "sns" + here + "test-processing-topic-cell-alpha"
	alphaQueue         = arnPrefix + "sqs" + here + "test-processing-queue-cell-alpha"
	alphaConsumerDLQ   = arnPrefix + "sqs" + here + "test-processing-queue-dlq-cell-alpha"
	alphaSubDLQ        = arnPrefix + "sqs" + here + "test-processing-queue-sub-dlq-cell-alpha"
	alphaStreamDLQ     = arnPrefix + "sqs" + here + "test-processing-queue-stream-dlq-cell-alpha"
	alphaProducerRole  = "arn:aws-us-gov:iam::210987654321:role/test-producer-role-cell-alpha"
	alphaConsumerRole  = "arn:aws-us-gov:iam::210987654321:role/test-consumer-role-cell-alpha"
	alphaProducerLogs  = arnPrefix + "logs" + here + "log-group:/aws/lambda/test-producer-cell-alpha"
	alphaConsumerLogs  = arnPrefix + "logs" + here + "log-group:/aws/lambda/test-consumer-cell-alpha"
	queueURLPrefix     = "https://sqs.us-gov-west-1.amazonaws.com/210987654321/"
)

// validArgs are arguments of a cell named alpha in which no two numbers are equal, so that a mix-up shows.
func validArgs() *cell.Args {
	return &cell.Args{
		ID: "alpha", Wave: 1, Tier: mapping.TierStandard, MaxTenants: 90,
		Stack: pulumitest.Stack, Protect: true,
		RouterRoleARN: pulumi.String(routerRole), AlarmTopicARN: pulumi.String(alarmTopic), RouterHealth: pulumi.String("test-health-router"),
		Code: cell.Code{Producer: "/zips/producer.zip", Consumer: "/zips/consumer.zip"},
		Functions: cell.Functions{
			Architecture: "arm64", Memory: 256, Timeout: 30 * time.Second,
			LogLevel: "info", LogRetentionDays: 14, Tracing: true,
		},
		Pipeline: cell.Pipeline{
			Stream:             cell.Stream{BatchSize: 101, BatchWindow: 2 * time.Second, MaxRecordAge: 6 * time.Hour, Parallelization: 3, ConcurrentPublishes: 11},
			InlinePayloadBytes: 65536,
			DataTTL:            840 * time.Hour,
			Queue: cell.Queue{
				BatchSize: 9, BatchWindow: 4 * time.Second, MaxReceiveCount: 5, MaxConcurrency: 12,
				Retention: 96 * time.Hour, DLQRetention: 336 * time.Hour,
			},
			Consumer: cell.Consumer{
				ConcurrentTenants: 13, RecordTimeout: 7 * time.Second, RetryBackoffBase: 2 * time.Second, RetryBackoffMax: 5 * time.Minute, ResultTTL: 2160 * time.Hour,
			},
		},
		Alarms: config.Default().Alarms,
		Probe:  config.Default().Probe,
	}
}

// deploy registers one cell per id with an explicit provider, each changed as asked, and returns what was registered.
func deploy(t testing.TB, ids []string, change func(*cell.Args), opts ...pulumitest.Option) *pulumitest.Recorder {
	t.Helper()
	return pulumitest.Run(t, func(ctx *pulumi.Context) error {
		provider, err := pulumitest.Provider(ctx, providerName)
		if err != nil {
			return err
		}
		for _, id := range ids {
			args := validArgs()
			args.ID = id
			if change != nil {
				change(args)
			}
			if _, err := cell.New(ctx, "cell-"+id, args, pulumi.Provider(provider)); err != nil {
				return err
			}
		}
		return nil
	}, opts...)
}

// deployAlpha registers the cell of validArgs.
func deployAlpha(t testing.TB, opts ...pulumitest.Option) *pulumitest.Recorder {
	t.Helper()
	return deploy(t, []string{"alpha"}, nil, opts...)
}

// part returns a resource of the cell alpha.
func part(t testing.TB, r *pulumitest.Recorder, typ, name string) *pulumitest.Resource {
	t.Helper()
	return r.Named(t, typ, "cell-alpha-"+name)
}
