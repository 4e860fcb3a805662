package operatorpolicy_test

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/iam"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/operatorpolicy"
	"cellular/internal/operator/restore"
	"cellular/internal/testkit/dynamotest"
)

const stack naming.Stack = "dev"

func cell(id string) manifest.Cell {
	n := stack.Cell(id)
	const arn, url = "arn:aws:sqs:eu-west-1:123456789012:", "https://sqs.eu-west-1.amazonaws.com/123456789012/"
	return manifest.Cell{
		ID: id, DataTable: n.DataTable(), ResultsTable: n.ResultsTable(), TopicARN: "arn:aws:sns:eu-west-1:123456789012:" + n.Topic(),
		QueueARN: arn + n.Queue(), QueueURL: url + n.Queue(),
		ConsumerDLQURL: url + n.ConsumerDLQ(), SubscriptionDLQURL: url + n.SubscriptionDLQ(), StreamDLQURL: url + n.StreamDLQ(),
		Producer: n.Producer(), Consumer: n.Consumer(),
	}
}

func scope(cells ...manifest.Cell) operatorpolicy.Scope {
	return operatorpolicy.Scope{
		Partition: "aws", Region: "eu-west-1", Account: "123456789012", Stack: stack,
		ControlPlane: dynamotest.ControlPlaneOf(stack),
		Router: manifest.Router{
			URL: "https://abc123.execute-api.eu-west-1.amazonaws.com", Function: stack.Router(), Auth: "iam",
			Role: "arn:aws:iam::123456789012:role/" + stack.RouterRole(),
		},
		Cells: cells,
	}
}

// resourcesOf are the resources on which the statements allow an action.
func resourcesOf(statements []iam.Statement, action string) []string {
	var all []string
	for _, s := range statements {
		if slices.Contains(s.Actions, action) {
			all = append(all, s.Resources...)
		}
	}
	return all
}

var reads = regexp.MustCompile(`^[a-z0-9-]+:(Get|BatchGet|List|Describe|Query|Scan)`)

func TestAReaderSeesAllOfTheStackAndChangesNothing(t *testing.T) {
	all := operatorpolicy.Reader(scope(cell("alpha"), cell("beta")))
	_, err := iam.Document(all...)
	require.NoError(t, err)
	require.Equal(t, []string{
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-tenant-cell-mapping/index/by-cell",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-tenant-moves/index/open",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-tenant-moves",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-audit",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-alpha/index/by-shard-time",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-beta/index/by-shard-time",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-alpha/index/by-tenant-time",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-beta/index/by-tenant-time",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-alpha/index/by-shard",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-beta/index/by-shard",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-alpha/index/by-tenant",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-beta/index/by-tenant",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-alpha/index/waiting",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-beta/index/waiting",
	}, resourcesOf(all, "dynamodb:Query"))
	require.Equal(t, []string{
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-alpha/stream/*",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-beta/stream/*",
	}, resourcesOf(all, "dynamodb:DescribeStream"))
	require.Equal(t, []string{"*"}, resourcesOf(all, "iam:GetAccountSummary"))
	require.Equal(t, []string{"*"}, resourcesOf(all, "cloudwatch:DescribeAlarms"), "what is narrower shows no composite alarm")
	require.Equal(t, []string{"arn:aws:sns:eu-west-1:123456789012:dev-global-alarms"}, resourcesOf(all, "sns:GetTopicAttributes"))
	require.Contains(t, resourcesOf(all, "sns:ListSubscriptionsByTopic"), "arn:aws:sns:eu-west-1:123456789012:dev-global-alarms")
	require.Contains(t, resourcesOf(all, "sqs:GetQueueAttributes"), "arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-stream-dlq-cell-beta")
	const parameters = "arn:aws:ssm:eu-west-1:123456789012:parameter/cellular/dev/"
	require.Equal(t, []string{parameters + "cells", parameters + "cells/*"}, resourcesOf(all, "ssm:GetParametersByPath"))
	require.Equal(t, []string{parameters + "control-plane", parameters + "router", parameters + "cells", parameters + "cells/*"},
		resourcesOf(all, "ssm:GetParameter"))

	for _, s := range all {
		for _, action := range s.Actions {
			require.Regexp(t, reads, action)
		}
	}
}

func TestOnlyActionsWithoutResourcesAreAllowedOnAll(t *testing.T) {
	for _, any := range []bool{false, true} {
		s := scope(cell("alpha"))
		s.AnyCell = any
		for _, statement := range slices.Concat(operatorpolicy.Reader(s), operatorpolicy.Operator(s)) {
			if slices.Contains(statement.Resources, "*") {
				require.Equal(t, operatorpolicy.AccountWide(), statement.Actions)
				continue
			}
			for _, resource := range statement.Resources {
				require.Contains(t, resource, "123456789012")
				require.False(t, strings.HasSuffix(resource, ":*") || strings.HasSuffix(resource, "/*") && !strings.Contains(resource, "/stream/") &&
					!strings.HasSuffix(resource, "/cells/*"), resource)
			}
		}
	}
}

func TestPagesAreThoseOfTheStack(t *testing.T) {
	all := operatorpolicy.Pages(scope(cell("alpha")))
	_, err := iam.Document(all...)
	require.NoError(t, err)
	require.Equal(t, []string{"arn:aws:sns:eu-west-1:123456789012:dev-global-alarms"}, resourcesOf(all, "sns:Subscribe"))
	require.Equal(t, []string{"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:dev-alarm-*", "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:dev-health-*"},
		resourcesOf(all, "cloudwatch:SetAlarmState"))
}

func TestAnOperatorHasNoMoreThanTheStack(t *testing.T) {
	all := operatorpolicy.Operator(scope(cell("alpha")))
	_, err := iam.Document(all...)
	require.NoError(t, err)
	require.Equal(t, []string{
		"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-cell-alpha",
		"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-dlq-cell-alpha",
	}, resourcesOf(all, "sqs:SendMessage"), "a move sets an event aside that both cells have, and have differently")
	require.Equal(t, []string{
		"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-sub-dlq-cell-alpha",
		"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-stream-dlq-cell-alpha",
		"arn:aws:sqs:eu-west-1:123456789012:dev-processing-queue-dlq-cell-alpha",
	}, resourcesOf(all, "sqs:DeleteMessage"), "what the consumer has to read is out of reach")
	require.Equal(t, []string{"arn:aws:execute-api:eu-west-1:123456789012:abc123/*/*/v1/probes*"}, resourcesOf(all, "execute-api:Invoke"))
	require.Equal(t, []string{
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-tenant-cell-mapping",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-cell-states",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-tenant-moves",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-audit",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-alpha",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-alpha",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-global-tenant-cell-mapping-restore-??????????????",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-alpha-restore-??????????????",
		"arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-results-cell-alpha-restore-??????????????",
	}, resourcesOf(all, "dynamodb:PutItem"))
}

// Who acts keeps it in the audit, and can take nothing out of it.
func TestNobodyTakesAnythingOutOfTheAudit(t *testing.T) {
	for _, any := range []bool{false, true} {
		s := scope(cell("alpha"))
		s.AnyCell = any
		var writes []string
		for _, statement := range slices.Concat(operatorpolicy.Reader(s), operatorpolicy.Operator(s)) {
			for _, resource := range statement.Resources {
				matches, err := path.Match(strings.ReplaceAll(resource, "/", ":"), "arn:aws:dynamodb:eu-west-1:123456789012:table:"+stack.AuditTable())
				require.NoError(t, err)
				if !matches {
					continue
				}
				for _, action := range statement.Actions {
					if !reads.MatchString(action) {
						writes = append(writes, action)
					}
				}
			}
		}
		require.Equal(t, []string{"dynamodb:PutItem"}, writes)
	}
}

func TestADeploymentWithoutAnAuditHasAPolicy(t *testing.T) {
	s := scope(cell("alpha"))
	s.ControlPlane.AuditTable = ""
	for _, statements := range [][]iam.Statement{operatorpolicy.Reader(s), operatorpolicy.Operator(s)} {
		text, err := iam.Document(statements...)
		require.NoError(t, err)
		require.NotContains(t, text, "table/\"")
		require.NotContains(t, text, "KeepAudit")
	}
}

// A restore makes, fills and deletes tables: those with its own names, and no others.
func TestOnlyScratchTablesCanBeDeleted(t *testing.T) {
	for _, any := range []bool{false, true} {
		s := scope(cell("alpha"))
		s.AnyCell = any
		resources := resourcesOf(operatorpolicy.Operator(s), "dynamodb:DeleteTable")
		require.Len(t, resources, 3)
		for i, table := range []string{stack.MappingTable(), stack.Cell("alpha").DataTable(), stack.Cell("alpha").ResultsTable()} {
			matches, err := path.Match(strings.ReplaceAll(resources[i], "/", ":"),
				"arn:aws:dynamodb:eu-west-1:123456789012:table:"+restore.ScratchName(table, time.Now()))
			require.NoError(t, err)
			require.True(t, matches, "%s: %s", resources[i], table)
			matches, err = path.Match(strings.ReplaceAll(resources[i], "/", ":"), "arn:aws:dynamodb:eu-west-1:123456789012:table:"+table)
			require.NoError(t, err)
			require.False(t, matches, "%s: %s", resources[i], table)
		}
	}
}

func TestPatternsFitEveryCellAndTheLimitOfAManagedPolicy(t *testing.T) {
	s := scope()
	s.AnyCell = true
	for _, statements := range [][]iam.Statement{operatorpolicy.Reader(s), operatorpolicy.Operator(s)} {
		text, err := iam.Document(statements...)
		require.NoError(t, err)
		require.LessOrEqual(t, len(text), operatorpolicy.MaxManaged)
	}
	require.Contains(t, resourcesOf(operatorpolicy.Operator(s), "dynamodb:PutItem"), "arn:aws:dynamodb:eu-west-1:123456789012:table/dev-app-data-cell-*")
	require.Contains(t, resourcesOf(operatorpolicy.Reader(s), "lambda:GetFunction"), "arn:aws:lambda:eu-west-1:123456789012:function:dev-consumer-cell-*")
}

func TestAStackWithoutCellsHasAPolicy(t *testing.T) {
	for _, statements := range [][]iam.Statement{operatorpolicy.Reader(scope()), operatorpolicy.Operator(scope())} {
		_, err := iam.Document(statements...)
		require.NoError(t, err)
		for _, s := range statements {
			require.NotEmpty(t, s.Resources, s.Sid)
		}
	}
}

func TestOperator_ProbesWhateverTheAuthorizationOfTenants(t *testing.T) {
	for _, auth := range []string{"iam", "jwt", "none"} {
		s := scope(cell("alpha"))
		s.Router.Auth = auth
		require.Contains(t, resourcesOf(operatorpolicy.Operator(s), "execute-api:Invoke"), "arn:aws:execute-api:eu-west-1:123456789012:abc123/*/*/v1/probes*")
	}
}

func TestTheRouterIsCalledOnlyWhereItsAPIIsKnown(t *testing.T) {
	for _, at := range []string{"https://events.example.com", "http://127.0.0.1:8080"} {
		s := scope(cell("alpha"))
		s.Router.URL = at
		require.Empty(t, resourcesOf(operatorpolicy.Operator(s), "execute-api:Invoke"))
		s.Router.ExecutionARN = "arn:aws:execute-api:eu-west-1:123456789012:published"
		require.Equal(t, []string{"arn:aws:execute-api:eu-west-1:123456789012:published/*/*/v1/probes*"},
			resourcesOf(operatorpolicy.Operator(s), "execute-api:Invoke"), at)
	}
}

func TestAReaderSeesTheTopicThatConfigurationNamesForAlarms(t *testing.T) {
	const pager = "arn:aws:sns:eu-west-1:210987654321:pager"
	s := scope(cell("alpha"))
	s.ControlPlane.AlarmTopicARN = pager
	require.Equal(t, []string{pager}, resourcesOf(operatorpolicy.Reader(s), "sns:GetTopicAttributes"))
}
