package provider

import (
	"context"
	"fmt"
	"reflect"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"cellular/local/gateway"
)

// Authorizers check the tokens that requests carry.
type Authorizers interface {
	CreateAuthorizer(apiID string, c gateway.AuthorizerConfig) (gateway.Authorizer, error)
	GetAuthorizer(apiID, id string) (gateway.Authorizer, error)
	UpdateAuthorizer(apiID, id string, c gateway.AuthorizerConfig) (gateway.Authorizer, error)
	DeleteAuthorizer(apiID, id string) error
}

var authorizerKind = &kind{
	token: "aws:apigatewayv2/authorizer:Authorizer",
	args:  elementOf(apigatewayv2.AuthorizerArgs{}),
	state: reflect.TypeFor[apigatewayv2.Authorizer](),
	rules: map[string]rule{
		"apiId":                        nil,
		"name":                         length(1, 128),
		"authorizerType":               oneOf("JWT"), // what the program uses
		"identitySources":              length(1, 1),
		"identitySources[]":            oneOf("$request.header.Authorization"),
		"jwtConfiguration.issuer":      length(1, 2_048),
		"jwtConfiguration.audiences":   length(1, 50),
		"jwtConfiguration.audiences[]": length(1, 2_048),
	},
	required: []string{"identitySources", "jwtConfiguration"},
	verify: func(in props) []problem {
		var problems []problem
		for _, name := range []string{"issuer", "audiences"} {
			if _, given := in.object("jwtConfiguration")[resource.PropertyKey(name)]; !given && in.has("jwtConfiguration") {
				problems = append(problems, problem{"jwtConfiguration." + name, "is required for a JWT authorizer"})
			}
		}
		return problems
	},
	replaceOn: []string{"apiId"},
	create: func(_ context.Context, c *clients, r request) (string, values, error) {
		a, err := c.gateway.CreateAuthorizer(r.in.str("apiId"), authorizerConfig(r))
		return a.ID, values{"authorizerResultTtlInSeconds": 0}, err
	},
	read: func(_ context.Context, c *clients, r request) (values, error) {
		apiID, id := splitID(r)
		a, err := c.gateway.GetAuthorizer(apiID, id)
		if err != nil {
			return nil, absentAPI(err)
		}
		return values{
			"apiId": apiID, "name": a.Config.Name, "authorizerType": a.Config.Type, "identitySources": a.Config.IdentitySources,
			"jwtConfiguration":             values{"issuer": a.Config.Issuer, "audiences": a.Config.Audience},
			"authorizerResultTtlInSeconds": 0,
		}, nil
	},
	update: func(_ context.Context, c *clients, r request) (values, error) {
		_, err := c.gateway.UpdateAuthorizer(r.in.str("apiId"), r.id, authorizerConfig(r))
		return nil, err
	},
	remove: func(_ context.Context, c *clients, r request) error {
		return absentAPI(c.gateway.DeleteAuthorizer(r.in.str("apiId"), r.id))
	},
}

func authorizerConfig(r request) gateway.AuthorizerConfig {
	jwt := r.in.object("jwtConfiguration")
	return gateway.AuthorizerConfig{
		Name: r.in.str("name"), Type: r.in.str("authorizerType"), IdentitySources: r.in.strs("identitySources"),
		Issuer: jwt.str("issuer"), Audience: jwt.strs("audiences"),
	}
}

// verifyRoute refuses an authorizer without its type, and the type without an authorizer.
func verifyRoute(in props) []problem {
	_, given := in["authorizerId"]
	if given != (in.str("authorizationType") == "JWT") && in.has("authorizationType") {
		return []problem{{"authorizerId", fmt.Sprintf("goes with authorizationType JWT, and only with it; the type is %s", in.str("authorizationType"))}}
	}
	return nil
}
