package provider

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigatewayv2"

	"cellular/local/gateway"
)

// Gateway is the room of HTTP APIs.
type Gateway interface {
	APIs
	Routes
	Authorizers
}

// APIs are the APIs of the gateway and their stages.
type APIs interface {
	CreateAPI(gateway.APIConfig) (gateway.API, error)
	GetAPI(id string) (gateway.API, error)
	UpdateAPI(id string, c gateway.APIConfig) (gateway.API, error)
	DeleteAPI(id string) error
	CreateStage(apiID string, c gateway.StageConfig) (gateway.Stage, error)
	GetStage(apiID, name string) (gateway.Stage, error)
	UpdateStage(apiID, name string, c gateway.StageConfig) (gateway.Stage, error)
	DeleteStage(apiID, name string) error
}

// Routes are the routes of APIs and what they lead to.
type Routes interface {
	CreateIntegration(apiID string, c gateway.IntegrationConfig) (gateway.Integration, error)
	GetIntegration(apiID, id string) (gateway.Integration, error)
	UpdateIntegration(apiID, id string, c gateway.IntegrationConfig) (gateway.Integration, error)
	DeleteIntegration(apiID, id string) error
	CreateRoute(apiID string, c gateway.RouteConfig) (gateway.Route, error)
	GetRoute(apiID, id string) (gateway.Route, error)
	UpdateRoute(apiID, id string, c gateway.RouteConfig) (gateway.Route, error)
	DeleteRoute(apiID, id string) error
}

// absentAPI turns the room's "not found" into errGone.
func absentAPI(err error) error {
	if errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

var apiKind = &kind{
	token: "aws:apigatewayv2/api:Api",
	args:  elementOf(apigatewayv2.ApiArgs{}),
	state: reflect.TypeFor[apigatewayv2.Api](),
	rules: map[string]rule{
		"name":         length(1, 128),
		"description":  length(0, 1_024),
		"protocolType": oneOf("HTTP"), // what the local cloud serves
		"tags":         tagMap,
	},
	replaceOn: []string{"protocolType"},
	create: func(_ context.Context, c *clients, r request) (string, values, error) {
		a, err := c.gateway.CreateAPI(apiConfig(r))
		if err != nil {
			return "", nil, err
		}
		return a.ID, describedAPI(a), nil
	},
	read: func(_ context.Context, c *clients, r request) (values, error) {
		a, err := c.gateway.GetAPI(r.id)
		if err != nil {
			return nil, absentAPI(err)
		}
		found := describedAPI(a)
		found["tagsAll"] = a.Config.Tags
		if a.Config.Description != "" {
			found["description"] = a.Config.Description
		}
		return found, nil
	},
	update: func(_ context.Context, c *clients, r request) (values, error) {
		_, err := c.gateway.UpdateAPI(r.id, apiConfig(r))
		return nil, err
	},
	remove: func(_ context.Context, c *clients, r request) error { return absentAPI(c.gateway.DeleteAPI(r.id)) },
}

func apiConfig(r request) gateway.APIConfig {
	return gateway.APIConfig{Name: r.in.str("name"), Description: r.in.str("description"), Tags: r.tags}
}

func describedAPI(a gateway.API) values {
	return values{
		"name": a.Config.Name, "protocolType": "HTTP", "arn": a.ARN, "apiEndpoint": a.Endpoint, "executionArn": a.ExecutionARN,
		"ipAddressType": "ipv4",
	}
}

// splitID reads the id that an import gives to a part of an API, API/PART; a refresh has the API among its inputs.
func splitID(r request) (apiID, id string) {
	if apiID, id, ok := strings.Cut(r.id, "/"); ok {
		return apiID, id
	}
	return r.in.str("apiId"), r.id
}

// An integration waits 50 ms to 30 s for its function (API reference, CreateIntegration).
const (
	minIntegrationTimeout     = 50
	maxIntegrationTimeout     = 30_000
	defaultIntegrationTimeout = 30_000
)

var integrationKind = &kind{
	token: "aws:apigatewayv2/integration:Integration",
	args:  elementOf(apigatewayv2.IntegrationArgs{}),
	state: reflect.TypeFor[apigatewayv2.Integration](),
	rules: map[string]rule{
		"apiId":                nil,
		"integrationType":      oneOf("AWS_PROXY"),
		"integrationMethod":    oneOf("POST"),
		"integrationUri":       arnOf("lambda", "apigateway"),
		"connectionType":       oneOf("INTERNET"),
		"description":          length(0, 1_024),
		"payloadFormatVersion": oneOf("2.0"),
		"timeoutMilliseconds":  between(minIntegrationTimeout, maxIntegrationTimeout),
	},
	required:  []string{"integrationUri"},
	defaults:  values{"connectionType": "INTERNET", "payloadFormatVersion": "1.0"},
	replaceOn: []string{"apiId", "integrationType"},
	create: func(_ context.Context, c *clients, r request) (string, values, error) {
		i, err := c.gateway.CreateIntegration(r.in.str("apiId"), integrationConfig(r))
		if err != nil {
			return "", nil, err
		}
		return i.ID, describedIntegration(i), nil
	},
	read: func(_ context.Context, c *clients, r request) (values, error) {
		apiID, id := splitID(r)
		i, err := c.gateway.GetIntegration(apiID, id)
		if err != nil {
			return nil, absentAPI(err)
		}
		found := describedIntegration(i)
		found["apiId"], found["integrationUri"] = apiID, i.Config.URI
		found["integrationMethod"], found["payloadFormatVersion"] = i.Config.Method, i.Config.PayloadFormatVersion
		return found, nil
	},
	update: func(_ context.Context, c *clients, r request) (values, error) {
		i, err := c.gateway.UpdateIntegration(r.in.str("apiId"), r.id, integrationConfig(r))
		if err != nil {
			return nil, err
		}
		return describedIntegration(i), nil
	},
	remove: func(_ context.Context, c *clients, r request) error {
		return absentAPI(c.gateway.DeleteIntegration(r.in.str("apiId"), r.id))
	},
}

func integrationConfig(r request) gateway.IntegrationConfig {
	return gateway.IntegrationConfig{
		Type: r.in.str("integrationType"), Method: r.in.str("integrationMethod"), URI: r.in.str("integrationUri"),
		PayloadFormatVersion: r.in.str("payloadFormatVersion"), Description: r.in.str("description"),
		Timeout: time.Duration(r.in.numOr("timeoutMilliseconds", defaultIntegrationTimeout)) * time.Millisecond,
	}
}

func describedIntegration(i gateway.Integration) values {
	return values{
		"integrationType": i.Config.Type, "timeoutMilliseconds": int(i.Config.Timeout / time.Millisecond),
		"integrationResponseSelectionExpression": "",
	}
}

var routeKind = &kind{
	token: "aws:apigatewayv2/route:Route",
	args:  elementOf(apigatewayv2.RouteArgs{}),
	state: reflect.TypeFor[apigatewayv2.Route](),
	rules: map[string]rule{
		"apiId":             nil,
		"routeKey":          length(1, 2_048),
		"target":            length(1, 128),
		"authorizationType": oneOf("NONE", "AWS_IAM", "JWT"),
		"authorizerId":      nil,
		"apiKeyRequired":    oneFlag(false),
	},
	required:  []string{"target"},
	defaults:  values{"authorizationType": "NONE", "apiKeyRequired": false},
	verify:    verifyRoute,
	replaceOn: []string{"apiId"},
	create: func(_ context.Context, c *clients, r request) (string, values, error) {
		route, err := c.gateway.CreateRoute(r.in.str("apiId"), routeConfig(r))
		return route.ID, nil, err
	},
	read: func(_ context.Context, c *clients, r request) (values, error) {
		apiID, id := splitID(r)
		route, err := c.gateway.GetRoute(apiID, id)
		if err != nil {
			return nil, absentAPI(err)
		}
		return values{
			"apiId": apiID, "routeKey": route.Config.Key, "target": route.Config.Target,
			"authorizationType": orDefault(route.Config.AuthorizationType, "NONE"), "authorizerId": route.Config.AuthorizerID,
		}, nil
	},
	update: func(_ context.Context, c *clients, r request) (values, error) {
		_, err := c.gateway.UpdateRoute(r.in.str("apiId"), r.id, routeConfig(r))
		return nil, err
	},
	remove: func(_ context.Context, c *clients, r request) error {
		return absentAPI(c.gateway.DeleteRoute(r.in.str("apiId"), r.id))
	},
}

func routeConfig(r request) gateway.RouteConfig {
	return gateway.RouteConfig{
		Key: r.in.str("routeKey"), Target: r.in.str("target"),
		AuthorizationType: r.in.str("authorizationType"), AuthorizerID: r.in.str("authorizerId"),
	}
}
