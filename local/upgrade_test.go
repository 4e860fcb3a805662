package local

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/events"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/stretchr/testify/require"

	"cellular/cell"
	"cellular/controlplane"
	"cellular/internal/model/naming"
	"cellular/local/process"
	"cellular/local/provider"
)

// holdsData are the types of the resources that hold data, or that something outside the stack finds by its name or ARN.
var holdsData = []string{
	"aws:dynamodb/table:Table", "aws:sqs/queue:Queue", "aws:sns/topic:Topic", "aws:sns/topicSubscription:TopicSubscription",
	"aws:ssm/parameter:Parameter", "aws:cloudwatch/logGroup:LogGroup", "aws:iam/role:Role",
}

// newPreviewer returns a cloud that has an engine and a provider and nothing behind them. A preview needs no more: it
// compares the program with the engine's state, and the provider with its own rules.
func newPreviewer(t *testing.T, config map[string]any) *Cloud {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	c := &Cloud{Dir: t.TempDir(), root: root}
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	c.settings, err = readSettings(root, config)
	require.NoError(t, err)
	c.logs, err = newLogs(c.path("logs"), nil)
	require.NoError(t, err)
	c.group, err = process.NewGroup()
	require.NoError(t, err)
	c.engine, err = FindEngine(t.Context(), root, c.group, func(s string) { t.Log(s) })
	require.NoError(t, err)
	c.provider, err = provider.Serve(context.WithoutCancel(t.Context()), provider.Rooms{AWS: aws.Config{Region: c.settings["aws:region"].(string)}})
	require.NoError(t, err)
	return c
}

// previewFrom imports a state and returns the steps of an update of the program, by URN.
func (c *Cloud) previewFrom(t *testing.T, state []byte, options ...optpreview.Option) map[string][]apitype.StepEventMetadata {
	s, log, err := c.stack(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, s.Import(t.Context(), apitype.UntypedDeployment{Version: apitype.DeploymentSchemaVersionCurrent, Deployment: state}))
	stream, done := make(chan events.EngineEvent), make(chan map[string][]apitype.StepEventMetadata)
	go func() { // ends when the engine has closed the stream
		steps := map[string][]apitype.StepEventMetadata{}
		for event := range stream {
			if pre := event.ResourcePreEvent; pre != nil {
				steps[pre.Metadata.URN] = append(steps[pre.Metadata.URN], pre.Metadata)
			}
		}
		done <- steps
	}()
	_, err = s.Preview(t.Context(), append(options, optpreview.EventStreams(stream), optpreview.Parallel(parallel), optpreview.ProgressStreams(log),
		optpreview.ErrorProgressStreams(log), optpreview.SuppressProgress())...)
	steps := <-done
	require.NoError(t, err, "an update is refused, as the engine refuses to delete or replace what is protected")
	return steps
}

// The real engine compares the program with the states that earlier versions left behind. Package enginetest writes these. To
// find a resource under its old URN is the engine's part, and so are aliases; what a change replaces the provider says.
func TestAnUpdateOfAnEarlierVersionsStateKeepsWhatHoldsData(t *testing.T) {
	paths, err := filepath.Glob("testdata/state-*.json")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		state, err := os.ReadFile(path)
		require.NoError(t, err)
		var before apitype.DeploymentV3
		require.NoError(t, json.Unmarshal(state, &before))
		steps := newPreviewer(t, map[string]any{
			"cellular:cells":     []any{map[string]any{"id": "alpha"}, map[string]any{"id": "beta"}},
			"cellular:protect":   true,
			"cellular:alarms":    map[string]any{"period": "1m"},
			"cellular:router":    map[string]any{"auth": map[string]any{"type": "iam"}},
			"cellular:functions": map[string]any{"faultInjection": false},
		}).previewFrom(t, state)
		kept := 0
		for _, r := range before.Resources {
			if !slices.Contains(holdsData, string(r.Type)) {
				continue
			}
			require.Len(t, steps[string(r.URN)], 1, "%s: %s is not kept", path, r.URN)
			step := steps[string(r.URN)][0]
			require.Contains(t, []apitype.OpType{apitype.OpSame, apitype.OpUpdate}, step.Op, "%s: %s, because of %v", path, r.URN, step.Keys)
			require.True(t, step.New.Protect || !r.Protect, "%s: %s loses its protection", path, r.URN)
			// A table's stream is replaced without a replacement of the table, and what is still in it is gone.
			for _, input := range []string{"streamEnabled", "streamViewType"} {
				require.Equal(t, r.Inputs[input], step.New.Inputs[input], "%s: %s gets another stream", path, r.URN)
			}
			kept++
		}
		require.Greater(t, kept, 30, "%s: the resources that hold data were not seen", path)
	}
}

// The page about upgrades has the command that makes what the cells' alarms name before the cells are updated. The engine refuses to
// make something of what it is not to make, so it is asked here, with the global plane of an earlier version.
func TestTheAlarmsThatTheCellsNameAreMadeAlone(t *testing.T) {
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^pulumi up .*--target .*$`).FindString(string(page))
	var targets []string
	for _, found := range regexp.MustCompile(`--target '([^']+)'`).FindAllStringSubmatch(command, -1) {
		targets = append(targets, found[1])
	}
	require.NotEmpty(t, targets, "docs/operations.md has no command with targets")

	state, err := os.ReadFile("testdata/state-8a0feab.json")
	require.NoError(t, err)
	steps := newPreviewer(t, map[string]any{
		"cellular:plane": "global", "cellular:cells": []any{}, "cellular:protect": true, "cellular:alarms": map[string]any{"period": "1m"},
		"cellular:router": map[string]any{"auth": map[string]any{"type": "iam"}}, "cellular:functions": map[string]any{"faultInjection": false},
	}).previewFrom(t, withoutCells(t, state), optpreview.Target(targets))
	made := map[string]int{}
	for urn, all := range steps {
		for _, step := range all {
			if step.Op == apitype.OpSame || strings.HasPrefix(step.Type, "pulumi:") {
				continue // providers are always targets
			}
			require.Equal(t, apitype.OpCreate, step.Op, urn)
			made[step.Type]++
		}
	}
	require.Equal(t, map[string]int{
		controlplane.AlarmTopicType: 1, "aws:kms/key:Key": 1, "aws:kms/alias:Alias": 1, "aws:sns/topic:Topic": 1, "aws:sns/topicPolicy:TopicPolicy": 1,
		controlplane.AlarmsType: 1, "aws:cloudwatch/metricAlarm:MetricAlarm": len(naming.RouterAlarms()) + len(naming.ControlPlaneAlarms()),
		"aws:cloudwatch/compositeAlarm:CompositeAlarm": 2,
	}, made)
}

// withoutCells is the state of a stack that has the global plane alone, as an earlier version left it.
func withoutCells(t *testing.T, state []byte) []byte {
	var d apitype.DeploymentV3
	require.NoError(t, json.Unmarshal(state, &d))
	all := len(d.Resources)
	d.Resources = slices.DeleteFunc(d.Resources, func(r apitype.ResourceV3) bool {
		delete(r.Outputs, "cells")
		return strings.HasPrefix(string(r.URN.QualifiedType()), cell.TypeToken)
	})
	require.Less(t, len(d.Resources), all, "the state has no cells")
	rest, err := json.Marshal(d)
	require.NoError(t, err)
	return rest
}
