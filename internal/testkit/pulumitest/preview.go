package pulumitest

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// previewable has the program keep unknown values out of secrets, which the SDK's mocks cannot decode ("malformed RPC
// secret"). The one secret among the types that the program may register is a parameter's value, which the provider's
// SDK makes one.
func previewable(program pulumi.RunFunc) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		err := ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			p, ok := args.Props.(*ssm.ParameterArgs)
			if !ok || p.Value == nil {
				return nil
			}
			p.Value = pulumi.Unsecret(p.Value.ToStringPtrOutput()).(pulumi.StringPtrOutput)
			return &pulumi.ResourceTransformationResult{Props: p, Opts: args.Opts}
		})
		if err != nil {
			return err
		}
		return program(ctx)
	}
}
