// Package cell is the cell: the same stamp for each, a pipeline that shares no stateful resource with another cell.
//
//	data table -> stream -> producer -> topic -> queue -> consumer -> results table
//	                |                     |        |
//	             stream DLQ   subscription DLQ   consumer DLQ
//
// An event that the router has put into the data table is applied by the consumer, or sits in one of the three DLQs.
// The tables and queues hold events and are protected. Nothing in the cell names another cell. The one principal from
// outside that may come in is the router's role, and it is the cell that lets it in, by its tables' resource policies.
package cell

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/naming"
)

// TypeToken is the component's type in Pulumi's state. Changing it replaces every cell.
const TypeToken = "cellular:cell:CellComponent"

// CellComponent is one cell.
type CellComponent struct {
	pulumi.ResourceState

	// Manifest is the published manifest of the cell, with the keys of manifest.Cell. It is published in SSM too.
	Manifest pulumi.MapOutput
}

// New registers a cell. The names of its resources in Pulumi's state start with name; their names in AWS follow from
// args.Stack and args.ID. It fails before it registers anything if args are not valid.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*CellComponent, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("cell %s: %w", name, err)
	}
	comp := &CellComponent{}
	if err := ctx.RegisterComponentResource(TypeToken, name, comp, opts...); err != nil {
		return nil, fmt.Errorf("cell %s: register: %w", name, err)
	}
	b := &builder{
		ctx: ctx, comp: comp, name: name, args: args, names: args.Stack.Cell(args.ID),
		tags: pulumi.StringMap{"Layer": pulumi.String("DataPlane"), "Cell": pulumi.String(args.ID)},
	}
	if err := b.build(); err != nil {
		return nil, fmt.Errorf("cell %s: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(comp, pulumi.Map{"manifest": comp.Manifest}); err != nil {
		return nil, fmt.Errorf("cell %s: register outputs: %w", name, err)
	}
	return comp, nil
}

// builder holds what every resource of one cell needs.
type builder struct {
	ctx   *pulumi.Context
	comp  *CellComponent
	name  string
	args  *Args
	names naming.Cell
	tags  pulumi.StringMap
	last  []pulumi.Resource // what has to be there, besides what it depends on, before an event passes through the cell
}

// build registers the resources, in the order of an event's way through them as far as their references allow.
func (b *builder) build() error {
	tables, err := b.newTables()
	if err != nil {
		return err
	}
	if err := b.newCounters(); err != nil {
		return err
	}
	roles, err := b.newRoles()
	if err != nil {
		return err
	}
	queues, err := b.newQueues()
	if err != nil {
		return err
	}
	topic, err := b.newTopic(queues)
	if err != nil {
		return err
	}
	producer, streamMapping, err := b.newProducer(tables, topic, queues, roles)
	if err != nil {
		return err
	}
	consumer, err := b.newConsumer(tables, queues, roles)
	if err != nil {
		return err
	}
	if err := b.newAlarms(streamMapping.Uuid); err != nil {
		return err
	}
	return b.publishManifest(tables, topic, queues, producer, consumer)
}

// child names a resource in Pulumi's state.
func (b *builder) child(part string) string { return b.name + "-" + part }

// childOpts are the options of every resource: first its parent, from which it has its provider.
func (b *builder) childOpts(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{pulumi.Parent(b.comp)}, extra...)
}

// stateful are the options of a resource that holds events.
func (b *builder) stateful() []pulumi.ResourceOption {
	return b.childOpts(pulumi.Protect(b.args.Protect))
}
