// Package operatorpolicy is what cellctl's commands need of IAM, as statements about one deployment: its tables, queues,
// functions and parameters by their names, and no wildcard but where AWS knows no resource.
//
// There are two policies. Reader is for every command that only looks. Operator is what the commands that change
// something need besides: whoever uses them has both.
package operatorpolicy

import (
	"slices"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/iam"
	"cellular/internal/model/ledger"
	"cellular/internal/model/mapping"
)

// MaxManaged is how many characters a managed policy may have, white space left out, from the quotas of IAM.
const MaxManaged = 6_144

// AccountWide are the actions of Reader for which AWS defines no resource, or none that a deployment could be told by: a
// grant of one is a grant on "*". CloudWatch shows composite alarms to nobody who may describe fewer than all; the ID of the key
// of the alarms' topic is a random one.
func AccountWide() []string {
	return []string{
		"cloudwatch:DescribeAlarms",
		"cloudwatch:GetMetricData",
		"dynamodb:ListTables",
		"iam:GetAccountSummary",
		"kms:DescribeKey",
		"lambda:GetAccountSettings",
		"lambda:ListEventSourceMappings",
		"servicequotas:GetServiceQuota",
		"sns:GetSubscriptionAttributes",
		"sqs:ListQueues",
	}
}

// Reader is for the commands that change nothing.
func Reader(s Scope) []iam.Statement {
	r := s.resources()
	control := slices.Concat([]string{r.mappings, r.cells, r.moves}, r.audit)
	tables := slices.Concat(control, r.data, r.results)
	indexes := slices.Concat(
		[]string{index(r.mappings, mapping.CellIndex), index(r.moves, controltables.OpenIndex), r.moves}, r.audit,
		tenantIndexes(r.data, r.results), each(r.results, ledger.WaitingIndex),
	)
	return present(
		allow("FindStack", []string{s.arn("ssm", "parameter"+s.Stack.ControlPlaneParameter()), s.arn("ssm", "parameter"+s.Stack.RouterParameter())}, "ssm:GetParameter"),
		allow("FindCells", []string{r.cellParameters, r.cellParameters + "/*"}, "ssm:GetParameter", "ssm:GetParametersByPath"),
		allow("ReadTables", tables, "dynamodb:BatchGetItem", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable",
			"dynamodb:DescribeTimeToLive", "dynamodb:GetItem", "dynamodb:GetResourcePolicy"),
		allow("QueryIndexes", indexes, "dynamodb:Query"),
		allow("ListCells", []string{r.cells}, "dynamodb:Scan"),
		allow("CountShards", suffixed(r.data, "/stream/*"), "dynamodb:DescribeStream"),
		allow("CountWaiting", each(r.results, ledger.WaitingIndex), "dynamodb:Scan"),
		allow("ReadQueues", slices.Concat(r.queues, r.dlqs), "sqs:GetQueueAttributes"),
		allow("ReadTopics", r.topics, "sns:ListSubscriptionsByTopic"),
		allow("ReadAlarmTopic", []string{r.alarmTopic}, "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"),
		allow("ReadFunctions", r.lambdas, "lambda:GetFunction"),
		allow("ReadRole", []string{s.Router.Role}, "iam:GetRolePolicy", "iam:ListRolePolicies"),
		allow("ReadAccount", []string{"*"}, AccountWide()...),
	)
}

// Operator is what the commands that change something need besides what Reader allows. Looking into a DLQ is one of
// them: it takes the messages for a moment.
func Operator(s Scope) []iam.Statement {
	r := s.resources()
	restorable := slices.Concat([]string{r.mappings}, r.data, r.results)
	scratch := suffixed(restorable, scratchSuffix)
	return present(
		allow("PlaceTenants", []string{r.mappings, r.cells, r.moves},
			"dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
		// Neither UpdateItem nor DeleteItem: who acts does not take its traces away. IAM has no right to put an item only where
		// there is none, so that an act can be put over: point-in-time recovery has what was there, for 35 days.
		allow("KeepAudit", r.audit, "dynamodb:PutItem"),
		allow("MoveData", slices.Concat(r.data, r.results),
			"dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
		allow("ReadStreams", suffixed(r.data, "/stream/*"), "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
		allow("SendAgain", r.queues, "sqs:SendMessage"),
		allow("SetConflictsAside", r.consumerDLQs, "sqs:SendMessage"),
		allow("TakeFromDLQs", r.dlqs, "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"),
		allow("Restore", restorable, "dynamodb:RestoreTableToPointInTime"),
		allow("UseScratchTables", scratch, scratchActions()...),
		allow("QueryScratchTables", s.scratchIndexes(), "dynamodb:Query"),
		allow("Probe", s.api(), "execute-api:Invoke"),
	)
}

// Pages is what lets somebody subscribe to the topic of the alarms, and try whether a page arrives, with the AWS CLI. No command of
// cellctl does either.
func Pages(s Scope) []iam.Statement {
	return []iam.Statement{
		allow("BePaged", []string{s.arn("sns", s.Stack.AlarmTopic())}, "sns:Subscribe", "sns:Unsubscribe"),
		allow("TryPages", []string{s.arn("cloudwatch", "alarm:"+s.Stack.AlarmPrefix()+"*"), s.arn("cloudwatch", "alarm:"+s.Stack.HealthPrefix()+"*")},
			"cloudwatch:SetAlarmState"),
	}
}

// scratchSuffix is how the names of the scratch tables end that a restore makes: with a time (restore.ScratchName). It fits
// no table of a cell, whose id is shorter.
const scratchSuffix = "-restore-??????????????"

// scratchIndexes are the indexes of the cells' scratch tables. With AnyCell there are none to name: Reader's patterns of
// cells fit them already.
func (s Scope) scratchIndexes() []string {
	if s.AnyCell {
		return nil
	}
	r := s.resources()
	return tenantIndexes(suffixed(r.data, scratchSuffix), suffixed(r.results, scratchSuffix))
}

// tenantIndexes are the indexes by which all of a tenant is found in data and results tables.
func tenantIndexes(data, results []string) []string {
	return slices.Concat(each(data, event.ShardTimeIndex), each(data, event.TenantTimeIndex),
		each(results, ledger.ShardIndex), each(results, ledger.TenantIndex))
}

// scratchActions are what a restore does with scratch tables, and what AWS asks of whoever has one made: it fills the table
// in the caller's name. From "Using IAM with DynamoDB backup and restore" of the developer guide.
func scratchActions() []string {
	return []string{
		"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DeleteTable", "dynamodb:DescribeTable",
		"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:RestoreTableToPointInTime", "dynamodb:Scan", "dynamodb:UpdateItem",
	}
}

func allow(sid string, resources []string, actions ...string) iam.Statement {
	return iam.Statement{Sid: sid, Effect: iam.Allow, Actions: actions, Resources: resources}
}

// present leaves out the statements about nothing: a deployment without cells has no queues, and to IAM a statement
// without resources is none.
func present(all ...iam.Statement) []iam.Statement {
	return slices.DeleteFunc(all, func(s iam.Statement) bool { return len(s.Resources) == 0 })
}

func index(table, name string) string { return table + "/index/" + name }

func each(tables []string, name string) []string { return suffixed(tables, "/index/"+name) }

func suffixed(arns []string, suffix string) []string {
	var all []string
	for _, arn := range arns {
		all = append(all, arn+suffix)
	}
	return all
}
