package provider

import (
	"context"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"

	localcloudwatch "cellular/local/cloudwatch"
)

var compositeAlarmKind = &kind{
	token: "aws:cloudwatch/compositeAlarm:CompositeAlarm",
	args:  elementOf(cloudwatch.CompositeAlarmArgs{}),
	state: reflect.TypeFor[cloudwatch.CompositeAlarm](),
	rules: map[string]rule{
		"alarmName":                         alarmName,
		"alarmDescription":                  description,
		"alarmRule":                         length(1, 10_240),
		"actionsEnabled":                    nil,
		"actionsSuppressor.alarm":           length(1, 1_600),
		"actionsSuppressor.waitPeriod":      between(0, 86_400),
		"actionsSuppressor.extensionPeriod": between(0, 86_400),
		"alarmActions":                      length(0, 5),
		"alarmActions[]":                    alarmAction,
		"okActions":                         length(0, 5),
		"okActions[]":                       alarmAction,
		"insufficientDataActions":           length(0, 5),
		"insufficientDataActions[]":         alarmAction,
		"tags":                              tagMap,
	},
	defaults: values{"actionsEnabled": true},
	verify: func(in props) []problem {
		return verifyAlarm(in, func() error { return localcloudwatch.CheckCompositeAlarm(*putCompositeAlarm(in, nil)) })
	},
	replaceOn: []string{"alarmName", "actionsEnabled"}, // AWS can change the latter in place, the real provider does not
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		name := r.in.str("alarmName")
		if _, err := c.cloudwatch.PutCompositeAlarm(ctx, putCompositeAlarm(r.in, r.tags)); err != nil {
			return "", nil, err
		}
		found, err := c.describeCompositeAlarm(ctx, name)
		return name, found, err
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		found, err := c.describeCompositeAlarm(ctx, r.id)
		if err != nil {
			return nil, err
		}
		found["tagsAll"], err = c.alarmTags(ctx, found["arn"].(string))
		return found, err
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		if _, err := c.cloudwatch.PutCompositeAlarm(ctx, putCompositeAlarm(r.in, nil)); err != nil {
			return nil, err
		}
		return nil, c.retagAlarm(ctx, r)
	},
	remove: removeAlarm,
}

func putCompositeAlarm(in props, tags map[string]string) *awscloudwatch.PutCompositeAlarmInput {
	put := &awscloudwatch.PutCompositeAlarmInput{
		AlarmName: aws.String(in.str("alarmName")), AlarmRule: aws.String(in.str("alarmRule")), AlarmDescription: in.optional("alarmDescription"),
		ActionsEnabled: aws.Bool(in.flag("actionsEnabled")), AlarmActions: in.strs("alarmActions"), OKActions: in.strs("okActions"),
		InsufficientDataActions: in.strs("insufficientDataActions"), Tags: alarmTagList(tags),
	}
	if s := in.object("actionsSuppressor"); s != nil {
		put.ActionsSuppressor = s.optional("alarm")
		put.ActionsSuppressorWaitPeriod, put.ActionsSuppressorExtensionPeriod = s.optionalInt("waitPeriod"), s.optionalInt("extensionPeriod")
	}
	return put
}

// describeCompositeAlarm gives everything but the tags.
func (c *clients) describeCompositeAlarm(ctx context.Context, name string) (values, error) {
	out, err := c.cloudwatch.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name}, AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return nil, err
	}
	if len(out.CompositeAlarms) == 0 {
		return nil, fmt.Errorf("composite alarm %s %w", name, errGone)
	}
	a := out.CompositeAlarms[0]
	found := values{
		"alarmName": name, "arn": aws.ToString(a.AlarmArn), "alarmRule": aws.ToString(a.AlarmRule), "actionsEnabled": aws.ToBool(a.ActionsEnabled),
	}
	found.setActions(a.AlarmActions, a.OKActions, a.InsufficientDataActions)
	found.set("alarmDescription", a.AlarmDescription)
	if a.ActionsSuppressor != nil {
		found["actionsSuppressor"] = values{
			"alarm": *a.ActionsSuppressor, "waitPeriod": int(aws.ToInt32(a.ActionsSuppressorWaitPeriod)),
			"extensionPeriod": int(aws.ToInt32(a.ActionsSuppressorExtensionPeriod)),
		}
	}
	return found, nil
}
