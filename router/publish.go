package router

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/manifest"
)

// publishManifest writes the router's manifest to SSM. A move waits for the hard TTL that stands there, so that no router can
// write to the old cell any more.
func (b *builder) publishManifest(function *lambda.Function) error {
	s := b.args.Settings
	document := pulumi.All(b.comp.URL, function.Name, b.comp.RoleARN, b.comp.ExecutionARN).ApplyT(func(v []any) (string, error) {
		return manifest.Router{
			URL: v[0].(string), Function: v[1].(string), Role: v[2].(string), Auth: string(s.Auth.Type),
			SoftTTL: manifest.Duration(s.SoftTTL), HardTTL: manifest.Duration(s.HardTTL),
			RefreshTimeout: manifest.Duration(s.RefreshTimeout), CellTimeout: manifest.Duration(s.CellTimeout),
			ThrottleRate: s.Throttle.Rate, ExecutionARN: v[3].(string),
		}.JSON()
	}).(pulumi.StringOutput)
	if _, err := ssm.NewParameter(b.ctx, b.child("facts"), &ssm.ParameterArgs{
		Name:        pulumi.String(b.args.Stack.RouterParameter()),
		Description: pulumi.String("Manifest of the router"),
		Type:        pulumi.String("String"),
		Value:       document,
		Tags:        b.tags(),
	}, b.childOpts()...); err != nil {
		return fmt.Errorf("publish the router's manifest: %w", err)
	}
	return nil
}
