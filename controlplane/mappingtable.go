package controlplane

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/mapping"
)

// MappingTableType is the component's Pulumi type.
const MappingTableType = "cellular:controlplane:MappingTable"

// MappingTable is the tenant to cell mapping. See package mapping for its items.
type MappingTable struct {
	pulumi.ResourceState

	Name pulumi.StringOutput `pulumi:"name"`
	ARN  pulumi.StringOutput `pulumi:"arn"`
}

// NewMappingTable registers the mapping table. opts apply to the component.
func NewMappingTable(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*MappingTable, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("mapping table %s: %w", name, err)
	}
	c := &MappingTable{}
	if err := ctx.RegisterComponentResource(MappingTableType, name, c, opts...); err != nil {
		return nil, fmt.Errorf("mapping table %s: register: %w", name, err)
	}
	table, err := args.newTable(ctx, name, &dynamodb.TableArgs{
		Name:    pulumi.String(args.Stack.MappingTable()),
		HashKey: pulumi.String(mapping.AttrTenantID),
		Attributes: dynamodb.TableAttributeArray{
			attribute(mapping.AttrTenantID, "S"), attribute(mapping.AttrCellID, "S"),
		},
		GlobalSecondaryIndexes: index(mapping.CellIndex, mapping.AttrCellID, mapping.AttrTenantID),
	}, c)
	if err != nil {
		return nil, fmt.Errorf("mapping table %s: create table: %w", name, err)
	}
	c.Name, c.ARN = table.Name, table.Arn
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{"name": c.Name, "arn": c.ARN}); err != nil {
		return nil, fmt.Errorf("mapping table %s: register outputs: %w", name, err)
	}
	return c, nil
}
