package cellstatus

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"cellular/internal/model/manifest"
)

// maxQueries is how many metrics one GetMetricData call may ask for, from its API reference.
const maxQueries = 500

// SQS reports once a minute. A datapoint may come minutes late, and of a queue that has been idle none comes: one that is
// older than metricWindow says nothing about now.
const (
	metricPeriod = time.Minute
	metricWindow = 10 * time.Minute
)

// Oldest returns, by cell id, the age of the oldest message of each cell's queue, as CloudWatch last had it. A cell of
// which CloudWatch has no recent datapoint is not in the answer.
func Oldest(ctx context.Context, client CloudWatch, cells []manifest.Cell, now time.Time) (map[string]time.Duration, error) {
	ages := make(map[string]time.Duration, len(cells))
	for start := 0; start < len(cells); start += maxQueries {
		if err := oldest(ctx, client, cells[start:min(start+maxQueries, len(cells))], now, ages); err != nil {
			return nil, fmt.Errorf("read the age of the oldest message of %d queues: %w", len(cells), err)
		}
	}
	return ages, nil
}

func oldest(ctx context.Context, client CloudWatch, cells []manifest.Cell, now time.Time, ages map[string]time.Duration) error {
	in := &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-metricWindow)), EndTime: &now, ScanBy: types.ScanByTimestampDescending,
	}
	for i, c := range cells {
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
			Id: aws.String("q" + strconv.Itoa(i)),
			MetricStat: &types.MetricStat{
				Metric: &types.Metric{
					Namespace: aws.String("AWS/SQS"), MetricName: aws.String("ApproximateAgeOfOldestMessage"),
					Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String(queueName(c.QueueARN))}},
				},
				Period: aws.Int32(int32(metricPeriod / time.Second)), Stat: aws.String("Maximum"),
			},
		})
	}
	for {
		out, err := client.GetMetricData(ctx, in)
		if err != nil {
			return err
		}
		for _, result := range out.MetricDataResults {
			i, err := strconv.Atoi(strings.TrimPrefix(aws.ToString(result.Id), "q"))
			if err != nil || i < 0 || i >= len(cells) || len(result.Values) == 0 {
				continue
			}
			if _, newer := ages[cells[i].ID]; !newer {
				ages[cells[i].ID] = time.Duration(result.Values[0] * float64(time.Second))
			}
		}
		if aws.ToString(out.NextToken) == "" {
			return nil
		}
		in.NextToken = out.NextToken
	}
}

// queueName is the last part of a queue's ARN.
func queueName(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }
