package router

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/naming"
)

// endpoint is a route that the API offers. Any other path is the API's own 404.
type endpoint struct{ part, key string } // the name of its resource, and what it matches

// tenantEndpoints ask for the configured authorization. ProbeEndpoints ask for an AWS principal whatever that is: an IAM policy says
// who may probe, and a probe needs no token, which would have to name its tenant and come from the tenants' issuer.
var (
	tenantEndpoints = []endpoint{
		{"post-event", "POST /v1/events"},
		{"get-event", "GET /v1/events/{id}"},
	}
	probeEndpoints = []endpoint{
		{"post-probe", "POST /v1/probes"},
		{"get-probe", "GET /v1/probes/{id}"},
	}
)

// ProbeRoutes are the resources that a right to probe cells, and to call nothing else of the API, is for: of the action
// execute-api:Invoke, on the API that executionARN is of.
func ProbeRoutes(executionARN string) []string {
	stage := executionARN + "/" + stageName
	return []string{stage + "/POST/v1/probes", stage + "/GET/v1/probes/*"}
}

// routes registers the routes to the function.
func (b *builder) routes(api *apigatewayv2.Api, function *lambda.Function) error {
	integration, err := apigatewayv2.NewIntegration(b.ctx, b.child("integration"), &apigatewayv2.IntegrationArgs{
		ApiId:                api.ID(),
		IntegrationType:      pulumi.String("AWS_PROXY"),
		IntegrationMethod:    pulumi.String("POST"), // of the call to Lambda, not of the request
		IntegrationUri:       function.InvokeArn,
		PayloadFormatVersion: pulumi.String("2.0"),
		// A second more than the function has, so that it is the function that gives up.
		TimeoutMilliseconds: pulumi.Int(int((b.args.Settings.Timeout + time.Second) / time.Millisecond)),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("create integration: %w", err)
	}
	authorization, authorizer, err := b.authorization(api)
	if err != nil {
		return err
	}
	target := pulumi.Sprintf("integrations/%s", integration.ID())
	for _, e := range tenantEndpoints {
		if err := b.route(api, e, target, authorization, authorizer); err != nil {
			return err
		}
	}
	for _, e := range probeEndpoints {
		if err := b.route(api, e, target, iamAuthorization, nil); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) route(api *apigatewayv2.Api, e endpoint, target pulumi.StringOutput, authorization string, authorizer pulumi.StringPtrInput) error {
	_, err := apigatewayv2.NewRoute(b.ctx, b.child(e.part), &apigatewayv2.RouteArgs{
		ApiId:             api.ID(),
		RouteKey:          pulumi.String(e.key),
		Target:            target,
		AuthorizationType: pulumi.String(authorization),
		AuthorizerId:      authorizer,
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("create route %s: %w", e.key, err)
	}
	return nil
}

// iamAuthorization is the authorization type of routes that take requests signed by an AWS principal.
const iamAuthorization = "AWS_IAM"

// authorization returns the routes' authorization type and, for tokens, the authorizer that it registers.
func (b *builder) authorization(api *apigatewayv2.Api) (string, pulumi.StringPtrInput, error) {
	auth := b.args.Settings.Auth
	switch auth.Type {
	case AuthIAM:
		return iamAuthorization, nil, nil
	case AuthNone:
		return "NONE", nil, nil
	}
	authorizer, err := apigatewayv2.NewAuthorizer(b.ctx, b.child("authorizer"), &apigatewayv2.AuthorizerArgs{
		ApiId:           api.ID(),
		Name:            pulumi.String("jwt"),
		AuthorizerType:  pulumi.String("JWT"),
		IdentitySources: pulumi.StringArray{pulumi.String("$request.header.Authorization")},
		JwtConfiguration: apigatewayv2.AuthorizerJwtConfigurationArgs{
			Issuer: pulumi.String(auth.Issuer), Audiences: pulumi.ToStringArray(auth.Audience),
		},
	}, b.childOpts()...)
	if err != nil {
		return "", nil, fmt.Errorf("create authorizer: %w", err)
	}
	return "JWT", authorizer.ID().ToStringOutput().ToStringPtrOutput(), nil
}

const stageName = "$default"

// stage registers the API's only stage, which has no prefix in the URL and always shows the latest routes.
func (b *builder) stage(api *apigatewayv2.Api) error {
	logs, err := b.logGroup("access-logs", naming.AccessLogGroup(b.args.Stack.Router()))
	if err != nil {
		return err
	}
	format, err := json.Marshal(accessLog)
	if err != nil {
		return fmt.Errorf("write the access log's format: %w", err)
	}
	throttle := b.args.Settings.Throttle
	_, err = apigatewayv2.NewStage(b.ctx, b.child("stage"), &apigatewayv2.StageArgs{
		ApiId:      api.ID(),
		Name:       pulumi.String(stageName),
		AutoDeploy: pulumi.Bool(true),
		AccessLogSettings: apigatewayv2.StageAccessLogSettingsArgs{
			DestinationArn: logs.Arn, Format: pulumi.String(format),
		},
		DefaultRouteSettings: apigatewayv2.StageDefaultRouteSettingsArgs{
			DetailedMetricsEnabled: pulumi.Bool(true),
			ThrottlingRateLimit:    pulumi.Float64(throttle.Rate),
			ThrottlingBurstLimit:   pulumi.Int(throttle.Burst),
		},
		Tags: b.tags(),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("create stage: %w", err)
	}
	return nil
}

// accessLog is one line of the access log, by the variables of API Gateway. It holds no header, query or body: these
// carry tokens and tenants' data.
var accessLog = map[string]string{
	"requestId":          "$context.requestId",
	"time":               "$context.requestTime",
	"route":              "$context.routeKey",
	"status":             "$context.status",
	"protocol":           "$context.protocol",
	"sourceIp":           "$context.identity.sourceIp",
	"responseBytes":      "$context.responseLength",
	"latencyMs":          "$context.responseLatency",
	"integrationStatus":  "$context.integrationStatus",
	"integrationLatency": "$context.integrationLatency",
	"integrationError":   "$context.integrationErrorMessage",
	"error":              "$context.error.message",
}
