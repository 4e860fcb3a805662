package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/testkit/cloudtest"
)

// What cellctl shows as OLDEST.
func TestTheAgeOfTheOldestMessageIsMeasured(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	client := cloudwatch.NewFromConfig(w.cloud.AWS)
	resume := c.pause(t, c.Consumer)
	orders := w.acceptOrders(t, tenant, "order", 3)
	cloudtest.Await(t, "the queue has an age", func() (time.Duration, bool) {
		ages, err := cellstatus.Oldest(t.Context(), client, []manifest.Cell{c.Cell}, time.Now())
		require.NoError(t, err)
		return ages[c.ID], ages[c.ID] > 0
	})
	resume()
	w.AwaitStatus(t, tenant, "processed", orders...)
}

func TestTheRouterAndTheFunctionsAreMeasured(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.take(t)
	tenant := w.tenant(t, c.ID)
	began := time.Now().Add(-time.Second)
	w.AwaitStatus(t, tenant, "processed", w.acceptOrders(t, tenant, "order", 2)...)
	client := cloudwatch.NewFromConfig(w.cloud.AWS)
	for _, search := range []string{
		fmt.Sprintf(`{AWS/Lambda,FunctionName} MetricName="Invocations" FunctionName=%q`, c.Producer),
		fmt.Sprintf(`{AWS/Lambda,FunctionName} MetricName="Invocations" FunctionName=%q`, c.Consumer),
		fmt.Sprintf(`{AWS/Lambda,FunctionName} MetricName="IteratorAge" FunctionName=%q`, c.Producer),
		`{AWS/ApiGateway,ApiId} MetricName="Count"`,
		// What the functions have written into their logs.
		fmt.Sprintf(`MetricName="requests_2xx" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="published" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="applied" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="accepted_to_applied_ms" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="published_to_applied_ms" cell=%q`, c.ID),
		fmt.Sprintf(`MetricName="apply_ms" cell=%q`, c.ID),
		`MetricName="requests_2xx" version="$LATEST"`,
	} {
		cloudtest.Await(t, search, func() (float64, bool) {
			out, err := client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
				StartTime: aws.Time(began), EndTime: aws.Time(time.Now().Add(time.Minute)),
				MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("found"), Expression: aws.String("SUM(SEARCH('" + search + "', 'SampleCount', 60))")}},
			})
			require.NoError(t, err)
			if len(out.MetricDataResults) == 0 || len(out.MetricDataResults[0].Values) == 0 {
				return 0, false
			}
			return out.MetricDataResults[0].Values[0], out.MetricDataResults[0].Values[0] > 0
		})
	}
}
