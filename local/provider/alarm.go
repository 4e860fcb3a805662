package provider

import (
	"context"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	localcloudwatch "cellular/local/cloudwatch"
)

const (
	alarmGone = "ResourceNotFound" // the code with which DeleteAlarms says that there is no alarm
	tagsGone  = "ResourceNotFoundException"
)

var (
	alarmName   = length(1, 255)
	description = length(0, 1_024)
	// alarmAction is the ARN of a topic: the local cloud takes no other action of an alarm.
	alarmAction = arnOf("sns")
)

// alarmPeriod is the length of a period in seconds; which lengths there are, the local CloudWatch says.
var alarmPeriod = between(10, 86_400)

// metricAlarmKind checks single properties here. What AWS demands of them together, the local CloudWatch says.
var metricAlarmKind = &kind{
	token: "aws:cloudwatch/metricAlarm:MetricAlarm",
	args:  elementOf(cloudwatch.MetricAlarmArgs{}),
	state: reflect.TypeFor[cloudwatch.MetricAlarm](),
	rules: map[string]rule{
		"name":                              alarmName,
		"alarmDescription":                  description,
		"actionsEnabled":                    nil,
		"alarmActions":                      length(0, 5),
		"alarmActions[]":                    alarmAction,
		"okActions":                         length(0, 5),
		"okActions[]":                       alarmAction,
		"insufficientDataActions":           length(0, 5),
		"insufficientDataActions[]":         alarmAction,
		"namespace":                         length(1, 255),
		"metricName":                        length(1, 255),
		"dimensions":                        nil,
		"statistic":                         oneOf("SampleCount", "Sum", "Average", "Minimum", "Maximum"),
		"extendedStatistic":                 nil,
		"period":                            alarmPeriod,
		"threshold":                         nil,
		"comparisonOperator":                oneOf("GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"),
		"evaluationPeriods":                 between(1, 8_640),
		"datapointsToAlarm":                 between(1, 8_640),
		"treatMissingData":                  oneOf("breaching", "notBreaching", "ignore", "missing"),
		"evaluateLowSampleCountPercentiles": oneOf("evaluate", "ignore"),
		"metricQueries":                     length(1, 20),
		"metricQueries[].id":                named("a-zA-Z0-9_", 1, 255),
		"metricQueries[].expression":        length(1, 2_048),
		"metricQueries[].label":             nil,
		"metricQueries[].returnData":        nil,
		"metricQueries[].metric.namespace":  length(1, 255),
		"metricQueries[].metric.metricName": length(1, 255),
		"metricQueries[].metric.dimensions": nil,
		"metricQueries[].metric.period":     alarmPeriod,
		"metricQueries[].metric.stat":       nil,
		"tags":                              tagMap,
	},
	required: []string{"threshold"}, // only alarms on anomaly bands have none
	defaults: values{"actionsEnabled": true, "treatMissingData": "missing"},
	verify: func(in props) []problem {
		return verifyAlarm(in, func() error { return localcloudwatch.CheckMetricAlarm(*putMetricAlarm(in, nil)) })
	},
	replaceOn: []string{"name"},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		name := r.in.str("name")
		if _, err := c.cloudwatch.PutMetricAlarm(ctx, putMetricAlarm(r.in, r.tags)); err != nil {
			return "", nil, err
		}
		found, err := c.describeMetricAlarm(ctx, request{id: name, in: r.in})
		return name, found, err
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		found, err := c.describeMetricAlarm(ctx, r)
		if err != nil {
			return nil, err
		}
		found["tagsAll"], err = c.alarmTags(ctx, found["arn"].(string))
		return found, err
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		if _, err := c.cloudwatch.PutMetricAlarm(ctx, putMetricAlarm(r.in, nil)); err != nil { // it ignores the tags of an alarm that is there
			return nil, err
		}
		return nil, c.retagAlarm(ctx, r)
	},
	remove: removeAlarm,
}

// verifyAlarm has an alarm checked as a whole, which needs all of it.
func verifyAlarm(in props, check func() error) []problem {
	if resource.PropertyMap(in).ContainsUnknowns() {
		return nil
	}
	if err := check(); err != nil {
		return []problem{{"", "refused: " + err.Error()}}
	}
	return nil
}

func putMetricAlarm(in props, tags map[string]string) *awscloudwatch.PutMetricAlarmInput {
	put := &awscloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String(in.str("name")), AlarmDescription: in.optional("alarmDescription"), ActionsEnabled: aws.Bool(in.flag("actionsEnabled")),
		AlarmActions: in.strs("alarmActions"), OKActions: in.strs("okActions"), InsufficientDataActions: in.strs("insufficientDataActions"),
		ComparisonOperator: types.ComparisonOperator(in.str("comparisonOperator")), Threshold: in.optionalFloat("threshold"),
		EvaluationPeriods: in.optionalInt("evaluationPeriods"), DatapointsToAlarm: in.optionalInt("datapointsToAlarm"),
		TreatMissingData: in.optional("treatMissingData"), EvaluateLowSampleCountPercentile: in.optional("evaluateLowSampleCountPercentiles"),
		Namespace: in.optional("namespace"), MetricName: in.optional("metricName"), Dimensions: alarmDimensions(in.strMap("dimensions")),
		Statistic: types.Statistic(in.str("statistic")), ExtendedStatistic: in.optional("extendedStatistic"), Period: in.optionalInt("period"),
		Tags: alarmTagList(tags),
	}
	for _, q := range in.objects("metricQueries") {
		query := types.MetricDataQuery{
			Id: aws.String(q.str("id")), Expression: q.optional("expression"), Label: q.optional("label"), ReturnData: aws.Bool(q.flag("returnData")),
		}
		if m := q.object("metric"); m != nil {
			query.MetricStat = &types.MetricStat{
				Metric: &types.Metric{Namespace: m.optional("namespace"), MetricName: m.optional("metricName"), Dimensions: alarmDimensions(m.strMap("dimensions"))},
				Period: m.optionalInt("period"), Stat: m.optional("stat"),
			}
		}
		put.Metrics = append(put.Metrics, query)
	}
	return put
}

// describeMetricAlarm gives everything but the tags.
func (c *clients) describeMetricAlarm(ctx context.Context, r request) (values, error) {
	out, err := c.cloudwatch.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{r.id}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm},
	})
	if err != nil {
		return nil, err
	}
	if len(out.MetricAlarms) == 0 {
		return nil, fmt.Errorf("metric alarm %s %w", r.id, errGone)
	}
	a := out.MetricAlarms[0]
	found := values{
		"name": r.id, "arn": aws.ToString(a.AlarmArn), "actionsEnabled": aws.ToBool(a.ActionsEnabled),
		"comparisonOperator": string(a.ComparisonOperator), "evaluationPeriods": int(aws.ToInt32(a.EvaluationPeriods)),
		"evaluateLowSampleCountPercentiles": aws.ToString(a.EvaluateLowSampleCountPercentile),
		"treatMissingData":                  aws.ToString(a.TreatMissingData),
	}
	found.setActions(a.AlarmActions, a.OKActions, a.InsufficientDataActions)
	found.set("alarmDescription", a.AlarmDescription)
	found.set("namespace", a.Namespace)
	found.set("metricName", a.MetricName)
	found.set("extendedStatistic", a.ExtendedStatistic)
	if a.Statistic != "" {
		found["statistic"] = string(a.Statistic)
	}
	if a.Threshold != nil {
		found["threshold"] = *a.Threshold
	}
	for key, n := range map[string]*int32{"datapointsToAlarm": a.DatapointsToAlarm, "period": a.Period} {
		if n != nil {
			found[key] = int(*n)
		}
	}
	if len(a.Dimensions) > 0 {
		found["dimensions"] = dimensionMap(a.Dimensions)
	}
	if len(a.Metrics) > 0 {
		found["metricQueries"] = metricQueries(a.Metrics, r.in.objects("metricQueries"))
	}
	return found, nil
}

// metricQueries are the queries that were found. Those that return no data say so where the program does.
func metricQueries(found []types.MetricDataQuery, program []props) []values {
	says := map[string]bool{}
	for _, q := range program {
		says[q.str("id")] = q.has("returnData")
	}
	var queries []values
	for _, q := range found {
		v := values{"id": aws.ToString(q.Id)}
		v.set("expression", q.Expression)
		v.set("label", q.Label)
		if returns := aws.ToBool(q.ReturnData); returns || says[aws.ToString(q.Id)] {
			v["returnData"] = returns
		}
		if s := q.MetricStat; s != nil && s.Metric != nil {
			metric := values{"metricName": aws.ToString(s.Metric.MetricName), "period": int(aws.ToInt32(s.Period)), "stat": aws.ToString(s.Stat)}
			metric.set("namespace", s.Metric.Namespace)
			if len(s.Metric.Dimensions) > 0 {
				metric["dimensions"] = dimensionMap(s.Metric.Dimensions)
			}
			v["metric"] = metric
		}
		queries = append(queries, v)
	}
	return queries
}

// setActions sets the lists of actions that are not empty.
func (v values) setActions(inAlarm, ok, insufficient []string) {
	for key, actions := range map[string][]string{"alarmActions": inAlarm, "okActions": ok, "insufficientDataActions": insufficient} {
		if len(actions) > 0 {
			v[key] = actions
		}
	}
}

func alarmDimensions(given map[string]string) []types.Dimension {
	var dimensions []types.Dimension
	for _, name := range sortedKeys(given) {
		dimensions = append(dimensions, types.Dimension{Name: &name, Value: aws.String(given[name])})
	}
	return dimensions
}

func dimensionMap(dimensions []types.Dimension) map[string]string {
	return tagsOf(dimensions, func(d types.Dimension) (*string, *string) { return d.Name, d.Value })
}

func alarmTagList(tags map[string]string) []types.Tag {
	return tagList(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

func (c *clients) alarmTags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := c.cloudwatch.ListTagsForResource(ctx, &awscloudwatch.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		return nil, gone(err, tagsGone)
	}
	return tagsOf(out.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value }), nil
}

func (c *clients) retagAlarm(ctx context.Context, r request) error {
	arn := r.out.str("arn")
	return retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error {
			_, err := c.cloudwatch.TagResource(ctx, &awscloudwatch.TagResourceInput{ResourceARN: &arn, Tags: alarmTagList(set)})
			return err
		},
		func(ctx context.Context, keys []string) error {
			_, err := c.cloudwatch.UntagResource(ctx, &awscloudwatch.UntagResourceInput{ResourceARN: &arn, TagKeys: keys})
			return err
		})
}

func removeAlarm(ctx context.Context, c *clients, r request) error {
	_, err := c.cloudwatch.DeleteAlarms(ctx, &awscloudwatch.DeleteAlarmsInput{AlarmNames: []string{r.id}})
	return gone(err, alarmGone)
}
