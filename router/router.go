// Package router builds the edge: an HTTP API, the router's Lambda function behind it, and the function's role.
//
// The router takes an event in, looks up the tenant's cell and writes the event there. It holds no state, and nothing
// here names a cell: the function makes a cell's table names from a prefix and the mapping, and its role may read the
// mapping table and no more. What lets it into a cell is the cell's own grant to the role.
package router

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigatewayv2"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// TypeToken is the component's Pulumi type.
const TypeToken = "cellular:router:CellRouter"

// CellRouter is the router.
type CellRouter struct {
	pulumi.ResourceState

	URL     pulumi.StringOutput `pulumi:"url"` // of the API, without a slash at the end
	APIID   pulumi.StringOutput `pulumi:"apiId"`
	RoleARN pulumi.StringOutput `pulumi:"roleArn"` // the principal that a cell lets in
	Health  pulumi.StringOutput `pulumi:"health"`  // the name of the composite alarm

	// ExecutionARN begins the ARNs that rights to call the API are for; see ProbeRoutes.
	ExecutionARN pulumi.StringOutput `pulumi:"executionArn"`
}

// builder registers the children of one router.
type builder struct {
	ctx  *pulumi.Context
	comp *CellRouter
	name string
	args *Args
}

// New registers a router. opts apply to the component.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*CellRouter, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("router %s: %w", name, err)
	}
	c := &CellRouter{}
	if err := ctx.RegisterComponentResource(TypeToken, name, c, opts...); err != nil {
		return nil, fmt.Errorf("router %s: register: %w", name, err)
	}
	b := &builder{ctx: ctx, comp: c, name: name, args: args}
	if err := b.build(); err != nil {
		return nil, fmt.Errorf("router %s: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{"url": c.URL, "apiId": c.APIID, "roleArn": c.RoleARN, "health": c.Health, "executionArn": c.ExecutionARN}); err != nil {
		return nil, fmt.Errorf("router %s: register outputs: %w", name, err)
	}
	return c, nil
}

func (b *builder) build() error {
	function, err := b.function()
	if err != nil {
		return err
	}
	api, err := b.api(function)
	if err != nil {
		return err
	}
	if err := b.newAlarms(api.ID()); err != nil {
		return err
	}
	return b.publishManifest(function)
}

// childOpts are the options of a child: its parent comes first.
func (b *builder) childOpts(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{pulumi.Parent(b.comp)}, extra...)
}

// child is the name of a child resource.
func (b *builder) child(part string) string { return b.name + "-" + part }

func (b *builder) tags() pulumi.StringMap {
	return pulumi.StringMap{"Layer": pulumi.String("Edge")}
}

// api registers the HTTP API in front of the function.
func (b *builder) api(function *lambda.Function) (*apigatewayv2.Api, error) {
	api, err := apigatewayv2.NewApi(b.ctx, b.child("api"), &apigatewayv2.ApiArgs{
		Name:         pulumi.String(b.args.Stack.Router()),
		Description:  pulumi.String("Takes events in and writes each to its tenant's cell"),
		ProtocolType: pulumi.String("HTTP"),
		Tags:         b.tags(),
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("create API: %w", err)
	}
	if err := b.routes(api, function); err != nil {
		return nil, err
	}
	if err := b.stage(api); err != nil {
		return nil, err
	}
	_, err = lambda.NewPermission(b.ctx, b.child("permission"), &lambda.PermissionArgs{
		Action:    pulumi.String("lambda:InvokeFunction"),
		Function:  function.Name,
		Principal: pulumi.String("apigateway.amazonaws.com"),
		SourceArn: pulumi.Sprintf("%s/*", api.ExecutionArn), // any stage and route, of this API alone
	}, b.childOpts()...)
	if err != nil {
		return nil, fmt.Errorf("create permission: %w", err)
	}
	b.comp.URL, b.comp.APIID, b.comp.ExecutionARN = api.ApiEndpoint, api.ID().ToStringOutput(), api.ExecutionArn
	return api, nil
}
