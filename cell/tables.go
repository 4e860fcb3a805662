package cell

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/event"
	"cellular/internal/model/iam"
	"cellular/internal/model/ledger"
)

type tables struct{ data, results *dynamodb.Table }

// newTables registers the data and the results table, and lets the router's role into them.
func (b *builder) newTables() (tables, error) {
	data, err := b.newTable("data", &dynamodb.TableArgs{
		Name: pulumi.String(b.names.DataTable()),
		Attributes: dynamodb.TableAttributeArray{
			stringAttribute(event.AttrKey), stringAttribute(event.AttrTenantShard), stringAttribute(event.AttrTenantID),
			stringAttribute(event.AttrAcceptedAt),
		},
		// The producer reads the new image. An insert has no old one, and a later change of the view would replace the
		// stream under the mapping.
		StreamEnabled:  pulumi.Bool(true),
		StreamViewType: pulumi.String("NEW_AND_OLD_IMAGES"),
		// An item without an index's hash key is not in it: an event of this version is in the first alone.
		GlobalSecondaryIndexes: dynamodb.TableGlobalSecondaryIndexArray{
			keysOnlyIndex(event.ShardTimeIndex, event.AttrTenantShard, event.AttrAcceptedAt),
			keysOnlyIndex(event.TenantTimeIndex, event.AttrTenantID, event.AttrAcceptedAt),
		},
		Ttl: dynamodb.TableTtlArgs{AttributeName: pulumi.String(event.AttrExpiresAt), Enabled: pulumi.Bool(true)},
	}, "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem") // an expired event is deleted before its id is used again
	if err != nil {
		return tables{}, err
	}
	results, err := b.newTable("results", &dynamodb.TableArgs{
		Name: pulumi.String(b.names.ResultsTable()),
		Attributes: dynamodb.TableAttributeArray{
			stringAttribute(event.AttrKey), stringAttribute(event.AttrTenantShard), stringAttribute(event.AttrTenantID),
			stringAttribute(ledger.AttrWaiting),
		},
		// What a move takes along with a tenant, outcomes and business state, and what it sends on.
		GlobalSecondaryIndexes: dynamodb.TableGlobalSecondaryIndexArray{
			keysOnlyIndex(ledger.ShardIndex, event.AttrTenantShard, event.AttrKey),
			keysOnlyIndex(ledger.TenantIndex, event.AttrTenantID, event.AttrKey),
			keysOnlyIndex(ledger.WaitingIndex, ledger.AttrWaiting, event.AttrKey),
		},
		Ttl: dynamodb.TableTtlArgs{AttributeName: pulumi.String(ledger.AttrExpiresAt), Enabled: pulumi.Bool(true)},
	}, "dynamodb:GetItem")
	if err != nil {
		return tables{}, err
	}
	return tables{data: data, results: results}, nil
}

// newTable completes args with what both tables have in common and grants the router's role the actions.
func (b *builder) newTable(part string, args *dynamodb.TableArgs, routerActions ...string) (*dynamodb.Table, error) {
	protect := pulumi.Bool(b.args.Protect)
	args.HashKey = pulumi.String(event.AttrKey)
	args.BillingMode = pulumi.String("PAY_PER_REQUEST")
	args.ServerSideEncryption = dynamodb.TableServerSideEncryptionArgs{Enabled: pulumi.Bool(true)}
	args.PointInTimeRecovery = dynamodb.TablePointInTimeRecoveryArgs{Enabled: protect}
	args.DeletionProtectionEnabled = protect
	args.Tags = b.tags
	table, err := dynamodb.NewTable(b.ctx, b.child(part), args, b.stateful()...)
	if err != nil {
		return nil, fmt.Errorf("create %s table: %w", part, err)
	}
	return table, b.letRouterInto(part, table, routerActions...)
}

// letRouterInto grants the router's role actions on a table.
func (b *builder) letRouterInto(part string, table *dynamodb.Table, actions ...string) error {
	policy, err := dynamodb.NewResourcePolicy(b.ctx, b.child(part+"-policy"), &dynamodb.ResourcePolicyArgs{
		ResourceArn: table.Arn,
		Policy: deploy.Document(func(arn []string) []iam.Statement {
			return admitRouter(arn[0], arn[1], actions...)
		}, table.Arn, b.args.RouterRoleARN),
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("let the router into the %s table: %w", part, err)
	}
	b.last = append(b.last, policy)
	return nil
}

func stringAttribute(name string) dynamodb.TableAttributeArgs {
	return dynamodb.TableAttributeArgs{Name: pulumi.String(name), Type: pulumi.String("S")}
}

func keysOnlyIndex(name, hash, rng string) dynamodb.TableGlobalSecondaryIndexArgs {
	return dynamodb.TableGlobalSecondaryIndexArgs{
		Name: pulumi.String(name), HashKey: pulumi.String(hash), RangeKey: pulumi.String(rng), ProjectionType: pulumi.String("KEYS_ONLY"),
	}
}
