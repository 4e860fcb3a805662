// Package controlplane builds what the control plane is made of: the table that maps tenants to cells, the tables of
// the cells' states, of the moves between cells and of what operators did, a parameter that says what they are called, and
// the topic that the deployment's alarms tell.
//
// The tables outlive every cell and every router, and a lost mapping strands a tenant. So each is encrypted, can be put
// back to any second of the last 35 days, and refuses deletion, both to Pulumi and to AWS, unless the stack is a
// throw-away one. Nothing here knows of cells: a cell's id stands in items only.
//
// The router reads the mapping table and nothing else. The other tables, and every index, are the operator's alone.
package controlplane

import (
	"errors"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/config"
	"cellular/internal/model/naming"
)

// Args configures each of the package's components.
type Args struct {
	// Stack gives the tables and the parameter their names. Required.
	Stack naming.Stack
	// Protect keeps the tables: deletion protection, point-in-time recovery and Pulumi's protect. False is for
	// throw-away stacks only.
	Protect bool
	// Alarms says when the control plane's alarms fire, and which topic is told: its topic, its period and what it says of the
	// control plane. Required.
	Alarms config.Alarms
}

// Validate returns everything that is wrong with the arguments, joined.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	return config.Config{Deployment: a.Stack, Protect: a.Protect, Alarms: a.Alarms}.CheckControlPlane()
}

// newTable completes table with what all tables of the control plane have in common, and registers it under parent.
func (a *Args) newTable(ctx *pulumi.Context, name string, table *dynamodb.TableArgs, parent pulumi.Resource) (*dynamodb.Table, error) {
	protect := pulumi.Bool(a.Protect)
	table.BillingMode = pulumi.String("PAY_PER_REQUEST")
	table.ServerSideEncryption = dynamodb.TableServerSideEncryptionArgs{Enabled: pulumi.Bool(true)}
	table.PointInTimeRecovery = dynamodb.TablePointInTimeRecoveryArgs{Enabled: protect}
	table.DeletionProtectionEnabled = protect
	table.Tags = tags()
	return dynamodb.NewTable(ctx, name, table, pulumi.Parent(parent), pulumi.Protect(a.Protect))
}

func tags() pulumi.StringMap { return pulumi.StringMap{"Layer": pulumi.String("ControlPlane")} }

// attribute declares a key attribute; kind is S or N.
func attribute(name, kind string) dynamodb.TableAttributeArgs {
	return dynamodb.TableAttributeArgs{Name: pulumi.String(name), Type: pulumi.String(kind)}
}

// index is an index with all of the items' attributes.
func index(name, hash, rng string) dynamodb.TableGlobalSecondaryIndexArray {
	return dynamodb.TableGlobalSecondaryIndexArray{dynamodb.TableGlobalSecondaryIndexArgs{
		Name: pulumi.String(name), HashKey: pulumi.String(hash), RangeKey: pulumi.String(rng), ProjectionType: pulumi.String("ALL"),
	}}
}
