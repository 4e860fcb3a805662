package cellstatus_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/naming"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/testkit/dynamotest"
)

const stack naming.Stack = "dev"

var errDown = errors.New("down")

func cell(id string) manifest.Cell {
	n := stack.Cell(id)
	return manifest.Cell{
		ID: id, DataTable: n.DataTable(), ResultsTable: n.ResultsTable(), QueueARN: "arn:aws:sqs:r:1:" + n.Queue(),
		QueueURL: n.Queue(), ConsumerDLQURL: n.ConsumerDLQ(), SubscriptionDLQURL: n.SubscriptionDLQ(), StreamDLQURL: n.StreamDLQ(),
	}
}

// queues has depths (visible, in flight, delayed) by URL. A queue that is not there is down.
type queues map[string][3]int

func (q queues) GetQueueAttributes(_ context.Context, in *sqs.GetQueueAttributesInput, _ ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	depth, ok := q[*in.QueueUrl]
	if !ok {
		return nil, errDown
	}
	attributes := map[string]string{}
	for i, name := range []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	} {
		attributes[string(name)] = strconv.Itoa(depth[i])
	}
	return &sqs.GetQueueAttributesOutput{Attributes: attributes}, nil
}

func (q queues) add(c manifest.Cell, queue, stream, subscription, consumer [3]int) {
	q[c.QueueURL], q[c.StreamDLQURL], q[c.SubscriptionDLQURL], q[c.ConsumerDLQURL] = queue, stream, subscription, consumer
}

func waitingItem(tenant, id string) dynamotest.Item {
	return dynamotest.Item{
		event.AttrKey:         item.Text(tenant + "#" + id),
		event.AttrTenantShard: item.Text(event.TenantShard(tenant, id)),
		ledger.AttrWaiting:    item.Text(event.TenantShard(tenant, id)),
	}
}

// waitingBefore is waitingItem as the version before has written it.
func waitingBefore(tenant, id string) dynamotest.Item {
	return dynamotest.Item{
		event.AttrKey: item.Text(tenant + "#" + id), event.AttrTenantID: item.Text(tenant), ledger.AttrWaiting: item.Text(tenant),
	}
}

func TestACellIsReadWithAllThatWaitsInIt(t *testing.T) {
	alpha := cell("alpha")
	db := dynamotest.NewTables(dynamotest.Deployment(stack, "alpha"))
	db.PageItems = 2 // the count goes on over pages
	for i := range 4 {
		db.Put(alpha.ResultsTable, waitingItem("acme", strconv.Itoa(i)))
	}
	db.Put(alpha.ResultsTable, waitingBefore("acme", "4"))
	db.Put(alpha.ResultsTable, waitingItem("zeta", "1"))
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	db.Put(alpha.ResultsTable, dynamotest.Item{
		event.AttrKey:        item.Text(ledger.AppliedKey),
		ledger.AttrAppliedAt: item.Text(event.FormatTime(at)),
	})
	q := queues{}
	q.add(alpha, [3]int{5, 3, 1}, [3]int{1, 0, 0}, [3]int{2, 0, 0}, [3]int{4, 1, 0})

	s, err := cellstatus.NewReader(db, q).Read(t.Context(), alpha)
	require.NoError(t, err)
	require.Equal(t, cellstatus.Status{
		Queue:           cellstatus.Depth{Visible: 5, InFlight: 3, Delayed: 1},
		StreamDLQ:       cellstatus.Depth{Visible: 1},
		SubscriptionDLQ: cellstatus.Depth{Visible: 2},
		ConsumerDLQ:     cellstatus.Depth{Visible: 4, InFlight: 1},
		Waiting:         cellstatus.Waiting{Total: 6, ByTenant: map[string]int{"acme": 5, "zeta": 1}},
		AppliedAt:       at,
	}, s)
	require.Equal(t, 9, s.Queue.Total())
}

func TestTheCountOfWaitingEventsIsBounded(t *testing.T) {
	alpha := cell("alpha")
	db := dynamotest.NewTables(dynamotest.Deployment(stack, "alpha"))
	db.PageItems = 1
	for i := range 21 {
		db.Put(alpha.ResultsTable, waitingItem("acme", strconv.Itoa(i)))
	}
	q := queues{}
	q.add(alpha, [3]int{}, [3]int{}, [3]int{}, [3]int{})
	s, err := cellstatus.NewReader(db, q).Read(t.Context(), alpha)
	require.NoError(t, err)
	require.Equal(t, 20, s.Waiting.Total)
	require.True(t, s.Waiting.AtLeast)
	require.True(t, s.AppliedAt.IsZero(), "the cell never applied an event")
}

func TestACellThatCannotBeReadKeepsNoOtherFromBeingRead(t *testing.T) {
	alpha, beta, gamma := cell("alpha"), cell("beta"), cell("gamma")
	q := queues{}
	q.add(alpha, [3]int{1, 0, 0}, [3]int{}, [3]int{}, [3]int{})
	q.add(gamma, [3]int{3, 0, 0}, [3]int{}, [3]int{}, [3]int{})
	db := dynamotest.NewTables(dynamotest.Deployment(stack, "alpha", "beta", "gamma"))

	var told []int
	results := cellstatus.NewReader(db, q).ReadAll(t.Context(), []manifest.Cell{alpha, beta, gamma}, func(done int) { told = append(told, done) })
	require.Equal(t, []int{1, 2, 3}, told)
	require.NoError(t, results[0].Err)
	require.Equal(t, 1, results[0].Status.Queue.Visible)
	require.ErrorIs(t, results[1].Err, errDown)
	require.ErrorContains(t, results[1].Err, "read the depth of queue dev-processing-queue-")
	require.ErrorContains(t, results[1].Err, "cell-beta", "whichever of its queues answers first")
	require.NoError(t, results[2].Err)
	require.Equal(t, 3, results[2].Status.Queue.Visible)
}

// metrics is CloudWatch with the ages in seconds of some queues' oldest messages, newest first.
type metrics struct {
	ages     map[string][]float64
	requests []int // how many metrics each asked for
	page     int   // results per page; 0 for all
}

func (m *metrics) GetMetricData(_ context.Context, in *cloudwatch.GetMetricDataInput, _ ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	m.requests = append(m.requests, len(in.MetricDataQueries))
	if in.ScanBy != cwtypes.ScanByTimestampDescending || in.EndTime.Sub(*in.StartTime) <= 0 {
		return nil, errors.New("ValidationError")
	}
	from, _ := strconv.Atoi(aws.ToString(in.NextToken))
	out := &cloudwatch.GetMetricDataOutput{}
	for i, q := range in.MetricDataQueries[from:] {
		if m.page > 0 && i == m.page {
			out.NextToken = aws.String(strconv.Itoa(from + i))
			break
		}
		if *q.MetricStat.Metric.Namespace != "AWS/SQS" || *q.MetricStat.Metric.MetricName != "ApproximateAgeOfOldestMessage" {
			return nil, errors.New("unknown metric")
		}
		out.MetricDataResults = append(out.MetricDataResults, cwtypes.MetricDataResult{
			Id: q.Id, Values: m.ages[*q.MetricStat.Metric.Dimensions[0].Value],
		})
	}
	return out, nil
}

func TestTheOldestMessageOfEachQueueIsTheLatestDatapoint(t *testing.T) {
	m := &metrics{page: 1, ages: map[string][]float64{
		stack.Cell("alpha").Queue(): {90, 30},
		stack.Cell("gamma").Queue(): {0},
	}}
	ages, err := cellstatus.Oldest(t.Context(), m, []manifest.Cell{cell("alpha"), cell("beta"), cell("gamma")}, time.Now())
	require.NoError(t, err)
	require.Equal(t, map[string]time.Duration{"alpha": 90 * time.Second, "gamma": 0}, ages, "nothing is known of beta")
}

func TestAgesAreAskedForInAsFewRequestsAsCloudWatchAllows(t *testing.T) {
	m := &metrics{ages: map[string][]float64{stack.Cell("c500").Queue(): {7}}}
	var cells []manifest.Cell
	for i := range 501 {
		cells = append(cells, cell(fmt.Sprintf("c%d", i)))
	}
	ages, err := cellstatus.Oldest(t.Context(), m, cells, time.Now())
	require.NoError(t, err)
	require.Equal(t, []int{500, 1}, m.requests)
	require.Equal(t, map[string]time.Duration{"c500": 7 * time.Second}, ages)
}
