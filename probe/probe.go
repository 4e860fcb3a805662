// Package probe builds the standing probe: a Lambda function that sends one event through the router and the pipeline of each
// cell, and reads it back; the schedule that runs it; and the alarms of the probe itself.
//
// Nothing here names a cell: the function finds the cells by their manifests. What it sees of a cell is the cell's alarm. The
// probe's own alarms say that nobody looks, that the probe does not get to the cells, and that moves are left lying.
package probe

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// TypeToken is the component's Pulumi type.
const TypeToken = "cellular:probe:Probe"

// Probe is the standing probe of a deployment.
type Probe struct {
	pulumi.ResourceState
}

// builder registers the children of a probe.
type builder struct {
	ctx  *pulumi.Context
	comp *Probe
	name string
	args *Args
}

// New registers a probe. opts apply to the component.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Probe, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("probe %s: %w", name, err)
	}
	c := &Probe{}
	if err := ctx.RegisterComponentResource(TypeToken, name, c, opts...); err != nil {
		return nil, fmt.Errorf("probe %s: register: %w", name, err)
	}
	b := &builder{ctx: ctx, comp: c, name: name, args: args}
	if err := b.build(); err != nil {
		return nil, fmt.Errorf("probe %s: %w", name, err)
	}
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("probe %s: register outputs: %w", name, err)
	}
	return c, nil
}

func (b *builder) build() error {
	function, err := b.function()
	if err != nil {
		return err
	}
	schedule, err := b.schedule(function)
	if err != nil {
		return err
	}
	return b.newAlarms(schedule)
}

// childOpts are the options of a child: its parent comes first.
func (b *builder) childOpts(extra ...pulumi.ResourceOption) []pulumi.ResourceOption {
	return append([]pulumi.ResourceOption{pulumi.Parent(b.comp)}, extra...)
}

// child is the name of a child resource.
func (b *builder) child(part string) string { return b.name + "-" + part }

func (b *builder) tags() pulumi.StringMap {
	return pulumi.StringMap{"Layer": pulumi.String("ControlPlane")}
}
