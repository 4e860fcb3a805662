package vitals_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/cloudwatch"
	"cellular/local/cloudwatch/vitals"
	"cellular/local/gate"
)

// tableSums are the sums of all metrics of tables, by name and dimensions.
func tableSums(t *testing.T, m *cloudwatch.Metrics) map[string]float64 {
	sum, err := cloudwatch.ParseStatistic("Sum")
	require.NoError(t, err)
	found := map[string]float64{}
	for _, metric := range m.List() {
		require.Equal(t, "AWS/DynamoDB", metric.Namespace)
		key := []string{metric.Name}
		for _, d := range metric.Dimensions {
			key = append(key, d.Name+"="+d.Value)
		}
		found[strings.Join(key, " ")] = m.Points(metric, sum, time.Minute, noon, noon.Add(time.Minute))[noon.Unix()]
	}
	return found
}

func TestVitals_ReportTablesWithTheDimensionsOfDynamoDB(t *testing.T) {
	const throttled = "ProvisionedThroughputExceededException"
	for name, tc := range map[string]struct {
		requests []gate.TableRequest
		want     map[string]float64
	}{
		"good": {
			[]gate.TableRequest{{Operation: "GetItem", Tables: []string{"m"}, Status: 200, Took: 3 * time.Millisecond}, {Operation: "GetItem", Tables: []string{"m"}, Status: 200, Took: 4 * time.Millisecond}},
			map[string]float64{"SuccessfulRequestLatency Operation=GetItem TableName=m": 7},
		},
		"throttled reads and writes": {
			[]gate.TableRequest{
				{Operation: "GetItem", Tables: []string{"m"}, Status: 400, Code: throttled},
				{Operation: "PutItem", Tables: []string{"m"}, Status: 400, Code: "ThrottlingException"},
				{Operation: "Query", Tables: []string{"m"}, Index: "by-cell", Status: 400, Code: throttled},
			},
			map[string]float64{
				"ThrottledRequests Operation=GetItem TableName=m": 1, "ReadThrottleEvents TableName=m": 1,
				"ThrottledRequests Operation=PutItem TableName=m": 1, "WriteThrottleEvents TableName=m": 1,
				"ThrottledRequests Operation=Query TableName=m": 1, "ReadThrottleEvents GlobalSecondaryIndexName=by-cell TableName=m": 1,
			},
		},
		"system errors": {
			[]gate.TableRequest{{Operation: "TransactWriteItems", Tables: []string{"a", "b"}, Status: 500, Code: "InternalServerError"}, {Operation: "GetItem", Tables: []string{"a"}, Status: 503}},
			map[string]float64{"SystemErrors Operation=TransactWriteItems TableName=a": 1, "SystemErrors Operation=TransactWriteItems TableName=b": 1, "SystemErrors Operation=GetItem TableName=a": 1},
		},
		"the client's errors, and operations on the table itself": {
			[]gate.TableRequest{{Operation: "PutItem", Tables: []string{"m"}, Status: 400, Code: "ConditionalCheckFailedException"}, {Operation: "DescribeTable", Tables: []string{"m"}, Status: 200}},
			map[string]float64{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := cloudwatch.NewMetrics()
			v := vitals.New(m, func() time.Time { return noon })
			for _, r := range tc.requests {
				v.Table(r)
			}
			found := tableSums(t, m)
			require.Equal(t, tc.want, found, "%v", slices.Sorted(maps.Keys(found)))
		})
	}
}
