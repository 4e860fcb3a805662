package health_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/health"
	"cellular/internal/operator/placement"
	"cellular/internal/testkit/alarmtest"
)

// bad are the findings that are not ok.
func bad(findings []health.Finding) []health.Finding {
	return slices.DeleteFunc(findings, func(f health.Finding) bool { return f.Level == health.OK })
}

func TestAHealthyDeploymentHasNothingToComplainOf(t *testing.T) {
	found := run(t, healthy(t).doctor())
	require.Empty(t, bad(slices.Clone(found)))
	require.False(t, health.Failed(found))
	subjects := map[string]bool{}
	for _, f := range found {
		subjects[f.Check+" "+f.Subject] = true
	}
	for _, want := range []string{
		"credentials us-east-1", "manifest /cellular/dev/router", "manifest /cellular/dev/cells/beta", "table dev-global-tenant-moves", "table dev-global-audit",
		"table dev-app-results-cell-beta", "table policy dev-app-data-cell-alpha", "queue dev-processing-queue-stream-dlq-cell-alpha",
		"topic dev-processing-topic-cell-beta", "function dev-global-edge-router", "function dev-consumer-cell-beta",
		"event source mapping dev-producer-cell-alpha", "role policy " + role, "quota DynamoDB tables", "quota Lambda concurrency",
		"quota IAM roles", "quota SNS messages", "quota cells",
		"alarm dev-health-control-plane", "alarm dev-health-router", "alarm dev-health-cell-beta", "alarm topic dev-global-alarms",
		"leftovers dev", "moves dev", "cell state cells that are not there", "tenant count alpha", "lost mappings beta", "contents beta",
	} {
		require.True(t, subjects[want], "nothing is said of %s: %v", want, subjects)
	}
}

const (
	alarmTopic   = "dev-global-alarms"
	dataTable    = "dev-app-data-cell-alpha"
	resultsTable = "dev-app-results-cell-alpha"
	queue        = "dev-processing-queue-cell-alpha"
	consumerDLQ  = "dev-processing-queue-dlq-cell-alpha"
	topic        = "arn:aws:sns:us-east-1:123456789012:dev-processing-topic-cell-alpha"
	queueARN     = "arn:aws:sqs:us-east-1:123456789012:" + queue
	producer     = "dev-producer-cell-alpha"
	consumer     = "dev-consumer-cell-alpha"
)

// Each case breaks one thing, and what is wrong is found, and nothing else is.
func TestWhatIsWrongIsFound(t *testing.T) {
	unknown := &smithy.GenericAPIError{Code: "UnknownOperationException", Message: "no such operation"}
	denied := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not you"}
	for _, c := range []struct {
		name    string
		break_  func(*world)
		level   health.Level
		subject string
		text    string
	}{
		{"credentials", func(w *world) { w.broken["GetCallerIdentity"] = errors.New("expired") }, health.Fail, "us-east-1", "expired"},
		{"no permission", func(w *world) { w.broken["GetResourcePolicy"] = denied }, health.Skip, dataTable, "the credentials do not allow this"},
		{"not offered", func(w *world) { w.broken["DescribeContinuousBackups"] = unknown }, health.Skip, dataTable, "the endpoint does not offer this"},
		{"unreadable", func(w *world) { w.broken["ListTables"] = errors.New("timeout") }, health.Fail, "DynamoDB tables", "timeout"},

		{"manifest of another cell", func(w *world) {
			w.parameters["/cellular/dev/cells/gamma"] = w.parameters["/cellular/dev/cells/alpha"]
		}, health.Fail, "/cellular/dev/cells/gamma", "it is about cell alpha, whose parameter is /cellular/dev/cells/alpha"},
		{"manifest too long", func(w *world) { w.parameters["/cellular/dev/router"] += strings.Repeat(" ", 3500) }, health.Warn, "/cellular/dev/router", "of the 4096"},

		{"table gone", func(w *world) { delete(w.tables, "dev-global-cell-states") }, health.Fail, "dev-global-cell-states", "not there"},
		{"table status", func(w *world) { w.tables[dataTable].TableStatus = dynamodbtypes.TableStatusUpdating }, health.Fail, dataTable, "its status is UPDATING, want ACTIVE"},
		{"no stream", func(w *world) { w.tables[dataTable].StreamSpecification = nil }, health.Fail, dataTable, "it has no stream"},
		{"stream view", func(w *world) {
			w.tables[dataTable].StreamSpecification.StreamViewType = dynamodbtypes.StreamViewTypeKeysOnly
		}, health.Fail, dataTable, "view of its stream is KEYS_ONLY, want NEW_AND_OLD_IMAGES"},
		{"no index", func(w *world) {
			w.tables[resultsTable].GlobalSecondaryIndexes = w.tables[resultsTable].GlobalSecondaryIndexes[:1]
		},
			health.Fail, resultsTable, "no index waiting"},
		{"no index of the mapping", func(w *world) { w.tables["dev-global-tenant-cell-mapping"].GlobalSecondaryIndexes = nil },
			health.Fail, "dev-global-tenant-cell-mapping", "no index by-cell"},
		{"index in the making", func(w *world) {
			w.tables[dataTable].GlobalSecondaryIndexes[0].IndexStatus = dynamodbtypes.IndexStatusCreating
		}, health.Warn, dataTable, "by-shard-time is CREATING"},
		{"no TTL", func(w *world) { delete(w.ttl, "dev-global-tenant-moves") }, health.Fail, "dev-global-tenant-moves", "its TTL is off"},
		{"no TTL of the events", func(w *world) { delete(w.ttl, dataTable) }, health.Fail, dataTable, "its TTL is off"},
		{"TTL of another attribute", func(w *world) { w.ttl[resultsTable] = "applied_at" }, health.Fail, resultsTable, "TTL attribute is applied_at, want expires_at"},
		{"no deletion protection", func(w *world) { w.tables[dataTable].DeletionProtectionEnabled = nil }, health.Fail, dataTable, "deletion protection is false"},
		{"no recovery", func(w *world) { delete(w.recovery, resultsTable) }, health.Fail, resultsTable, "point-in-time recovery is off"},
		{"no table policy", func(w *world) { delete(w.policies, dataTable) }, health.Fail, dataTable, "the router cannot reach the cell"},
		{"policy of a role that was made anew", func(w *world) {
			w.policies[dataTable] = strings.Replace(w.policies[dataTable], role, "AROAEXAMPLEID", 1)
		}, health.Fail, dataTable, "does not allow " + role + " to dynamodb:PutItem"},
		{"policy without an action", func(w *world) {
			w.policies[resultsTable] = strings.Replace(w.policies[resultsTable], "GetItem", "Query", 1)
		}, health.Fail, resultsTable, "to dynamodb:GetItem"},
		{"policy that denies", func(w *world) {
			w.policies[resultsTable] = strings.Replace(w.policies[resultsTable], "Allow", "Deny", 1)
		}, health.Fail, resultsTable, "to dynamodb:GetItem"},
		{"long role policy", func(w *world) { w.rolePolicy = strings.Repeat("x", 9000) }, health.Warn, role, "9000 of at most 10240"},

		{"queue gone", func(w *world) { delete(w.queues, queue) }, health.Fail, queue, "not there"},
		{"visibility", func(w *world) { w.queues[queue]["VisibilityTimeout"] = "30" }, health.Fail, queue, "visibility timeout in seconds is 30, want 180"},
		{"retention", func(w *world) { w.queues[queue]["MessageRetentionPeriod"] = "60" }, health.Fail, queue, "retention in seconds is 60, want 345600"},
		{"no redrive", func(w *world) { delete(w.queues[queue], "RedrivePolicy") }, health.Fail, queue, "it has no RedrivePolicy"},
		{"redrive elsewhere", func(w *world) {
			w.queues[queue]["RedrivePolicy"] = strings.ReplaceAll(w.queues[queue]["RedrivePolicy"], "-alpha", "-beta")
		}, health.Fail, queue, "target of its redrive policy is arn:aws:sqs:us-east-1:123456789012:dev-processing-queue-dlq-cell-beta"},
		{"receive count", func(w *world) {
			w.queues[queue]["RedrivePolicy"] = strings.Replace(w.queues[queue]["RedrivePolicy"], `"4"`, `5`, 1)
		}, health.Fail, queue, "maximum receive count is 5, want 4"},
		{"DLQ retention", func(w *world) { w.queues[consumerDLQ]["MessageRetentionPeriod"] = "345600" }, health.Fail, consumerDLQ, "is 345600, want 1209600"},
		{"DLQ for all", func(w *world) { delete(w.queues[consumerDLQ], "RedriveAllowPolicy") }, health.Warn, consumerDLQ, "any queue of the account"},
		{"DLQ that does not tell", func(w *world) {
			delete(w.queues[consumerDLQ], "RedriveAllowPolicy")
			w.broken["RedriveAllowPolicy"] = &smithy.GenericAPIError{Code: "InvalidAttributeName", Message: "Unknown Attribute RedriveAllowPolicy."}
		}, health.Skip, consumerDLQ, "the endpoint does not offer this"},
		{"DLQ for another", func(w *world) { w.queues[consumerDLQ]["RedriveAllowPolicy"] = `{"redrivePermission":"denyAll"}` },
			health.Fail, consumerDLQ, "is denyAll, want byQueue " + queueARN},

		{"no subscription", func(w *world) { w.endpoints[topic] = nil }, health.Fail, "dev-processing-topic-cell-alpha", "what the producer publishes is lost"},
		{"another subscription", func(w *world) { w.endpoints[topic] = append(w.endpoints[topic], "https://elsewhere") },
			health.Warn, "dev-processing-topic-cell-alpha", "https://elsewhere is subscribed"},
		{"wrapped messages", func(w *world) { w.subscription[queueARN+" RawMessageDelivery"] = "false" },
			health.Fail, "dev-processing-topic-cell-alpha", "raw delivery of its subscription is false"},
		{"no subscription DLQ", func(w *world) { delete(w.subscription, queueARN+" RedrivePolicy") },
			health.Fail, "dev-processing-topic-cell-alpha", "has no redrive policy"},

		{"function gone", func(w *world) { delete(w.functions, "dev-global-edge-router") }, health.Fail, "dev-global-edge-router", "not there"},
		{"function failed", func(w *world) { w.functions[consumer].Configuration.State = lambdatypes.StateFailed }, health.Fail, consumer, "it is Failed"},
		{"function idle", func(w *world) { w.functions[consumer].Configuration.State = lambdatypes.StateInactive }, health.Warn, consumer, "Inactive"},
		{"update failed", func(w *world) {
			w.functions[producer].Configuration.LastUpdateStatus = lambdatypes.LastUpdateStatusFailed
		}, health.Fail, producer, "its last update failed"},
		{"architecture", func(w *world) {
			w.functions[producer].Configuration.Architectures[0] = lambdatypes.ArchitectureX8664
		}, health.Fail, producer, "architecture is x86_64, want arm64"},
		{"memory", func(w *world) { w.functions[producer].Configuration.MemorySize = aws.Int32(128) }, health.Fail, producer, "memory in MB is 128, want 256"},
		{"timeout", func(w *world) { w.functions[consumer].Configuration.Timeout = aws.Int32(3) }, health.Fail, consumer, "timeout in seconds is 3, want 30"},
		{"reserved", func(w *world) { w.functions[producer].Concurrency = nil }, health.Fail, producer, "reserved concurrency (0 is none) is 0, want 3"},
		{"switched off", func(w *world) {
			w.functions["dev-global-edge-router"].Concurrency = &lambdatypes.Concurrency{ReservedConcurrentExecutions: aws.Int32(0)}
		}, health.Fail, "dev-global-edge-router", "switched off"},

		{"no mapping", func(w *world) { delete(w.mappings, producer) }, health.Fail, producer, "nothing feeds the function"},
		{"two mappings", func(w *world) { w.mappings[consumer] = append(w.mappings[consumer], w.mappings[consumer]...) }, health.Fail, consumer, "2 mappings"},
		{"mapping stopped", func(w *world) { w.mappings[consumer][0].State = aws.String("Disabled") }, health.Fail, consumer, "it is Disabled"},
		{"mapping starting", func(w *world) { w.mappings[consumer][0].State = aws.String("Enabling") }, health.Warn, consumer, "it is Enabling"},
		{"mapping in trouble", func(w *world) { w.mappings[producer][0].LastProcessingResult = aws.String("PROBLEM: denied") }, health.Warn, producer, "its last poll had a problem: denied"},
		{"mapping of an old stream", func(w *world) { w.tables[dataTable].LatestStreamArn = aws.String("arn:new") }, health.Fail, producer, "want arn:new"},
		{"batch size", func(w *world) { w.mappings[producer][0].BatchSize = aws.Int32(1) }, health.Fail, producer, "batch size is 1, want 100"},
		{"retries", func(w *world) { w.mappings[producer][0].MaximumRetryAttempts = aws.Int32(-1) }, health.Fail, producer, "maximum of retries is -1, want 5"},
		{"record age", func(w *world) { w.mappings[producer][0].MaximumRecordAgeInSeconds = aws.Int32(-1) }, health.Fail, producer, "record age in seconds is -1"},
		{"parallelization", func(w *world) { w.mappings[producer][0].ParallelizationFactor = aws.Int32(1) }, health.Fail, producer, "parallelization factor is 1, want 2"},
		{"no bisecting", func(w *world) { w.mappings[producer][0].BisectBatchOnFunctionError = nil }, health.Fail, producer, "bisecting on errors is false"},
		{"no destination", func(w *world) { w.mappings[producer][0].DestinationConfig = nil }, health.Fail, producer, "on-failure destination is , want"},
		{"no partial failures", func(w *world) { w.mappings[consumer][0].FunctionResponseTypes = nil }, health.Fail, consumer, "single failed records is false"},
		{"mapping of another queue", func(w *world) { w.mappings[consumer][0].EventSourceArn = aws.String("arn:other") }, health.Fail, consumer, "its source is arn:other"},
		{"concurrency", func(w *world) { w.mappings[consumer][0].ScalingConfig = nil }, health.Fail, consumer, "maximum concurrency is 0, want 10"},

		{"little concurrency", func(w *world) { w.unreserved = 119 }, health.Warn, "Lambda concurrency", "2 cells and the router may draw 120 of 119"},
		{"no concurrency for another cell", func(w *world) { w.unreserved = 130 }, health.Warn, "Lambda concurrency", "one more cell needs 13"},
		{"parallel producers", func(w *world) { // 100 + 2 (2 x 2 + 10), with no concurrency reserved
			w.unreserved = 127
			for _, id := range []string{"alpha", "beta"} {
				w.publish(t, id, func(c *manifest.Cell) { c.Settings.ProducerReservedConcurrency = 0 })
				w.functions["dev-producer-cell-"+id].Concurrency = nil
			}
		}, health.Warn, "Lambda concurrency", "2 cells and the router may draw 128 of 127"},
		{"no room for roles", func(w *world) { w.summary["RolesQuota"] = 13 }, health.Fail, "IAM roles", "12 of 13 are used in the account: there is no room"},
		{"little room for roles", func(w *world) { w.summary["RolesQuota"] = 14 }, health.Warn, "IAM roles", "room for 1 more cells"},
		{"no summary", func(w *world) { w.summary = nil }, health.Skip, "IAM roles", "the endpoint does not tell it"},
		{"more than SNS takes", func(w *world) { w.throttle(t, 30_001) }, health.Warn, "SNS messages", "the router lets in 30001 events a second, and SNS takes 30000"},
		{"a router of a version before", func(w *world) { w.throttle(t, 0) }, health.Skip, "SNS messages", "does not publish what it lets in"},
		{"nearly as many cells as fit", func(w *world) { w.concurrency = 127 }, health.Warn, "cells",
			"2 cells; of the size of the largest 2 fit the account's quotas: Lambda concurrency is met first, then IAM roles at 496"},
		{"more cells than fit", func(w *world) { w.concurrency = 125 }, health.Warn, "cells", "what they may draw at a time is more than there is"},
		{"no room for tables", func(w *world) { w.tableQuota = 8 }, health.Fail, "DynamoDB tables", "8 of 8 (the account's quota) are used in the Region: there is no room"},
		{"little room for tables", func(w *world) {
			w.tableQuota = 16
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				w.table("of-somebody-"+name, "")
			}
		}, health.Warn, "DynamoDB tables", "13 of 16 (the account's quota) are used in the Region: there is room for 1 more cells"},

		{"no alarms", func(w *world) { w.alarms = &alarmtest.CloudWatch{} }, health.Warn, "dev", "there are no composite alarms: nobody is paged for anything"},
		{"no composite of a cell", func(w *world) { w.alarms.Delete("dev-health-cell-beta") }, health.Warn, "dev-health-cell-beta", "it is not there: nobody is paged for cell beta"},
		{"no composite of the router", func(w *world) { w.alarms.Delete("dev-health-router") }, health.Warn, "dev-health-router", "nobody is paged for the router"},
		{"actions switched off", func(w *world) { w.alarms.Composite("dev-health-control-plane").ActionsEnabled = aws.Bool(false) }, health.Warn,
			"dev-health-control-plane", "its actions are switched off: nobody is paged for the control plane"},
		{"no topic told", func(w *world) {
			w.alarms.Composite("dev-health-cell-alpha").AlarmActions = []string{"arn:aws:lambda:us-east-1:123456789012:function:pager"}
		}, health.Warn, "dev-health-cell-alpha", "it tells no topic when it fires: nobody is paged for cell alpha"},
		{"metric alarm gone", func(w *world) { w.alarms.Delete("dev-alarm-oldest-message-cell-alpha") }, health.Warn,
			"dev-health-cell-alpha", "its rule names dev-alarm-oldest-message-cell-alpha, which is not there"},
		{"a trial of a cell's alarm that was left", func(w *world) { w.alarms.Composite("dev-health-cell-beta").StateValue = types.StateValueAlarm }, health.Warn,
			"dev-health-cell-beta", "it is in ALARM and none of its alarms is: it was set by hand, as for a trial, or they have just become OK; meanwhile nobody is paged for cell beta"},
		{"a trial of the router's alarm that was left", func(w *world) { w.alarms.Composite("dev-health-router").StateValue = types.StateValueAlarm }, health.Warn,
			"dev-health-router", "meanwhile nobody is paged for the router, nor for any cell"},
		{"a trial of the control plane's alarm that was left", func(w *world) { w.alarms.Composite("dev-health-control-plane").StateValue = types.StateValueAlarm }, health.Warn,
			"dev-health-control-plane", "meanwhile nobody is paged for the control plane, nor for the router"},
		{"a probe whose actions are switched off", func(w *world) {
			w.alarms.Add(stack, "probe", noon, naming.ProbeAlarms()...)
			w.alarms.Composite("dev-health-probe").ActionsEnabled = aws.Bool(false)
		}, health.Warn, "dev-health-probe", "its actions are switched off: nobody is paged for the probe"},
		{"a probe that is silent", func(w *world) {
			w.alarms.Add(stack, "probe", noon, naming.ProbeAlarms()...)
			w.alarms.Set("dev-alarm-silent-probe", types.StateValueAlarm, noon, "none")
			w.alarms.Composite("dev-health-probe").StateValue = types.StateValueAlarm
		}, health.Fail, "dev-global-probe", "no round of the probe comes to its end (dev-alarm-silent-probe)"},
		{"alarms denied", func(w *world) { w.alarms.Err = denied }, health.Skip, "dev", "the credentials do not allow this"},
		{"alarms not read", func(w *world) { w.alarms.Err = errors.New("timeout") }, health.Fail, "dev", "read the alarms of stack dev: timeout"},
		{"alarm topic gone", func(w *world) { delete(w.endpoints, alarmtest.Topic) }, health.Warn, alarmTopic, "it is not there, and alarms tell it"},
		{"alarm topic denied", func(w *world) {
			w.broken["GetTopicAttributes"] = &smithy.GenericAPIError{Code: "AuthorizationError", Message: "not you"}
		}, health.Skip, alarmTopic, "the credentials do not allow this"},
		{"nobody subscribed", func(w *world) { w.endpoints[alarmtest.Topic] = nil }, health.Warn, alarmTopic, "nobody is paged: it has no subscription"},
		{"no subscription confirmed", func(w *world) { w.endpoints[alarmtest.Topic] = []string{"PendingConfirmation", "Deleted"} }, health.Warn,
			alarmTopic, "nobody is paged: of its subscriptions none is confirmed"},
		{"AWS's own key", func(w *world) { w.topicKey = "alias/aws/sns" }, health.Warn, alarmTopic, "it is encrypted with alias/aws/sns, which CloudWatch may not use"},
		{"key switched off", func(w *world) { w.key.KeyState = "Disabled" }, health.Warn, alarmTopic, "nobody is paged: its key is Disabled"},
		{"key to be deleted", func(w *world) { w.key.KeyState = "PendingDeletion" }, health.Warn, alarmTopic, "nobody is paged: its key is to be deleted"},
		{"key gone", func(w *world) { w.key = nil }, health.Warn, alarmTopic, "nobody is paged: its key alias/dev-global-alarms is not there"},
		{"key denied", func(w *world) { w.broken["DescribeKey"] = denied }, health.Skip, alarmTopic, "the credentials do not allow this"},

		{"left table", func(w *world) { w.table("dev-app-data-cell-gone", "") }, health.Warn, "dev", "table dev-app-data-cell-gone belongs to cell gone"},
		{"left queue", func(w *world) { w.queues["dev-processing-queue-sub-dlq-cell-gone"] = nil }, health.Warn, "dev", "queue dev-processing-queue-sub-dlq-cell-gone"},

		{"long move", func(w *world) {
			w.moves = []health.Move{{TenantID: "alpha-one", From: "alpha", To: "beta", StartedAt: noon.Add(-121 * time.Minute)}}
			w.states["beta"] = placement.CellState{Tenants: 3}
		}, health.Warn, "dev", "tenant alpha-one moves from cell alpha to cell beta for 2h1m0s, longer than 2h0m0s"},
		{"move that was left", func(w *world) {
			w.moves = []health.Move{{TenantID: "alpha-one", From: "alpha", To: "beta", StartedAt: noon, Stalled: true}}
			w.states["beta"] = placement.CellState{Tenants: 3}
		}, health.Fail, "dev", "the events of tenant alpha-one wait: nobody is at work on its move from cell alpha to cell beta"},
		{"move to nowhere", func(w *world) {
			w.moves = []health.Move{{TenantID: "alpha-one", From: "alpha", To: "gone", StartedAt: noon}}
		}, health.Fail, "dev", "gone is not there"},
		{"stray tenant", func(w *world) {
			w.states["gone"] = placement.CellState{}
			w.placed["gone"] = []string{"lost"}
		}, health.Fail, "cells that are not there", "tenant lost, for one, is mapped to cell gone"},
		{"a retired cell that was added again", func(w *world) {
			w.states["alpha"] = placement.CellState{Status: placement.Retired, UpdatedAt: time.Now().Add(-time.Hour)}
			delete(w.placed, "alpha")
			w.tables[stack.Cell("alpha").DataTable()].CreationDateTime = aws.Time(time.Now())
		}, health.Warn, "alpha", "it was added again on"},
		{"tenant of a retired cell", func(w *world) {
			w.states["alpha"] = placement.CellState{Status: placement.Retired, Tenants: 2}
		}, health.Fail, "alpha", "it is retired, and tenant alpha-one"},
		{"count", func(w *world) { w.states["beta"] = placement.CellState{Tenants: 5} }, health.Fail, "beta", "it counts 5 tenants, and 2 are mapped"},
		{"more than the cap", func(w *world) {
			w.placed["beta"] = strings.Fields(strings.Repeat("t ", 11))
			w.states["beta"] = placement.CellState{Tenants: 11}
		}, health.Warn, "beta", "11 tenants, and its cap is 10"},
		{"waiting without a move", func(w *world) {
			w.statuses["beta"] = cellstatus.Status{Waiting: cellstatus.Waiting{Total: 3, ByTenant: map[string]int{"acme": 3}}}
		}, health.Fail, "beta", "3 diverted events of tenant acme wait"},
		{"dead letters", func(w *world) {
			w.statuses["alpha"] = cellstatus.Status{ConsumerDLQ: cellstatus.Depth{Visible: 2}}
		}, health.Warn, "alpha", "dead letters in " + consumerDLQ + ": 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := healthy(t)
			c.break_(w)
			found := bad(run(t, w.doctor()))
			require.Condition(t, func() bool {
				return slices.ContainsFunc(found, func(f health.Finding) bool {
					return f.Level == c.level && f.Subject == c.subject && strings.Contains(f.Text, c.text)
				})
			}, "want %s %s: %q, found:\n%s", c.level, c.subject, c.text, lines(found))
			for _, f := range found {
				require.Equal(t, c.level, f.Level, "one thing is broken:\n%s", lines(found))
				require.True(t, f.Fix != "" || f.Level == health.Skip, "no word on what to do: %v", f)
			}
			require.Equal(t, c.level == health.Fail, health.Failed(found))
		})
	}
}

// An alarm whose part fires does what it is for.
func TestAnAlarmThatFiresForACauseIsNoFinding(t *testing.T) {
	w := healthy(t)
	w.alarms.Set("dev-alarm-oldest-message-cell-beta", types.StateValueAlarm, noon, "2 datapoints")
	require.Empty(t, bad(run(t, w.doctor())))

	w.alarms.Metric("dev-alarm-oldest-message-cell-beta").StateValue = types.StateValueInsufficientData
	require.Equal(t, `'aws cloudwatch set-alarm-state --alarm-name dev-health-cell-beta --state-value OK --state-reason "trial over"'`,
		remedy(t, run(t, w.doctor()), "dev-health-cell-beta"))
}

func lines(findings []health.Finding) string {
	var text strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&text, f.Level, f.Check, f.Subject+":", f.Text)
	}
	return text.String()
}

func TestAStackThatIsNotThereIsExaminedToTheEnd(t *testing.T) {
	w := healthy(t)
	clear(w.parameters)
	found := run(t, w.doctor())
	require.True(t, health.Failed(found))
	require.Contains(t, lines(found), "fail manifest /cellular/dev/control-plane: it is not there\n")
	require.Contains(t, lines(found), "fail manifest /cellular/dev/router: it is not there\n")
	require.Contains(t, remedy(t, found, "/cellular/dev/router"), "check --stack, --region and --profile")
	require.Contains(t, lines(found), "warn manifest /cellular/dev/cells: the stack has no cells")
}

// What cells there are is not known where one cannot be read: nothing is called a leftover then.
func TestWithoutEveryCellsManifestNothingIsALeftover(t *testing.T) {
	w := healthy(t)
	w.parameters["/cellular/dev/cells/alpha"] = "{}"
	found := bad(run(t, w.doctor()))
	require.Contains(t, lines(found), "fail manifest /cellular/dev/cells/alpha")
	require.Contains(t, lines(found), "skip leftovers dev")
	require.NotContains(t, lines(found), "which is not there")
}

func TestAThrowAwayStackNeedsNoProtection(t *testing.T) {
	w := healthy(t)
	clear(w.recovery)
	for _, id := range []string{"alpha", "beta"} {
		w.publish(t, id, func(c *manifest.Cell) { c.Settings.Protect = false })
	}
	for _, table := range w.tables {
		table.DeletionProtectionEnabled = nil
	}
	require.Empty(t, bad(run(t, w.doctor())))
}

func TestTheDefaultQuotaIsUsedWhereTheAccountsCannotBeRead(t *testing.T) {
	w := healthy(t)
	w.broken["GetServiceQuota"] = errors.New("no such service")
	require.Contains(t, lines(run(t, w.doctor())), "of 2500 (the documented default")
}

func TestAnOpenMoveReservesAPlaceAndSendsOnWhatWaits(t *testing.T) {
	w := healthy(t)
	w.moves = []health.Move{{TenantID: "alpha-one", From: "alpha", To: "beta", StartedAt: noon.Add(-time.Hour)}}
	w.states["beta"] = placement.CellState{Tenants: 3}
	w.statuses["alpha"] = cellstatus.Status{Waiting: cellstatus.Waiting{Total: 7, ByTenant: map[string]int{"alpha-one": 7}}}
	require.Empty(t, bad(run(t, w.doctor())))
}

func TestDoctor_NamesTenantsWhoseDataNoMappingPointsTo(t *testing.T) {
	w := healthy(t)
	for n := range 25 {
		w.stranded["beta"] = append(w.stranded["beta"], fmt.Sprintf("t%02d", n))
	}
	found := bad(run(t, w.doctor()))
	require.Len(t, found, 21)
	require.Equal(t, health.Finding{
		Level: health.Fail, Check: "lost mappings", Subject: "beta", Text: "the cell holds data of tenant t00, which has no mapping",
		Fix: "'cellctl tenants assign t00 --cell beta' gives it back to the cell",
	}, found[0])
	require.Equal(t, "there may be more tenants without a mapping", found[20].Text)

	w = healthy(t)
	w.broken["Stranded"] = errors.New("timeout")
	require.Contains(t, lines(run(t, w.doctor())), "fail lost mappings alpha: could not be read: timeout")
}

func TestDoctor_CorrectsACountWhereTheOperatorAsksForIt(t *testing.T) {
	w := healthy(t)
	w.states["beta"] = placement.CellState{Tenants: 5}
	d := w.doctor()
	require.Contains(t, lines(run(t, d)), "fail tenant count beta: it counts 5 tenants, and 2 are mapped to it or reserved by open moves")
	require.Equal(t, 5, w.states["beta"].Tenants)

	d.FixCounts = true
	found := run(t, d)
	require.False(t, health.Failed(found))
	require.Contains(t, lines(found), "fixed tenant count beta: corrected from 5 to 2")
	require.Equal(t, 2, w.states["beta"].Tenants)

	w.states["beta"] = placement.CellState{Tenants: 5}
	w.broken["Correct"] = errors.New("timeout")
	require.Contains(t, lines(run(t, d)), "fail tenant count beta: it counts 5 tenants, not 2, and could not be corrected: timeout")
	w.broken["Recount"] = errors.New("throttled")
	require.Contains(t, lines(run(t, d)), "fail tenant count beta: could not be read: throttled")
}

// A tenant that was placed a moment ago makes the index differ from the count.
func TestDoctor_AsksForNoCorrectionWhereAnIndexLags(t *testing.T) {
	w := healthy(t)
	w.lags = map[string]int{"beta": 1}
	d := w.doctor()
	d.FixCounts = true
	require.Empty(t, bad(run(t, d)))
}

func TestDoctor_CorrectsNoCountThatKeepsChanging(t *testing.T) {
	w := healthy(t)
	w.states["beta"] = placement.CellState{Tenants: 5}
	d := w.doctor()
	d.FixCounts = true
	w.churn = map[string]int{"beta": 5}
	found := run(t, d)
	require.Contains(t, lines(found), "warn tenant count beta: whether its count is right is not known, and nothing was corrected: in each of 5 recounts the count changed meanwhile")
	require.Equal(t, 5, w.states["beta"].Tenants)

	w.churn = map[string]int{"beta": 4}
	require.Contains(t, lines(run(t, d)), "fixed tenant count beta: corrected from 5 to 2")
}

// remedy is what doctor says to do about the one finding on a subject.
func remedy(t *testing.T, found []health.Finding, subject string) string {
	t.Helper()
	i := slices.IndexFunc(found, func(f health.Finding) bool { return f.Subject == subject })
	require.GreaterOrEqual(t, i, 0, "nothing is said of %s:\n%s", subject, lines(found))
	return found[i].Fix
}

// An update would make an empty table of the same name, and what a backup holds could not come back under it.
func TestDoctor_HasADeletedTableRestoredBeforeAnUpdate(t *testing.T) {
	for _, table := range []string{dataTable, resultsTable, "dev-global-tenant-cell-mapping", "dev-global-tenant-moves", "dev-global-cell-states"} {
		w := healthy(t)
		delete(w.tables, table)
		fix := remedy(t, bad(run(t, w.doctor())), table)
		require.True(t, strings.HasPrefix(fix, "restore it under its own name from the backup"), "%s: %s", table, fix)
		require.Contains(t, fix, "before any 'pulumi up'", table)
	}
	w := healthy(t)
	delete(w.queues, queue)
	require.Equal(t, "'pulumi up --refresh -s dev' makes it what the program says", remedy(t, bad(run(t, w.doctor())), queue))
}

func TestDoctor_ShowsWhereToFindWhatAFunctionFailsOn(t *testing.T) {
	w := healthy(t)
	w.mappings[consumer][0].LastProcessingResult = aws.String("PROBLEM: the function reported 3 of 3 messages as failed")
	w.mappings[producer][0].LastProcessingResult = aws.String("PROBLEM: the topic is gone")
	found := bad(run(t, w.doctor()))
	require.Contains(t, remedy(t, found, consumer), "'cellctl dlq list --cell alpha'")
	require.Contains(t, remedy(t, found, producer), "'cellctl dlq list --kind stream --cell alpha'")
}

// A cell of which the parameter alone is gone goes on: it is made again, and nothing of it is deleted.
func TestDoctor_HasALostParameterMadeAgain(t *testing.T) {
	w := healthy(t)
	delete(w.parameters, stack.Cell("alpha").Parameter())
	found := bad(run(t, w.doctor()))
	require.Contains(t, lines(found), "fail cell state cells that are not there: tenant alpha-one, for one, is mapped to cell alpha, whose parameter is not there, while tables or queues of it are\n")
	require.Contains(t, remedy(t, found, "cells that are not there"), "'pulumi up --refresh -s dev' makes the parameter again")
	for _, f := range found {
		require.True(t, !strings.Contains(f.Fix, "delete-") || strings.HasPrefix(f.Fix, "once no tenant is mapped to the cell and "), "%s", f.Fix)
	}
}

func TestDoctor_SaysHowToHaveSomebodyPaged(t *testing.T) {
	w := healthy(t)
	w.endpoints[alarmtest.Topic] = nil
	require.Contains(t, remedy(t, bad(run(t, w.doctor())), alarmTopic), "'aws sns subscribe --topic-arn "+alarmtest.Topic+" --protocol email")
	w = healthy(t)
	w.key.KeyState = "Disabled"
	require.Equal(t, "'aws kms enable-key --key-id 1234abcd'", remedy(t, bad(run(t, w.doctor())), alarmTopic))
	w = healthy(t)
	w.alarms.Composite("dev-health-router").ActionsEnabled = aws.Bool(false)
	require.Equal(t, "'aws cloudwatch enable-alarm-actions --alarm-names dev-health-router'", remedy(t, bad(run(t, w.doctor())), "dev-health-router"))
}

// Of a deployment that pages a topic of its operator's, an update makes no topic again.
func TestDoctor_HasATopicThatConfigurationNamesMadeByItsOperator(t *testing.T) {
	w := healthy(t)
	w.alarms.Composite("dev-health-cell-beta").AlarmActions = []string{"arn:aws:sns:us-east-1:123456789012:pager"}
	found := bad(run(t, w.doctor()))
	require.Equal(t, "make it again, or change the topic of cellular:alarms", remedy(t, found, "pager"))
	require.Len(t, found, 1)
}
