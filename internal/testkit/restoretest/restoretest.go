// Package restoretest is DynamoDB's point-in-time recovery in memory, for tests of what restores tables.
package restoretest

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/operator/restore"
	"cellular/internal/testkit/dynamotest"
)

// WithScratch is the given tables and a scratch table of each, all of which a database has from its beginning: its set of
// tables never changes. Recovery says which of the latter are there.
func WithScratch(tables map[string]dynamotest.Table, at time.Time) map[string]dynamotest.Table {
	all := maps.Clone(tables)
	for name, table := range tables {
		all[restore.ScratchName(name, at)] = table
	}
	return all
}

// Recovery is restore.Tables. It knows the tables as they were when Remember was called, whatever time is asked for.
type Recovery struct {
	DB   *dynamotest.DB
	Slow int  // how many looks at a new table find it not ready
	Off  bool // point-in-time recovery is off
	// From and To are the window in which a table can be restored; the zero times mean no bound.
	From, To time.Time
	// Intercept is called with the operation and the table of every request before it takes effect, After once it has; an
	// error of either is the answer. Nil means no interception.
	Intercept, After func(operation, table string) error

	mu        sync.Mutex
	snapshots map[string][]dynamotest.Item
	scratch   map[string]*table // those that are there
	requested []string
}

type table struct {
	source string
	looks  int // until it is ready
}

// Remember takes a snapshot of tables.
func (r *Recovery) Remember(tables ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.snapshots == nil {
		r.snapshots = map[string][]dynamotest.Item{}
	}
	for _, name := range tables {
		r.snapshots[name] = r.DB.Items(name)
	}
}

// Scratch is the names of the scratch tables that are there.
func (r *Recovery) Scratch() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.scratch))
}

// Restored is the source tables that were restored, in order.
func (r *Recovery) Restored() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requested)
}

func (r *Recovery) call(operation, name string, act func() error) error {
	if r.Intercept != nil {
		if err := r.Intercept(operation, name); err != nil {
			return err
		}
	}
	r.mu.Lock()
	err := act()
	r.mu.Unlock()
	if r.After != nil && err == nil {
		return r.After(operation, name)
	}
	return err
}

// RestoreTableToPointInTime begins to make a table as its source was when it was remembered.
func (r *Recovery) RestoreTableToPointInTime(
	_ context.Context, in *dynamodb.RestoreTableToPointInTimeInput, _ ...func(*dynamodb.Options),
) (*dynamodb.RestoreTableToPointInTimeOutput, error) {
	return &dynamodb.RestoreTableToPointInTimeOutput{}, r.call("RestoreTableToPointInTime", *in.SourceTableName, func() error {
		switch at := *in.RestoreDateTime; {
		case r.Off:
			return &types.PointInTimeRecoveryUnavailableException{Message: new("Point in time recovery is not enabled for table '" + *in.SourceTableName + "'")}
		case !r.From.IsZero() && at.Before(r.From), !r.To.IsZero() && at.After(r.To):
			return &types.InvalidRestoreTimeException{Message: new("The specified restore time is invalid")}
		case r.scratch[*in.TargetTableName] != nil:
			return &types.TableAlreadyExistsException{Message: new("Table already exists: " + *in.TargetTableName)}
		}
		if r.scratch == nil {
			r.scratch = map[string]*table{}
		}
		r.scratch[*in.TargetTableName] = &table{source: *in.SourceTableName, looks: r.Slow}
		r.requested = append(r.requested, *in.SourceTableName)
		for _, item := range r.snapshots[*in.SourceTableName] {
			r.DB.Put(*in.TargetTableName, item)
		}
		return nil
	})
}

// DescribeTable describes a scratch table.
func (r *Recovery) DescribeTable(
	_ context.Context, in *dynamodb.DescribeTableInput, _ ...func(*dynamodb.Options),
) (out *dynamodb.DescribeTableOutput, err error) {
	err = r.call("DescribeTable", *in.TableName, func() error {
		t, ok := r.scratch[*in.TableName]
		if !ok {
			return &types.ResourceNotFoundException{Message: new("Requested resource not found: Table: " + *in.TableName + " not found")}
		}
		status := types.TableStatusActive
		if t.looks > 0 {
			t.looks--
			status = types.TableStatusCreating
		}
		out = &dynamodb.DescribeTableOutput{Table: &types.TableDescription{
			TableName: in.TableName, TableStatus: status, ItemCount: new(int64(len(r.DB.Items(*in.TableName)))),
			RestoreSummary: &types.RestoreSummary{
				SourceTableArn:    new("arn:aws:dynamodb:eu-west-1:123456789012:table/" + t.source),
				RestoreInProgress: new(status == types.TableStatusCreating),
			},
		}}
		return nil
	})
	return out, err
}

// DescribeContinuousBackups tells the window.
func (r *Recovery) DescribeContinuousBackups(
	_ context.Context, in *dynamodb.DescribeContinuousBackupsInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	pitr := &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled}
	if !r.Off {
		pitr = &types.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusEnabled, EarliestRestorableDateTime: &r.From, LatestRestorableDateTime: &r.To,
		}
	}
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: &types.ContinuousBackupsDescription{
		PointInTimeRecoveryDescription: pitr,
	}}, r.call("DescribeContinuousBackups", *in.TableName, func() error { return nil })
}

// DeleteTable deletes a scratch table. It panics on any other: nothing that restores deletes one.
func (r *Recovery) DeleteTable(
	_ context.Context, in *dynamodb.DeleteTableInput, _ ...func(*dynamodb.Options),
) (*dynamodb.DeleteTableOutput, error) {
	if !strings.Contains(*in.TableName, "-restore-") {
		panic("restoretest: " + *in.TableName + " is no scratch table")
	}
	return &dynamodb.DeleteTableOutput{}, r.call("DeleteTable", *in.TableName, func() error {
		if r.scratch[*in.TableName] == nil {
			return &types.ResourceNotFoundException{Message: new("Requested resource not found")}
		}
		delete(r.scratch, *in.TableName)
		for _, item := range r.DB.Items(*in.TableName) {
			for _, key := range []string{"id", "tenant_id"} {
				if v, ok := item[key].(*types.AttributeValueMemberS); ok {
					r.DB.Delete(*in.TableName, v.Value)
					break
				}
			}
		}
		return nil
	})
}
