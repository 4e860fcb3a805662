package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/model/probe"
	"cellular/internal/operator/record"
	"cellular/internal/operator/restore"
	"cellular/internal/operator/terminal"
	"cellular/internal/testkit/alarmtest"
	"cellular/internal/testkit/dynamotest"
)

const stack naming.Stack = "dev"

var errDown = errors.New("down")

// world is a deployment in memory: stack dev with the cells canary (wave 0) and c01, c02 (wave 1). It is to be used within
// a synctest bubble, where the time starts at 2000-01-01T00:00:00Z.
type world struct {
	t      *testing.T
	db     *dynamotest.DB
	ssm    parameters
	lists  atomic.Int32 // pages of parameters that were read
	queues queues
	ages   ages
	alarms *alarmtest.CloudWatch // of every cell, all OK

	recovery restore.Tables // nil unless a test restores tables

	sqs   sqsClient // the depths of queues, unless a test has put queues with messages in their place
	stdin string    // what is typed; "" where stdin is no terminal

	sts    stsClient     // who acts
	http   probe.Doer    // what answers at the router's address
	holder func() string // who each command is, this process unless a test has several at a time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ssm: parameters{}, queues: queues{}, ages: ages{}, sts: caller{}, alarms: alarmtest.Deployment(stack, time.Now()), holder: record.Holder}
	w.sqs = depthsOnly{queues: w.queues}
	w.db = dynamotest.NewTables(dynamotest.Deployment(stack, "canary", "c01", "c02"))
	control, err := dynamotest.ControlPlaneOf(stack).JSON()
	require.NoError(t, err)
	router, err := manifest.Router{
		URL: "https://abc123.execute-api.eu-west-1.amazonaws.com", Function: stack.Router(), Role: "arn:aws:iam::123456789012:role/" + stack.RouterRole(),
		Auth: "iam", SoftTTL: manifest.Duration(time.Minute), HardTTL: manifest.Duration(time.Hour),
		RefreshTimeout: manifest.Duration(time.Second), CellTimeout: manifest.Duration(2 * time.Second),
	}.JSON()
	require.NoError(t, err)
	w.ssm[stack.ControlPlaneParameter()], w.ssm[stack.RouterParameter()] = control, router
	w.addCell("canary", 0, 10)
	w.addCell("c01", 1, 100)
	w.addCell("c02", 1, 100)
	return w
}

func cellManifest(id string, wave, most int) manifest.Cell {
	const arn, url = "arn:aws:sqs:eu-west-1:123456789012:", "https://sqs.eu-west-1.amazonaws.com/123456789012/"
	n := stack.Cell(id)
	return manifest.Cell{
		ID: id, Wave: wave, Tier: "standard", MaxTenants: most, DataTable: n.DataTable(), ResultsTable: n.ResultsTable(),
		TopicARN: "arn:aws:sns:eu-west-1:123456789012:" + n.Topic(), QueueURL: url + n.Queue(), QueueARN: arn + n.Queue(),
		ConsumerDLQURL: url + n.ConsumerDLQ(), SubscriptionDLQURL: url + n.SubscriptionDLQ(), StreamDLQURL: url + n.StreamDLQ(),
		Producer: n.Producer(), Consumer: n.Consumer(),
		Settings: manifest.Settings{InlinePayloadBytes: 1024, ResultTTL: manifest.Duration(24 * time.Hour), Architecture: "arm64"},
	}
}

func (w *world) addCell(id string, wave, most int) {
	w.publish(cellManifest(id, wave, most))
	w.alarms.AddCell(stack, id, time.Now())
}

func (w *world) publish(c manifest.Cell) {
	w.t.Helper()
	text, err := c.JSON()
	require.NoError(w.t, err)
	w.ssm[stack.Cell(c.ID).Parameter()] = text
}

// run runs a command line against the world.
func (w *world) run(args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	var out, errs bytes.Buffer
	err := w.app(&out, &errs).run(w.t.Context(), append([]string{"--stack", string(stack)}, args...))
	code = exitCode(err, false, &errs)
	return out.String(), errs.String(), code
}

// app is a cellctl in the world.
func (w *world) app(out, errs *bytes.Buffer) *app {
	return &app{
		stdin: strings.NewReader(w.stdin), stdout: terminal.NewWriter(out), stderr: terminal.NewWriter(errs),
		terminal: func(stream any) bool { _, in := stream.(*strings.Reader); return in && w.stdin != "" },
		dial: func(context.Context, options) (*clients, error) {
			return &clients{region: "eu-west-1", holder: w.holder(), dynamo: w.db, sqs: w.sqs, ssm: countedSSM{w.ssm, &w.lists}, audit: w.db, recovery: w.recovery, sts: w.sts, cloudwatch: agesAndAlarms{w.ages, w.alarms},
				http: w.http, credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")}, nil
		},
	}
}

// prints requires exactly this of a command line that succeeds, and that nothing else is written.
func (w *world) prints(stdout string, args ...string) {
	w.t.Helper()
	out, errs, code := w.run(args...)
	require.Zero(w.t, code, errs)
	require.Equal(w.t, stdout, out)
	require.Empty(w.t, errs)
}

// refuses requires exactly this of a command line that fails, and that nothing goes to stdout.
func (w *world) refuses(code int, stderr string, args ...string) {
	w.t.Helper()
	out, errs, got := w.run(args...)
	require.Equal(w.t, stderr, errs)
	require.Equal(w.t, code, got)
	require.Empty(w.t, out)
}

// does runs a command line that succeeds, whatever it prints.
func (w *world) does(args ...string) {
	w.t.Helper()
	_, errs, code := w.run(args...)
	require.Zero(w.t, code, errs)
}

func (w *world) mapping(tenant string) dynamotest.Item {
	return w.db.Item(stack.MappingTable(), tenant)
}

// event puts an event of a tenant into a cell, with an outcome where it has a status.
func (w *world) event(cell, tenant, id string, status ledger.Status) {
	names := stack.Cell(cell)
	e := event.Event{TenantID: tenant, ID: id, Type: "order.placed", Payload: []byte(`{}`), Epoch: 1, AcceptedAt: time.Now()}
	w.db.Put(names.DataTable(), e.Item())
	if status == "" {
		return
	}
	shard := item.Text(event.TenantShard(tenant, id))
	outcome := dynamotest.Item{event.AttrKey: item.Text(e.Key()), event.AttrTenantShard: shard, ledger.AttrStatus: item.Text(string(status))}
	if status == ledger.Diverted {
		outcome[ledger.AttrWaiting] = shard
	}
	w.db.Put(names.ResultsTable(), outcome)
}

// moving notes in a tenant's mapping that a move takes it to a cell.
func (w *world) moving(tenant, to string) {
	stored := w.mapping(tenant)
	stored[mapping.AttrMovingTo] = item.Text(to)
	w.db.Put(stack.MappingTable(), stored)
}

// parameters is SSM in memory. It lists two parameters a page.
type parameters map[string]string

func (p parameters) GetParameter(_ context.Context, in *ssm.GetParameterInput, _ ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	value, ok := p[*in.Name]
	if !ok {
		return nil, &ssmtypes.ParameterNotFound{}
	}
	return &ssm.GetParameterOutput{Parameter: &ssmtypes.Parameter{Name: in.Name, Value: &value}}, nil
}

func (p parameters) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput, _ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	out := &ssm.GetParametersByPathOutput{}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !strings.HasPrefix(name, *in.Path+"/") || in.NextToken != nil && name <= *in.NextToken {
			continue
		}
		if len(out.Parameters) == 2 {
			out.NextToken = out.Parameters[1].Name
			break
		}
		out.Parameters = append(out.Parameters, ssmtypes.Parameter{Name: &name, Value: new(p[name])})
	}
	return out, nil
}

// countedSSM counts the pages that are listed.
type countedSSM struct {
	parameters
	lists *atomic.Int32
}

func (c countedSSM) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput, o ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	c.lists.Add(1)
	return c.parameters.GetParametersByPath(ctx, in, o...)
}

// queues has the depths of queues, visible and in flight, by name; -1 is a queue that is down. One that is not there is
// empty.
type queues map[string][2]int

// depthsOnly is a client that knows nothing but depths, and has no message.
type depthsOnly struct {
	sqsClient
	queues
}

func (depthsOnly) ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	return &sqs.ReceiveMessageOutput{}, nil
}

func (d depthsOnly) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, o ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	return d.queues.GetQueueAttributes(ctx, in, o...)
}

func (q queues) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	depth := q[(*in.QueueUrl)[strings.LastIndex(*in.QueueUrl, "/")+1:]]
	if depth[0] < 0 {
		return nil, errDown
	}
	return &sqs.GetQueueAttributesOutput{Attributes: map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(depth[0]),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(depth[1]),
		"ApproximateNumberOfMessagesDelayed":    "0",
	}}, nil
}

// ages is CloudWatch with the age in seconds of the oldest message of some queues, by name; with "down" it is down.
type ages map[string]float64

func (a ages) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	if _, down := a["down"]; down {
		return nil, errDown
	}
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		result := cwtypes.MetricDataResult{Id: q.Id}
		if age, ok := a[*q.MetricStat.Metric.Dimensions[0].Value]; ok {
			result.Values = []float64{age}
		}
		out.MetricDataResults = append(out.MetricDataResults, result)
	}
	return out, nil
}

type agesAndAlarms struct {
	ages
	*alarmtest.CloudWatch
}

// caller is STS.
type caller struct{}

func (caller) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: new("123456789012"), Arn: new("arn:aws:sts::123456789012:assumed-role/ops/ada")}, nil
}

// printed joins lines as a command prints them.
func printed(all ...string) string { return strings.Join(all, "\n") + "\n" }

// applied notes in a cell when it last applied an event.
func (w *world) applied(cell string, at time.Time) {
	w.db.Put(stack.Cell(cell).ResultsTable(), dynamotest.Item{
		event.AttrKey: item.Text(ledger.AppliedKey), ledger.AttrAppliedAt: item.Text(event.FormatTime(at)),
	})
}

func tenantID(n int) string { return fmt.Sprintf("tenant-%02d", n) }
