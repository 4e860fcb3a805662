package stack_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/alarm"
	"cellular/internal/model/config"
	"cellular/internal/model/naming"
	"cellular/internal/testkit/configtest"
	"cellular/internal/testkit/pulumitest"
)

const (
	alarmType     = "aws:cloudwatch/metricAlarm:MetricAlarm"
	compositeType = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
	topicType     = "aws:sns/topic:Topic"
)

// documented are the metrics of AWS services that alarms measure, with their dimensions, and the page of the AWS documentation
// that has them. An alarm of a metric that nobody reports never fires.
var documented = map[string]string{
	"AWS/SQS ApproximateNumberOfMessagesVisible QueueName": "Amazon SQS Developer Guide, Available CloudWatch metrics for Amazon SQS",
	"AWS/SQS ApproximateAgeOfOldestMessage QueueName":      "Amazon SQS Developer Guide, Available CloudWatch metrics for Amazon SQS",
	"AWS/Lambda Errors FunctionName":                       "AWS Lambda Developer Guide, Types of metrics for Lambda functions: invocation metrics",
	"AWS/Lambda Throttles FunctionName":                    "AWS Lambda Developer Guide, Types of metrics for Lambda functions: invocation metrics",
	"AWS/Lambda IteratorAge FunctionName":                  "AWS Lambda Developer Guide, Types of metrics for Lambda functions: performance metrics",
	"AWS/Lambda DroppedEventCount EventSourceMappingUUID":  "AWS Lambda Developer Guide, Types of metrics for Lambda functions: event source mapping metrics",
	"AWS/ApiGateway 5xx ApiId":                             "Amazon API Gateway Developer Guide, Monitor CloudWatch metrics for HTTP APIs",
	"AWS/ApiGateway Count ApiId":                           "Amazon API Gateway Developer Guide, Monitor CloudWatch metrics for HTTP APIs",
	"AWS/DynamoDB ThrottledRequests Operation TableName":   "Amazon DynamoDB Developer Guide, DynamoDB metrics and dimensions",
	"AWS/DynamoDB SystemErrors Operation TableName":        "Amazon DynamoDB Developer Guide, DynamoDB metrics and dimensions",
}

func TestAlarms_MeasureWhatAWSDocuments(t *testing.T) {
	used := map[string]bool{}
	for _, a := range deploy(t, named("alpha")).OfType(alarmType) {
		for _, m := range a.Measures(t) {
			if !strings.HasPrefix(m.Namespace, "AWS/") {
				continue
			}
			key := strings.Join(append([]string{m.Namespace, m.Name}, slices.Sorted(maps.Keys(m.Dimensions))...), " ")
			require.NotEmpty(t, documented[key], "%s measures %s, for which no source is given", a, key)
			used[key] = true
		}
	}
	require.Len(t, used, len(documented), "a row is about a metric that no alarm measures")
}

// What the functions write is in the table of metrics, which tests of the functions hold to them.
func TestAlarms_MeasureWhatTheFunctionsWrite(t *testing.T) {
	page, err := os.ReadFile("../docs/telemetry.md")
	require.NoError(t, err)
	seen := 0
	for _, a := range deploy(t, named("alpha")).OfType(alarmType) {
		for _, m := range a.Measures(t) {
			if m.Namespace != "Cellular/test" {
				continue
			}
			require.Contains(t, string(page), "\n| `"+m.Name+"` | ", "%s measures a metric that no function writes", a)
			dimensions := map[string]any(nil)
			if strings.HasPrefix(a.Name, "cell-alpha-") {
				dimensions = map[string]any{"cell": "alpha"}
			}
			require.Equal(t, dimensions, m.Dimensions, a)
			seen++
		}
	}
	require.NotZero(t, seen)
}

func TestAlarms_OnlyCompositesTellTheTopic(t *testing.T) {
	const own = "arn:aws-us-gov:sns:us-gov-west-1:210987654321:test-global-alarms"
	const other = "arn:aws:sns:eu-west-1:123456789012:pager"
	for _, plane := range []string{"all", "global", "cells"} {
		for arn, settings := range map[string]string{own: `{}`, other: fmt.Sprintf(`{"topic":%q}`, other)} {
			r := deploy(t, named("alpha"), "cellular:plane", plane, "cellular:alarms", settings)
			composites := r.OfType(compositeType)
			require.Len(t, composites, map[string]int{"all": 4, "global": 3, "cells": 1}[plane])
			for _, c := range composites {
				for _, key := range []string{"alarmActions", "okActions"} {
					require.Equal(t, []any{arn}, c.Value(t, key), "%s of %s, plane %s", key, c, plane)
				}
			}
			for _, a := range r.OfType(alarmType) {
				require.False(t, a.Has("alarmActions") || a.Has("okActions") || a.Has("insufficientDataActions"), a)
			}
		}
	}
}

// One fault, one page: what the control plane or the router has is no page of those who depend on them.
func TestAlarms_AreSuppressedByWhatTheirPartDependsOn(t *testing.T) {
	for _, plane := range []string{"all", "global", "cells"} {
		for _, c := range deploy(t, named("alpha", "beta"), "cellular:plane", plane).OfType(compositeType) {
			name, ok := naming.Stack(pulumitest.Stack).ParseAlarm(c.Str(t, "alarmName"))
			require.True(t, ok)
			suppressor := map[naming.AlarmOwner]string{
				naming.OwnerCell: "test-health-router", naming.OwnerProbe: "test-health-router", naming.OwnerRouter: "test-health-control-plane",
			}[name.Owner]
			wait := 60.0
			if name.Owner == naming.OwnerProbe {
				wait = 180 // a router that is out has to be seen first
			}
			if suppressor == "" {
				require.False(t, c.Has("actionsSuppressor"), c)
				continue
			}
			require.Equal(t, map[string]any{"alarm": suppressor, "waitPeriod": wait, "extensionPeriod": wait + 60}, c.Value(t, "actionsSuppressor"), c)
		}
	}
	r := deploy(t, named("alpha"))
	router, controlPlane := r.WithInput(t, compositeType, "alarmName", "test-health-router"), r.WithInput(t, compositeType, "alarmName", "test-health-control-plane")
	require.True(t, r.WithInput(t, compositeType, "alarmName", "test-health-cell-alpha").DependsOn(router), "the suppressor must be there first")
	require.True(t, r.WithInput(t, compositeType, "alarmName", "test-health-probe").DependsOn(router), "the suppressor must be there first")
	require.True(t, router.DependsOn(controlPlane), "the suppressor must be there first")
}

// A composite alarm's rule has at most 10,240 characters (PutCompositeAlarm), and depends on at most 100 alarms (User Guide, Create a
// composite alarm). A description has at most 1,024 characters.
// A composite tells the topic as soon as it is OK for the first time, and the topic refuses whom its policy does not admit yet.
func TestAlarms_OfTheGlobalPlaneAreMadeOnceTheyMayTellTheTopic(t *testing.T) {
	r := deploy(t, named("alpha"))
	policy := r.WithInput(t, "aws:sns/topicPolicy:TopicPolicy", "arn", "arn:aws-us-gov:sns:us-gov-west-1:210987654321:test-global-alarms")
	for _, name := range []string{"test-health-router", "test-health-control-plane", "test-health-probe"} {
		require.True(t, r.WithInput(t, compositeType, "alarmName", name).DependsOn(policy), name)
	}
}

func TestAlarms_FitWhatCloudWatchTakes(t *testing.T) {
	r := deploy(t, named("abcdefghijklmnopqrst"), "cellular:deployment", strings.Repeat("d", 24))
	for _, c := range r.OfType(compositeType) {
		rule := c.Str(t, "alarmRule")
		require.LessOrEqual(t, len(rule), 10_240, c)
		require.LessOrEqual(t, strings.Count(rule, "ALARM("), 100, c)
	}
	all := append(r.OfType(compositeType), r.OfType(alarmType)...)
	require.NotEmpty(t, all)
	for _, a := range all {
		require.LessOrEqual(t, len(a.Str(t, "alarmDescription")), 1024, a)
	}
}

// TestAlarms_NameTheRunbookOfTheirRow holds the descriptions to the tables of alarms of the page, which have each alarm once.
// That the headings exist is in TestPages_LinkToWhatExists.
func TestAlarms_NameTheRunbookOfTheirRow(t *testing.T) {
	page, err := os.ReadFile("../" + alarm.Runbooks)
	require.NoError(t, err)
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| .* \\| \\[[^]]+\\]\\(#([a-z0-9-]+)\\) \\|$").FindAllStringSubmatch(string(page), -1) {
		require.NotContains(t, rows, row[1], "it has one row")
		rows[row[1]] = row[2]
	}
	require.ElementsMatch(t, allParts(), slices.Collect(maps.Keys(rows)))

	r := deploy(t, named("alpha"))
	all := append(r.OfType(compositeType), r.OfType(alarmType)...)
	require.Len(t, all, 4+len(rows))
	for _, a := range all {
		heading := "12-a-page" // of a composite alarm
		if a.Type == alarmType {
			parsed, ok := naming.Stack(pulumitest.Stack).ParseAlarm(a.Str(t, "name"))
			require.True(t, ok, a)
			heading = rows[parsed.Part]
		}
		require.Regexp(t, regexp.QuoteMeta(". Runbook: "+alarm.Runbooks+"#"+heading)+`$`, a.Str(t, "alarmDescription"), "%s", a)
	}
	require.Contains(t, string(page), "\n## 12 A page\n")
}

// allParts are the parts of all alarms of a deployment with one cell.
func allParts() []string {
	return slices.Concat(naming.CellAlarms(), naming.RouterAlarms(), naming.ControlPlaneAlarms(), naming.ProbeAlarms())
}

// alarmFields are the paths of all alarms of a configuration.
func alarmFields() []string {
	var paths []string
	owners := reflect.TypeFor[config.Alarms]()
	for i := range owners.NumField() {
		owner := owners.Field(i)
		if owner.Type.Kind() != reflect.Struct {
			continue
		}
		for j := range owner.Type.NumField() {
			paths = append(paths, owner.Name+"."+owner.Type.Field(j).Name)
		}
	}
	return paths
}

func TestAlarms_AThresholdChangesItsAlarmAlone(t *testing.T) {
	paths := alarmFields()
	require.Len(t, paths, len(allParts()))
	deployed := func(t require.TestingT, a config.Alarms) *pulumitest.Recorder {
		c := config.Default()
		c.Deployment, c.Region, c.Cells, c.Alarms = pulumitest.Stack, "eu-west-1", named("alpha", "beta"), a
		r, err := pulumitest.RunErr(program(), pulumitest.WithConfig(configtest.Raw(c)))
		require.NoError(t, err)
		return r
	}
	before := deployed(t, config.Default().Alarms)
	all := states(t, before)
	changedBy := map[string]string{}
	for _, path := range paths {
		a := config.Default().Alarms
		owner, name, _ := strings.Cut(path, ".")
		of := reflect.ValueOf(&a).Elem().FieldByName(owner).FieldByName(name)
		switch threshold := of.FieldByName("Threshold"); threshold.Kind() {
		case reflect.Invalid: // there is none where it fires for nothing
			of.FieldByName("Periods").SetInt(17)
		case reflect.Int:
			threshold.SetInt(7)
		case reflect.Int64:
			threshold.SetInt(int64(7 * time.Second))
		default:
			threshold.SetFloat(0.7)
		}
		difference := slices.DeleteFunc(changed(all, states(t, deployed(t, a))), func(urn string) bool {
			return strings.Contains(urn, dashboardType) // which draw the threshold
		})
		want := 1
		if owner == "Cell" {
			want = 2 // one in each cell
		}
		require.Len(t, difference, want, path)
		for _, urn := range difference {
			require.Contains(t, urn, alarmType, path)
			require.Empty(t, changedBy[urn], "%s changes the same alarm", path)
			changedBy[urn] = path
		}
	}
}
