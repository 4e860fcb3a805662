// Package controlplane builds the control plane's only piece of infrastructure: the table that maps tenants to cells.
//
// The table outlives every cell and every router, and a lost mapping strands a tenant. So it is encrypted, can be put
// back to any second of the last 35 days, and refuses deletion, both to Pulumi and to AWS, unless the stack is a
// throw-away one. It knows nothing of cells: a cell's id stands in items only.
package controlplane

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/mapping"
	"cellular/internal/naming"
)

// TypeToken is the component's Pulumi type.
const TypeToken = "cellular:controlplane:MappingTable"

// Args configures a MappingTable.
type Args struct {
	// Stack gives the table its name. Required.
	Stack naming.Stack
	// Protect keeps the table: deletion protection, point-in-time recovery and Pulumi's protect. False is for
	// throw-away stacks only.
	Protect bool
}

// Validate returns everything that is wrong with the arguments, joined.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	if a.Stack == "" {
		return errors.New("the stack is required")
	}
	return a.Stack.CheckGlobal()
}

// MappingTable is the tenant to cell mapping. See package mapping for its items.
type MappingTable struct {
	pulumi.ResourceState

	Name pulumi.StringOutput `pulumi:"name"`
	ARN  pulumi.StringOutput `pulumi:"arn"`
}

// New registers the mapping table. opts apply to the component.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*MappingTable, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("mapping table %s: %w", name, err)
	}
	c := &MappingTable{}
	if err := ctx.RegisterComponentResource(TypeToken, name, c, opts...); err != nil {
		return nil, fmt.Errorf("mapping table %s: register: %w", name, err)
	}
	table, err := dynamodb.NewTable(ctx, name, &dynamodb.TableArgs{
		Name:        pulumi.String(args.Stack.MappingTable()),
		BillingMode: pulumi.String("PAY_PER_REQUEST"),
		HashKey:     pulumi.String(mapping.AttrTenantID),
		Attributes: dynamodb.TableAttributeArray{
			dynamodb.TableAttributeArgs{Name: pulumi.String(mapping.AttrTenantID), Type: pulumi.String("S")},
		},
		ServerSideEncryption:      dynamodb.TableServerSideEncryptionArgs{Enabled: pulumi.Bool(true)},
		PointInTimeRecovery:       dynamodb.TablePointInTimeRecoveryArgs{Enabled: pulumi.Bool(args.Protect)},
		DeletionProtectionEnabled: pulumi.Bool(args.Protect),
		Tags:                      pulumi.StringMap{"Layer": pulumi.String("ControlPlane")},
	}, pulumi.Parent(c), pulumi.Protect(args.Protect))
	if err != nil {
		return nil, fmt.Errorf("mapping table %s: create table: %w", name, err)
	}
	c.Name, c.ARN = table.Name, table.Arn
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{"name": c.Name, "arn": c.ARN}); err != nil {
		return nil, fmt.Errorf("mapping table %s: register outputs: %w", name, err)
	}
	return c, nil
}
