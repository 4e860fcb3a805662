// Package stack is the Pulumi program: it reads the stack's configuration and composes the control plane, the router
// and the cells of it.
//
// The parts meet here and nowhere else, and what passes between them is little: the router gets the mapping table, each
// cell gets the role of the router. No part knows of the cells but this package's loop over them, so a cell can come,
// change or go and no other resource notices.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/cell"
	"cellular/controlplane"
	"cellular/dashboard"
	"cellular/functions"
	"cellular/internal/model/config"
	"cellular/probe"
	"cellular/router"
)

// Deploy is the program with the functions built from their source.
func Deploy(ctx *pulumi.Context) error {
	return Program(Options{Package: functions.Package})(ctx)
}

// Options are what the program takes from outside of the stack's configuration.
type Options struct {
	// Package builds the functions for an architecture.
	Package func(ctx context.Context, architecture string) (functions.Artifacts, error)
}

// Program returns the Pulumi program. It reads all of the configuration, compares it with what the stack has deployed, and
// builds the functions before it registers anything but the provider. (The Pulumi CLI compares the top-level keys with the types in Pulumi.yaml first, and stops at the first
// that is of another.) Its outputs are "url" and "mappingTable" where the stack holds the global plane, and "cells", a map of each
// cell's id to its manifest (see package manifest), where it holds cells.
func Program(o Options) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := Parse(ctx.Stack(), rawConfig(ctx))
		if err != nil {
			return fmt.Errorf("the configuration of stack %s is wrong:\n%w", ctx.Stack(), err)
		}
		d := &deployment{ctx: ctx, config: c}
		if err := d.checkLosses(); err != nil {
			return fmt.Errorf("the configuration of stack %s is refused: %w", ctx.Stack(), err)
		}
		if d.code, err = o.Package(ctx.Context(), c.Functions.Architecture); err != nil {
			return err
		}
		if err := d.provide(); err != nil {
			return err
		}
		return d.register()
	}
}

// rawConfig returns the configuration as Parse takes it. The SDK gives the value of a key but lists no keys, so keys
// that Parse does not know, and refuses, are taken from where the SDK itself finds them in a program that the Pulumi
// CLI starts. A program that runs inline, within another, has no such list: there an unknown top-level key goes
// unnoticed. Unknown keys within a value are seen in both.
func rawConfig(ctx *pulumi.Context) map[string]string {
	var listed map[string]string
	// A list that cannot be read is no list; the SDK has no values either then.
	_ = json.Unmarshal([]byte(os.Getenv(pulumi.EnvConfig)), &listed)

	raw := map[string]string{}
	add := func(key string) {
		if value, ok := ctx.GetConfig(key); ok {
			raw[key] = value
		}
	}
	for key := range listed {
		add(key)
	}
	for _, key := range config.Keys() {
		add(key)
	}
	return raw
}

// newProvider registers an AWS provider as the configuration describes it.
func newProvider(ctx *pulumi.Context, c Config) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region: pulumi.String(c.Region),
		DefaultTags: aws.ProviderDefaultTagsArgs{Tags: pulumi.StringMap{
			"Project":   pulumi.String(ctx.Project()),
			"Stack":     pulumi.String(ctx.Stack()),
			"ManagedBy": pulumi.String("pulumi"),
		}},
	}
	if c.Profile != "" {
		args.Profile = pulumi.String(c.Profile)
	}
	provider, err := aws.NewProvider(ctx, "aws", args)
	if err != nil {
		return nil, fmt.Errorf("create AWS provider: %w", err)
	}
	return provider, nil
}

// deployment registers the parts of one stack.
type deployment struct {
	ctx      *pulumi.Context
	config   Config
	code     functions.Artifacts
	provider *aws.Provider
	options  []pulumi.ResourceOption // of every component
}

// provide registers the one AWS provider that everything uses, once. Each provider is a process of its own, so there is
// one for the stack and not one per cell.
func (d *deployment) provide() error {
	if d.provider != nil {
		return nil
	}
	provider, err := newProvider(d.ctx, d.config)
	if err != nil {
		return err
	}
	d.provider, d.options = provider, []pulumi.ResourceOption{pulumi.Providers(provider)}
	return nil
}

// checkLosses refuses a configuration that drops what the stack has deployed and what is in use. It registers nothing but
// the provider, and that only where there is something to look up.
func (d *deployment) checkLosses() error {
	deployed, err := deployedParts(d.ctx)
	if err != nil {
		return err
	}
	parts := dropped(d.config, deployed)
	if err := errors.Join(checkUnused(d.config, parts), checkRegion(d.config, parts)); err != nil || len(parts) == 0 {
		return err
	}
	if err := d.provide(); err != nil {
		return err
	}
	return checkDropped(d.ctx.Context(), d.config, items{d.ctx, d.provider}, parts)
}

func (d *deployment) register() error {
	var global globalPlane
	if d.config.Plane.HasGlobal() {
		var err error
		if global, err = d.global(); err != nil {
			return err
		}
	} else {
		global = d.globalElsewhere()
	}
	if d.config.Plane.HasCells() {
		return d.cells(global)
	}
	return nil
}

// globalPlane is all that a cell has to do with the global plane: who may come in, whom its alarms tell, and during which alarm
// they do not.
type globalPlane struct{ routerRoleARN, alarmTopicARN, routerHealth pulumi.StringInput }

// global registers the control plane, the router, the probe and the dashboards.
func (d *deployment) global() (globalPlane, error) {
	none := globalPlane{}
	args := &controlplane.Args{Stack: d.config.Deployment, Protect: d.config.Protect, Alarms: d.config.Alarms}
	table, err := controlplane.NewMappingTable(d.ctx, "mapping", args, d.options...)
	if err != nil {
		return none, err
	}
	topic, err := controlplane.NewAlarmTopic(d.ctx, "alarms", args, table.ARN, d.options...)
	if err != nil {
		return none, err
	}
	tables, err := controlplane.NewControlTables(d.ctx, "control", args, table.Name, topic.ARN, d.options...)
	if err != nil {
		return none, err
	}
	alarms, err := controlplane.NewAlarms(d.ctx, "control", args, topic.ARN, d.options...)
	if err != nil {
		return none, err
	}
	edge, err := router.New(d.ctx, "router", &router.Args{
		Stack:            d.config.Deployment,
		Protect:          d.config.Protect,
		MappingTableName: table.Name,
		MappingTableARN:  table.ARN,
		Code:             d.code.Router,
		Settings:         d.config.Router,
		DataTTL:          d.config.Pipeline.DataTTL,
		Alarms:           d.config.Alarms,
		AlarmTopicARN:    topic.ARN, ControlPlaneHealth: alarms.Health,
		Architecture:     d.config.Functions.Architecture,
		LogLevel:         d.config.Functions.LogLevel,
		LogRetentionDays: d.config.Functions.LogRetentionDays,
		Tracing:          d.config.Functions.Tracing,
	}, d.options...)
	if err != nil {
		return none, err
	}
	if _, err := dashboard.New(d.ctx, "dashboards", &dashboard.Args{
		Stack: d.config.Deployment, Alarms: d.config.Alarms, Probe: d.config.Probe, APIID: edge.APIID, MappingTableARN: table.ARN,
	}, d.options...); err != nil {
		return none, err
	}
	if d.config.Probe.Enabled {
		if _, err := probe.New(d.ctx, "probe", &probe.Args{
			Stack:           d.config.Deployment,
			Protect:         d.config.Protect,
			MappingTableARN: table.ARN, MoveTableARN: tables.MovesARN,
			RouterURL: edge.URL, RouterExecutionARN: edge.ExecutionARN,
			AlarmTopicARN: topic.ARN, RouterHealth: edge.Health,
			Code:      d.code.Probe,
			Settings:  d.config.Probe,
			Router:    d.config.Router,
			Pipeline:  d.config.Pipeline,
			Functions: d.config.Functions,
			Alarms:    d.config.Alarms,
		}, d.options...); err != nil {
			return none, err
		}
	}
	d.ctx.Export("url", edge.URL)
	d.ctx.Export("mappingTable", table.Name)
	return globalPlane{routerRoleARN: edge.RoleARN, alarmTopicARN: topic.ARN, routerHealth: edge.Health}, nil
}

// globalElsewhere is the global plane where another stack holds it: what things are called there is known without asking it. AWS
// refuses a policy for a role that does not exist, and a suppressor that does not, so that stack is deployed first.
func (d *deployment) globalElsewhere() globalPlane {
	invoke := pulumi.Provider(d.provider)
	partition := aws.GetPartitionOutput(d.ctx, aws.GetPartitionOutputArgs{}, invoke).Partition()
	account := aws.GetCallerIdentityOutput(d.ctx, aws.GetCallerIdentityOutputArgs{}, invoke).AccountId()
	plane := globalPlane{
		routerRoleARN: pulumi.Sprintf("arn:%s:iam::%s:role/%s", partition, account, d.config.Deployment.RouterRole()),
		alarmTopicARN: pulumi.String(d.config.Alarms.Topic),
		routerHealth:  pulumi.String(d.config.Deployment.RouterHealth()),
	}
	if d.config.Alarms.Topic == "" {
		region := aws.GetRegionOutput(d.ctx, aws.GetRegionOutputArgs{}, invoke).Name()
		plane.alarmTopicARN = pulumi.Sprintf("arn:%s:sns:%s:%s:%s", partition, region, account, d.config.Deployment.AlarmTopic())
	}
	return plane
}

// cells registers every cell that the stack lists.
func (d *deployment) cells(global globalPlane) error {
	cells := pulumi.Map{}
	for _, c := range d.config.Cells {
		component, err := cell.New(d.ctx, "cell-"+c.ID, &cell.Args{
			ID: c.ID, Wave: c.Wave, Tier: c.Tier, MaxTenants: c.MaxTenants,
			Stack:         d.config.Deployment,
			Protect:       d.config.Protect,
			RouterRoleARN: global.routerRoleARN,
			AlarmTopicARN: global.alarmTopicARN,
			RouterHealth:  global.routerHealth,
			Code:          cell.Code{Producer: d.code.Producer, Consumer: d.code.Consumer},
			Functions:     d.config.Functions,
			Pipeline:      d.config.Pipeline,
			Alarms:        d.config.Alarms,
			Probe:         d.config.Probe,
		}, d.options...)
		if err != nil {
			return err
		}
		cells[c.ID] = component.Manifest
	}
	d.ctx.Export("cells", cells)
	return nil
}
