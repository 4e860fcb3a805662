package health

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
)

// Tables is the part of DynamoDB's client that is needed to examine tables.
type Tables interface {
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTableOutput, error)
	DescribeContinuousBackups(context.Context, *dynamodb.DescribeContinuousBackupsInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error)
	DescribeTimeToLive(context.Context, *dynamodb.DescribeTimeToLiveInput, ...func(*dynamodb.Options)) (*dynamodb.DescribeTimeToLiveOutput, error)
	GetResourcePolicy(context.Context, *dynamodb.GetResourcePolicyInput, ...func(*dynamodb.Options)) (*dynamodb.GetResourcePolicyOutput, error)
	ListTables(context.Context, *dynamodb.ListTablesInput, ...func(*dynamodb.Options)) (*dynamodb.ListTablesOutput, error)
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// tableWant is what a table should be.
type tableWant struct {
	name     string
	stream   bool
	indexes  []string
	ttl      string // the attribute; "": none
	protect  bool   // from deletion
	recovery bool   // to an earlier second
}

const tableCheck = "table"

func (d Doctor) controlTables(ctx context.Context, p published) []Finding {
	if p.control == nil {
		return nil
	}
	found := slices.Concat(
		d.table(ctx, tableWant{name: p.control.MappingTable, indexes: []string{mapping.CellIndex}, protect: p.protected(), recovery: p.protected()}),
		d.table(ctx, tableWant{name: p.control.CellTable, protect: p.protected(), recovery: p.protected()}),
		d.table(ctx, tableWant{
			name: p.control.MoveTable, indexes: []string{controltables.OpenIndex}, ttl: controltables.AttrExpiresAt, protect: p.protected(), recovery: p.protected(),
		}),
	)
	if audit := p.control.AuditTable; audit != "" { // a control plane of the version before has none
		found = append(found, d.table(ctx, tableWant{name: audit, ttl: controltables.AttrExpiresAt, protect: p.protected(), recovery: p.protected()})...)
	}
	return found
}

func (d Doctor) cellTables(ctx context.Context, p published, c manifest.Cell) []Finding {
	recovery := c.Settings.Protect && p.recoverySeen(c, d.Now())
	protect, dataTTL := c.Settings.Protect, ""
	if c.Settings.DataTTL > 0 { // a stamp of the version before keeps events forever
		dataTTL = event.AttrExpiresAt
	}
	return slices.Concat(
		d.table(ctx, tableWant{name: c.DataTable, stream: true, indexes: []string{event.ShardTimeIndex, event.TenantTimeIndex}, ttl: dataTTL, protect: protect, recovery: recovery}),
		d.table(ctx, tableWant{
			name: c.ResultsTable, indexes: []string{ledger.ShardIndex, ledger.TenantIndex, ledger.WaitingIndex},
			ttl: ledger.AttrExpiresAt, protect: protect, recovery: recovery,
		}),
		d.admission(ctx, p, c.DataTable, "dynamodb:PutItem", "dynamodb:GetItem"),
		d.admission(ctx, p, c.ResultsTable, "dynamodb:GetItem"),
	)
}

func (d Doctor) table(ctx context.Context, want tableWant) []Finding {
	l := d.look(tableCheck, want.name)
	out, err := d.DynamoDB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &want.name})
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	t := out.Table
	same(l, "its status", t.TableStatus, types.TableStatusActive)
	if want.stream {
		l.stream(t.StreamSpecification)
	}
	for _, name := range want.indexes {
		l.index(t.GlobalSecondaryIndexes, name)
	}
	if want.ttl != "" {
		d.ttl(ctx, l, want)
	}
	if want.protect {
		same(l, "its deletion protection", aws.ToBool(t.DeletionProtectionEnabled), true)
	}
	if want.recovery {
		d.recovery(ctx, l, want.name)
	}
	return l.end("active, as it should be")
}

// stream examines what feeds the pipeline. The producer reads the new image.
func (l *look) stream(s *types.StreamSpecification) {
	if s == nil || !aws.ToBool(s.StreamEnabled) {
		l.fail("it has no stream: what is accepted is not processed")
		return
	}
	same(l, "the view of its stream", s.StreamViewType, types.StreamViewTypeNewAndOldImages)
}

func (l *look) index(all []types.GlobalSecondaryIndexDescription, name string) {
	i := slices.IndexFunc(all, func(x types.GlobalSecondaryIndexDescription) bool { return aws.ToString(x.IndexName) == name })
	if i < 0 {
		l.fail("it has no index %s", name)
		return
	}
	switch status := all[i].IndexStatus; status {
	case types.IndexStatusActive, "": // an emulator may leave the status out
	case types.IndexStatusCreating, types.IndexStatusUpdating:
		l.add(Warn, "wait until it is built", "its index %s is %s", name, status)
	default:
		l.fail("its index %s is %s", name, status)
	}
}

func (d Doctor) ttl(ctx context.Context, l *look, want tableWant) {
	out, err := d.DynamoDB.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &want.name})
	if err != nil {
		l.unseen(err)
		return
	}
	ttl := out.TimeToLiveDescription
	if ttl == nil || ttl.TimeToLiveStatus != types.TimeToLiveStatusEnabled && ttl.TimeToLiveStatus != types.TimeToLiveStatusEnabling {
		l.fail("its TTL is off: it grows without bound")
		return
	}
	same(l, "its TTL attribute", aws.ToString(ttl.AttributeName), want.ttl)
}

// recovery examines whether the table can be put back to an earlier second.
func (d Doctor) recovery(ctx context.Context, l *look, table string) {
	out, err := d.DynamoDB.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &table})
	if err != nil {
		l.unseen(err)
		return
	}
	b := out.ContinuousBackupsDescription
	if b == nil || b.PointInTimeRecoveryDescription == nil ||
		b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled {
		l.fail("its point-in-time recovery is off, and the deployment is to be protected")
	}
}
