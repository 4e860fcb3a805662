// Package enginetest runs the real program with the real Pulumi engine on the local cloud, and changes its configuration
// step by step as an operator would.
package enginetest

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

const stack = cloudtest.Stack

// operator works on one cloud.
type operator struct {
	t     *testing.T
	cloud *local.Cloud
}

func start(t *testing.T) operator {
	t.Helper()
	cloud := cloudtest.New(t, local.Options{})
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(cloud.Dir + "/logs/engine.log")
			t.Logf("the engine said:\n%s", text)
		}
	})
	return operator{t, cloud}
}

// cells is the configuration of a stack with these cells.
func cells(list ...map[string]any) map[string]any {
	var all []any
	for _, c := range list {
		all = append(all, c)
	}
	return map[string]any{"cellular:cells": all}
}

// dropping is the configuration with what the stack may lose.
func dropping(config map[string]any, entries ...any) map[string]any {
	config["cellular:drop"] = entries
	return config
}

func cell(id string) map[string]any { return map[string]any{"id": id} }

func (o operator) up(config map[string]any) local.Changes {
	o.t.Helper()
	_, changes, err := o.cloud.Up(o.t.Context(), config)
	require.NoError(o.t, err)
	return changes
}

// state is every resource of the stack by URN, reduced to what a deployment can change.
func (o operator) state() map[string]apitype.ResourceV3 {
	o.t.Helper()
	d, err := o.cloud.State(o.t.Context())
	require.NoError(o.t, err)
	all := map[string]apitype.ResourceV3{}
	for _, r := range d.Resources {
		if r.Type == resource.RootStackType {
			continue // its outputs list the cells
		}
		all[string(r.URN)] = apitype.ResourceV3{ID: r.ID, Inputs: r.Inputs, Outputs: r.Outputs}
	}
	return all
}

// of are the resources of one cell.
func of(state map[string]apitype.ResourceV3, id string) map[string]apitype.ResourceV3 {
	found := maps.Clone(state)
	maps.DeleteFunc(found, func(urn string, _ apitype.ResourceV3) bool { return !belongs(urn, id) })
	return found
}

// belongs tells whether a resource is the cell's component or below it.
func belongs(urn, id string) bool {
	name := urn[strings.LastIndex(urn, "::")+2:]
	return name == "cell-"+id || strings.HasPrefix(name, "cell-"+id+"-")
}

// requireSame names the resources that differ.
func (o operator) requireSame(before, after map[string]apitype.ResourceV3) {
	o.t.Helper()
	var differ []string
	for urn := range union(before, after) {
		if !assert.ObjectsAreEqual(before[urn], after[urn]) {
			differ = append(differ, urn)
		}
	}
	require.Empty(o.t, differ)
}

func union(a, b map[string]apitype.ResourceV3) map[string]apitype.ResourceV3 {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// without are the resources of everything but one cell.
func without(state map[string]apitype.ResourceV3, id string) map[string]apitype.ResourceV3 {
	found := maps.Clone(state)
	maps.DeleteFunc(found, func(urn string, _ apitype.ResourceV3) bool { return belongs(urn, id) })
	return found
}

// One cloud goes through the life of a deployment. The steps build on each other, because each up takes seconds.
func TestI3ContainedChangeThroughTheLifeOfADeployment(t *testing.T) {
	o := start(t)
	step := func(name string, f func(operator)) {
		t.Helper()
		require.True(t, t.Run(name, func(t *testing.T) { f(operator{t, o.cloud}) }), "the next steps build on this one")
	}
	alpha, beta := cell("alpha"), cell("beta")
	var perCell int

	step("an empty cloud gets everything", func(o operator) {
		changes := o.up(cells(alpha))
		require.Equal(o.t, []string{"create"}, operations(changes))
		perCell = len(of(o.state(), "alpha"))
		require.Greater(o.t, perCell, 20)
	})
	step("the same configuration changes nothing", func(o operator) {
		before := o.state()
		changes := o.up(cells(alpha))
		require.Equal(o.t, []string{"same"}, operations(changes))
		o.requireSame(before, o.state())
	})
	step("a cell is added beside the others", func(o operator) {
		before := o.state()
		changes := o.up(cells(beta, alpha)) // the order does not count
		require.Equal(o.t, perCell, changes["create"], "every cell is the same stamp")
		require.Equal(o.t, []string{"create", "same"}, operations(changes))
		o.requireSame(before, without(o.state(), "beta"))
	})
	step("a setting of one cell changes that cell", func(o operator) {
		before := o.state()
		beta["maxTenants"] = 7
		changes := o.up(cells(alpha, beta))
		require.Equal(o.t, []string{"same", "update"}, operations(changes))
		require.Equal(o.t, 1, changes["update"], "the manifest that the cell publishes")
		after := o.state()
		o.requireSame(without(before, "beta"), without(after, "beta"))
		require.Contains(o.t, o.parameter("beta"), `"max_tenants":7`)
	})
	step("a cell that fails leaves the others deployed", func(o operator) {
		before := o.state()
		queue := o.occupy(stack.Cell("gamma").Queue())
		_, _, err := o.cloud.Up(o.t.Context(), cells(alpha, beta, cell("gamma")))
		require.ErrorContains(o.t, err, stack.Cell("gamma").Queue())
		o.requireSame(before, without(o.state(), "gamma"))
		_, err = o.cloud.Preview(o.t.Context(), cells(alpha))
		require.ErrorContains(o.t, err, "cell beta (active, 0 tenants)", "what is deployed is known after an update that failed")

		_, err = sqs.NewFromConfig(o.cloud.AWS).DeleteQueue(o.t.Context(), &sqs.DeleteQueueInput{QueueUrl: &queue})
		require.NoError(o.t, err)
	})
	step("and the next up completes it", func(o operator) {
		before := o.state()
		require.Less(o.t, len(of(before, "gamma")), perCell)
		o.up(cells(alpha, beta, cell("gamma")))
		after := o.state()
		o.requireSame(without(before, "gamma"), without(after, "gamma"))
		require.Len(o.t, of(after, "gamma"), perCell)
	})
	step("a cell is removed beside the others", func(o operator) {
		before := o.state()
		changes := o.up(dropping(cells(alpha, cell("gamma")), map[string]any{"cell": "beta", "tenants": []any{}}))
		require.Equal(o.t, []string{"delete", "same"}, operations(changes))
		require.Equal(o.t, perCell, changes["delete"])
		o.requireSame(without(before, "beta"), o.state())
	})
	step("an interrupted up can be taken up again", func(o operator) {
		ctx, cancel := context.WithCancel(o.t.Context())
		defer cancel()
		go func() {
			o.await(func() bool { return o.exists(stack.Cell("delta").DataTable()) })
			cancel()
		}()
		_, _, err := o.cloud.Up(ctx, cells(alpha, cell("gamma"), cell("delta")))
		require.Error(o.t, err)
		o.up(cells(alpha, cell("gamma"), cell("delta")))
		require.Len(o.t, of(o.state(), "delta"), perCell)
	})
	step("another terminal finds the stack as it is", func(o operator) {
		o.requireUnchangedInTerminal(cells(alpha, cell("gamma"), cell("delta")))
	})
	step("another terminal adds a cell, which is then everybody's", func(o operator) {
		before := o.state()
		all := cells(alpha, cell("gamma"), cell("delta"), cell("omega"))
		o.upInTerminal(all)
		after := o.state()
		o.requireSame(before, without(after, "omega"))
		require.Len(o.t, of(after, "omega"), perCell)

		_, err := dynamodb.NewFromConfig(o.cloud.Operator()).DescribeTable(o.t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(stack.Cell("omega").DataTable())})
		require.NoError(o.t, err, "its operators have rights on it")
		require.Equal(o.t, []string{"same"}, operations(o.up(all)))
	})
	step("a stack for another place is refused before it has anything", func(o operator) { o.requireRefusedElsewhere() })
	step("destroy from another terminal leaves nothing", func(o operator) {
		out, err := o.terminal().pulumi("destroy", "-s", local.StackName, "--config-file", o.settings(local.StackName, nil), "--yes", "--skip-preview")
		require.NoError(o.t, err, out)
		require.Empty(o.t, o.state())
		tables, err := dynamodb.NewFromConfig(o.cloud.AWS).ListTables(o.t.Context(), &dynamodb.ListTablesInput{})
		require.NoError(o.t, err)
		require.Empty(o.t, tables.TableNames)
		queues, err := sqs.NewFromConfig(o.cloud.AWS).ListQueues(o.t.Context(), &sqs.ListQueuesInput{})
		require.NoError(o.t, err)
		require.Empty(o.t, queues.QueueUrls)
		_, err = o.cloud.Lambda.GetFunction(o.t.Context(), stack.Router())
		require.Error(o.t, err)
	})
}

// operations are the names of the operations that happened.
func operations(c local.Changes) []string {
	done := maps.Clone(c)
	maps.DeleteFunc(done, func(_ string, n int) bool { return n == 0 })
	return slices.Sorted(maps.Keys(done))
}

// parameter is what a cell publishes about itself.
func (o operator) parameter(id string) string {
	o.t.Helper()
	out, err := ssm.NewFromConfig(o.cloud.AWS).GetParameter(o.t.Context(), &ssm.GetParameterInput{Name: aws.String(stack.Cell(id).Parameter())})
	require.NoError(o.t, err)
	return aws.ToString(out.Parameter.Value)
}

// occupy makes a queue with settings of its own, so that the program's queue of that name cannot be made.
func (o operator) occupy(name string) (url string) {
	o.t.Helper()
	out, err := sqs.NewFromConfig(o.cloud.AWS).CreateQueue(o.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"DelaySeconds": "7"}})
	require.NoError(o.t, err)
	return aws.ToString(out.QueueUrl)
}

func (o operator) exists(table string) bool {
	_, err := dynamodb.NewFromConfig(o.cloud.AWS).DescribeTable(o.t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	return err == nil
}

// await polls until the condition holds or the test ends.
func (o operator) await(condition func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-o.t.Context().Done():
			return
		}
	}
}
