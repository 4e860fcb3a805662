package cell

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/ratecounter"
)

// newCounters registers the table in which the router counts the requests of the cell's tenants. The counters have a table
// of their own, so that the right to update one reaches nothing else. They are worth nothing after a minute: the table is
// not protected, and cannot be restored.
func (b *builder) newCounters() error {
	table, err := dynamodb.NewTable(b.ctx, b.child("counters"), &dynamodb.TableArgs{
		Name:                      pulumi.String(b.names.CountersTable()),
		Attributes:                dynamodb.TableAttributeArray{stringAttribute(ratecounter.AttrTenantID)},
		HashKey:                   pulumi.String(ratecounter.AttrTenantID),
		BillingMode:               pulumi.String("PAY_PER_REQUEST"),
		Ttl:                       dynamodb.TableTtlArgs{AttributeName: pulumi.String(ratecounter.AttrExpiresAt), Enabled: pulumi.Bool(true)},
		ServerSideEncryption:      dynamodb.TableServerSideEncryptionArgs{Enabled: pulumi.Bool(true)},
		PointInTimeRecovery:       dynamodb.TablePointInTimeRecoveryArgs{Enabled: pulumi.Bool(false)},
		DeletionProtectionEnabled: pulumi.Bool(false),
		Tags:                      b.tags,
	}, b.childOpts()...)
	if err != nil {
		return fmt.Errorf("create counters table: %w", err)
	}
	return b.letRouterInto("counters", table, "dynamodb:UpdateItem")
}
