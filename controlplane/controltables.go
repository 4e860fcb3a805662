package controlplane

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/controltables"
	"cellular/internal/model/manifest"
)

// ControlTablesType is the component's Pulumi type.
const ControlTablesType = "cellular:controlplane:ControlTables"

// ControlTables is what the operator's CLI works on besides the mapping: the states of the cells, the moves of tenants
// between them, the audit of what operators did, and the parameter from which it learns the control plane's names. See package controltables for the
// items.
type ControlTables struct {
	pulumi.ResourceState

	MovesARN pulumi.StringOutput `pulumi:"movesArn"` // of the table of moves
}

// NewControlTables registers the tables, and publishes their names, the mapping table's and the ARN of the topic that the alarms
// tell. opts apply to the component.
func NewControlTables(ctx *pulumi.Context, name string, args *Args, mappingTable, alarmTopicARN pulumi.StringInput, opts ...pulumi.ResourceOption) (*ControlTables, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("control tables %s: %w", name, err)
	}
	c := &ControlTables{}
	if err := ctx.RegisterComponentResource(ControlTablesType, name, c, opts...); err != nil {
		return nil, fmt.Errorf("control tables %s: register: %w", name, err)
	}
	cells, err := args.newTable(ctx, name+"-cells", &dynamodb.TableArgs{
		Name:       pulumi.String(args.Stack.CellTable()),
		HashKey:    pulumi.String(controltables.AttrCellID),
		Attributes: dynamodb.TableAttributeArray{attribute(controltables.AttrCellID, "S")},
	}, c)
	if err != nil {
		return nil, fmt.Errorf("control tables %s: create the table of cell states: %w", name, err)
	}
	moves, err := args.newTable(ctx, name+"-moves", &dynamodb.TableArgs{
		Name:     pulumi.String(args.Stack.MoveTable()),
		HashKey:  pulumi.String(controltables.AttrTenantID),
		RangeKey: pulumi.String(controltables.AttrEpoch),
		Attributes: dynamodb.TableAttributeArray{
			attribute(controltables.AttrTenantID, "S"), attribute(controltables.AttrEpoch, "N"), attribute(controltables.AttrOpen, "S"),
		},
		GlobalSecondaryIndexes: index(controltables.OpenIndex, controltables.AttrOpen, controltables.AttrTenantID),
		Ttl:                    dynamodb.TableTtlArgs{AttributeName: pulumi.String(controltables.AttrExpiresAt), Enabled: pulumi.Bool(true)},
	}, c)
	if err != nil {
		return nil, fmt.Errorf("control tables %s: create the table of moves: %w", name, err)
	}
	audit, err := args.newTable(ctx, name+"-audit", &dynamodb.TableArgs{
		Name:       pulumi.String(args.Stack.AuditTable()),
		HashKey:    pulumi.String(controltables.AttrMonth),
		RangeKey:   pulumi.String(controltables.AttrAct),
		Attributes: dynamodb.TableAttributeArray{attribute(controltables.AttrMonth, "S"), attribute(controltables.AttrAct, "S")},
		Ttl:        dynamodb.TableTtlArgs{AttributeName: pulumi.String(controltables.AttrExpiresAt), Enabled: pulumi.Bool(true)},
	}, c)
	if err != nil {
		return nil, fmt.Errorf("control tables %s: create the audit table: %w", name, err)
	}
	document := pulumi.All(mappingTable, cells.Name, moves.Name, alarmTopicARN, audit.Name).ApplyT(func(names []any) (string, error) {
		return manifest.ControlPlane{
			MappingTable: names[0].(string), CellTable: names[1].(string), MoveTable: names[2].(string), AlarmTopicARN: names[3].(string),
			AuditTable: names[4].(string),
		}.JSON()
	}).(pulumi.StringOutput)
	if _, err := ssm.NewParameter(ctx, name+"-facts", &ssm.ParameterArgs{
		Name:        pulumi.String(args.Stack.ControlPlaneParameter()),
		Description: pulumi.String("Manifest of the control plane"),
		Type:        pulumi.String("String"),
		Value:       document,
		Tags:        tags(),
	}, pulumi.Parent(c)); err != nil {
		return nil, fmt.Errorf("control tables %s: publish the control plane's manifest: %w", name, err)
	}
	c.MovesARN = moves.Arn
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{"movesArn": c.MovesARN}); err != nil {
		return nil, fmt.Errorf("control tables %s: register outputs: %w", name, err)
	}
	return c, nil
}
