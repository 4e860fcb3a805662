package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/dynamotest"
)

// metered has AWS take a while for each request, and counts them. Of parameters it answers 40 requests a second, from the
// quotas of Systems Manager, ten parameters each.
type metered struct {
	*world
	mu         sync.Mutex
	requests   map[string]int
	parameters []time.Time // of the last second
	described  []time.Time // alarms, too
	names      []string
}

const latency = 20 * time.Millisecond

func (c *metered) ask(operation string) {
	c.mu.Lock()
	c.requests[operation]++
	c.mu.Unlock()
	time.Sleep(latency)
}

func (c *metered) askParameters(operation string) {
	c.mu.Lock()
	now := time.Now()
	c.parameters = append(slices.DeleteFunc(c.parameters, func(at time.Time) bool { return now.Sub(at) >= time.Second }), now)
	require.LessOrEqual(c.t, len(c.parameters), 40, "SSM refuses what is more")
	c.mu.Unlock()
	c.ask(operation)
}

func (c *metered) GetParameter(ctx context.Context, in *ssm.GetParameterInput, o ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	c.askParameters("GetParameter")
	return c.world.ssm.GetParameter(ctx, in, o...)
}

func (c *metered) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	c.askParameters("GetParametersByPath")
	out := &ssm.GetParametersByPathOutput{}
	i := 0
	if in.NextToken != nil {
		i = slices.Index(c.names, *in.NextToken)
	}
	end := min(i+int(aws.ToInt32(in.MaxResults)), len(c.names))
	for _, name := range c.names[i:end] {
		out.Parameters = append(out.Parameters, ssmtypes.Parameter{Name: &name, Value: new(c.world.ssm[name])})
	}
	if end < len(c.names) {
		out.NextToken = &c.names[end]
	}
	return out, nil
}

type meteredQueues struct {
	sqsClient
	*metered
}

func (q meteredQueues) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, o ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	q.metered.ask("GetQueueAttributes")
	return q.sqsClient.GetQueueAttributes(ctx, in, o...)
}

func (c *metered) GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput, o ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	c.ask("GetMetricData")
	return c.ages.GetMetricData(ctx, in, o...)
}

func (c *metered) DescribeAlarms(ctx context.Context, in *cloudwatch.DescribeAlarmsInput, o ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error) {
	c.mu.Lock()
	now := time.Now()
	c.described = append(slices.DeleteFunc(c.described, func(at time.Time) bool { return now.Sub(at) >= time.Second }), now)
	require.LessOrEqual(c.t, len(c.described), 9, "CloudWatch refuses what is more")
	c.mu.Unlock()
	c.ask("DescribeAlarms")
	return c.alarms.DescribeAlarms(ctx, in, o...)
}

func TestCellsList_ReadsAThousandCellsWithinTheRateOfParameters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ids := []string{"canary", "c01", "c02"}
		for i := range 997 {
			ids = append(ids, fmt.Sprintf("d%03d", i))
			w.addCell(ids[len(ids)-1], 2, 100)
		}
		w.db = dynamotest.NewTables(dynamotest.Deployment(stack, ids...))
		c := &metered{world: w, requests: map[string]int{}}
		for _, name := range slices.Sorted(maps.Keys(w.ssm)) {
			if strings.HasPrefix(name, stack.CellParameters()+"/") {
				c.names = append(c.names, name)
			}
		}
		w.db.Intercept = func(_ context.Context, call dynamotest.Call) error {
			c.ask(call.Operation)
			return nil
		}
		var out, errs bytes.Buffer
		a := w.app(&out, &errs)
		a.terminal = func(stream any) bool { return stream == a.stderr }
		dial := a.dial
		a.dial = func(ctx context.Context, o options) (*clients, error) {
			clients, err := dial(ctx, o)
			clients.ssm, clients.sqs, clients.cloudwatch = c, meteredQueues{clients.sqs, c}, c
			return clients, err
		}
		began := time.Now()
		require.NoError(t, a.run(t.Context(), []string{"--stack", string(stack), "cells", "list"}))
		t.Logf("%s: %v", time.Since(began), c.requests)
		require.Equal(t, 1001, strings.Count(out.String(), "\n"), "a line for each, and the names of the columns")
		require.Contains(t, errs.String(), clearLine+"manifests of cells 510")
		require.Contains(t, errs.String(), clearLine+"cells [############............] 5", "who waits for seconds sees how far it is")
		require.True(t, strings.HasSuffix(errs.String(), "left"+clearLine), "and nothing of it stays")
		require.Equal(t, 100, c.requests["GetParametersByPath"])
		require.Equal(t, 12, c.requests["DescribeAlarms"], "the composites, a hundred a request, and what fires")
	})
}
