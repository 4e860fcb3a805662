package provider

import (
	"context"
	"reflect"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigatewayv2"

	"cellular/local/gateway"
)

var stageKind = &kind{
	token: "aws:apigatewayv2/stage:Stage",
	args:  elementOf(apigatewayv2.StageArgs{}),
	state: reflect.TypeFor[apigatewayv2.Stage](),
	rules: map[string]rule{
		"apiId":                            nil,
		"name":                             oneOf("$default"), // what the local cloud serves
		"autoDeploy":                       oneFlag(true),
		"description":                      length(0, 1_024),
		"accessLogSettings.destinationArn": arnOf("logs"),
		"accessLogSettings.format":         length(1, 3_072),
		"defaultRouteSettings.detailedMetricsEnabled": nil,
		"defaultRouteSettings.throttlingRateLimit":    between(0, 1e6),
		"defaultRouteSettings.throttlingBurstLimit":   between(0, 1e6),
		"stageVariables": nil,
		"tags":           tagMap,
	},
	required:  []string{"name"},
	defaults:  values{"autoDeploy": false},
	replaceOn: []string{"apiId", "name"},
	create: func(_ context.Context, c *clients, r request) (string, values, error) {
		s, err := c.gateway.CreateStage(r.in.str("apiId"), stageConfig(r))
		if err != nil {
			return "", nil, err
		}
		found, err := c.describedStage(r.in.str("apiId"), s)
		return s.Config.Name, found, err
	},
	read: func(_ context.Context, c *clients, r request) (values, error) {
		apiID, name := splitID(r)
		s, err := c.gateway.GetStage(apiID, name)
		if err != nil {
			return nil, absentAPI(err)
		}
		found, err := c.describedStage(apiID, s)
		if err != nil {
			return nil, err
		}
		found["apiId"], found["autoDeploy"], found["tagsAll"] = apiID, s.Config.AutoDeploy, s.Config.Tags
		if l := s.Config.AccessLog; l != nil {
			found["accessLogSettings"] = values{"destinationArn": l.DestinationARN, "format": l.Format}
		}
		if t := s.Config.Throttle; t != nil {
			found["defaultRouteSettings"] = values{"throttlingRateLimit": t.Rate, "throttlingBurstLimit": t.Burst}
		}
		if len(s.Config.Variables) > 0 {
			found["stageVariables"] = s.Config.Variables
		}
		return found, nil
	},
	update: func(_ context.Context, c *clients, r request) (values, error) {
		_, err := c.gateway.UpdateStage(r.in.str("apiId"), r.id, stageConfig(r))
		return nil, err
	},
	remove: func(_ context.Context, c *clients, r request) error {
		return absentAPI(c.gateway.DeleteStage(r.in.str("apiId"), r.id))
	},
}

func stageConfig(r request) gateway.StageConfig {
	config := gateway.StageConfig{
		Name: r.in.str("name"), AutoDeploy: r.in.flag("autoDeploy"), Description: r.in.str("description"),
		Variables: r.in.strMap("stageVariables"), Tags: r.tags,
	}
	if s := r.in.object("defaultRouteSettings"); s.has("throttlingRateLimit") || s.has("throttlingBurstLimit") {
		rate, _ := s.get("throttlingRateLimit")
		config.Throttle = &gateway.Throttle{Burst: s.num("throttlingBurstLimit")}
		if rate.IsNumber() {
			config.Throttle.Rate = rate.NumberValue()
		}
	}
	if l := r.in.object("accessLogSettings"); l != nil {
		config.AccessLog = &gateway.AccessLog{DestinationARN: l.str("destinationArn"), Format: l.str("format")}
	}
	return config
}

func (c *clients) describedStage(apiID string, s gateway.Stage) (values, error) {
	api, err := c.gateway.GetAPI(apiID)
	if err != nil {
		return nil, absentAPI(err)
	}
	return values{
		"name": s.Config.Name, "arn": s.ARN, "invokeUrl": s.InvokeURL, "executionArn": api.ExecutionARN + "/" + s.Config.Name,
		"deploymentId": "", "autoDeploy": s.Config.AutoDeploy,
	}, nil
}
