package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/wait"
)

// Scratch is a table as it was at a time, under a name of its own. The name has the time in it, so that a later run for
// the same time finds the table.
type Scratch struct {
	Source, Name string
	At           time.Time
	Items        int64 // as DynamoDB counts them, every six hours or so; 0 where it has not yet
	There, Ready bool  // it is being made; it can be read
}

// scratchTime is how a scratch table's name ends.
const scratchTime = "20060102150405"

// maxTableName is the longest name of a table in characters, from the API reference of CreateTable.
const maxTableName = 255

// ScratchName is the name of the scratch table of a table and a time, of which only whole seconds count.
func ScratchName(table string, at time.Time) string {
	return table + "-restore-" + at.UTC().Format(scratchTime)
}

// Between two looks at a scratch table passes pollFirst, and twice as long each time, up to pollMost. AWS restores most
// tables within the hour and the largest in many: after maxWait something is wrong.
const (
	pollFirst = time.Second
	pollMost  = 15 * time.Second
	maxWait   = 24 * time.Hour
)

// Prepare makes a scratch table of each table, unless it is there from an earlier run, and waits until they can be read. It
// calls waiting, if not nil, between looks. After an error, or when the context ends, what was begun goes on at AWS: a later
// call finds it, and what is returned says which tables are there. Its error wraps ErrUnavailable where AWS does not restore a table to that time.
func (r *Restorer) Prepare(ctx context.Context, at time.Time, waiting func([]Scratch), tables ...string) ([]Scratch, error) {
	began := r.Now()
	all := make([]Scratch, len(tables))
	for i, table := range tables {
		all[i] = Scratch{Source: table, Name: ScratchName(table, at), At: at.UTC().Truncate(time.Second)}
		if over := len(all[i].Name) - maxTableName; over > 0 {
			return all, fmt.Errorf("restore table %s: %w: the name of the scratch table, %s, is %d characters too long", table, ErrUnavailable, all[i].Name, over)
		}
	}
	for every := pollFirst; ; every = min(2*every, pollMost) {
		ready := 0
		for i := range all {
			if err := r.advance(ctx, &all[i], at); err != nil {
				return all, fmt.Errorf("restore table %s: %w", all[i].Source, err)
			}
			if all[i].Ready {
				ready++
			}
		}
		if ready == len(all) {
			return all, nil
		}
		if r.Now().Sub(began) >= maxWait {
			return all, fmt.Errorf("the scratch tables are not ready after %s: look at them in the AWS console", maxWait)
		}
		if waiting != nil {
			waiting(all)
		}
		if err := wait.For(ctx, every); err != nil {
			return all, err
		}
	}
}

// advance takes a scratch table one step on: it has it made where it is missing, and sees whether it is ready.
func (r *Restorer) advance(ctx context.Context, s *Scratch, at time.Time) error {
	if s.Ready {
		return nil
	}
	out, err := r.Tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.Name})
	if absent(err) {
		err = r.begin(ctx, s, at)
		s.There = !errors.Is(err, ErrUnavailable) // also where the answer was lost
		if err != nil {
			return err
		}
		if out, err = r.Tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.Name}); absent(err) {
			return nil // DescribeTable may be a moment behind
		}
	}
	if err != nil {
		return err
	}
	if summary := out.Table.RestoreSummary; summary == nil || !strings.HasSuffix(aws.ToString(summary.SourceTableArn), "/"+s.Source) {
		return fmt.Errorf("%w: there is a table %s that was not restored from it", ErrUnavailable, s.Name)
	}
	s.There = true
	s.Ready, s.Items = ready(out.Table), aws.ToInt64(out.Table.ItemCount)
	return nil
}

// ready reports whether a table and all of its indexes can be read. One that is being deleted, after an earlier run, is
// gone in a moment, and is made again then.
func ready(t *types.TableDescription) bool {
	if t.TableStatus != types.TableStatusActive || aws.ToBool(t.RestoreSummary.RestoreInProgress) {
		return false
	}
	for _, index := range t.GlobalSecondaryIndexes {
		if index.IndexStatus != "" && index.IndexStatus != types.IndexStatusActive {
			return false
		}
	}
	return true
}

func absent(err error) bool {
	_, missing := errors.AsType[*types.ResourceNotFoundException](err)
	return missing
}

func (r *Restorer) begin(ctx context.Context, s *Scratch, at time.Time) error {
	_, err := r.Tables.RestoreTableToPointInTime(ctx, &dynamodb.RestoreTableToPointInTimeInput{
		SourceTableName: &s.Source, TargetTableName: &s.Name, RestoreDateTime: aws.Time(at.UTC().Truncate(time.Second)),
	})
	for _, there := range []any{new(*types.TableAlreadyExistsException), new(*types.TableInUseException), new(*types.ResourceInUseException)} {
		if errors.As(err, there) {
			return nil // it was begun a moment ago, and DescribeTable does not show it yet
		}
	}
	for _, never := range []any{
		new(*types.PointInTimeRecoveryUnavailableException), new(*types.InvalidRestoreTimeException),
		new(*types.TableNotFoundException), new(*types.ResourceNotFoundException),
	} {
		if errors.As(err, never) {
			return fmt.Errorf("%w: %s; AWS says: %w", ErrUnavailable, r.window(ctx, s.Source), err)
		}
	}
	return err
}

// window says to which times a table can be restored.
func (r *Restorer) window(ctx context.Context, table string) string {
	out, err := r.Tables.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &table})
	if err != nil {
		return fmt.Sprintf("to which times it can be, could not be found out: %v", err)
	}
	var pitr *types.PointInTimeRecoveryDescription
	if out.ContinuousBackupsDescription != nil {
		pitr = out.ContinuousBackupsDescription.PointInTimeRecoveryDescription
	}
	if pitr == nil || pitr.PointInTimeRecoveryStatus != types.PointInTimeRecoveryStatusEnabled {
		return "its point-in-time recovery is off"
	}
	return fmt.Sprintf("it can be restored to times from %s to %s", stamp(pitr.EarliestRestorableDateTime), stamp(pitr.LatestRestorableDateTime))
}

func stamp(t *time.Time) string {
	if t == nil {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

// Discard deletes scratch tables. One that is gone already, or about to be, is no error.
func (r *Restorer) Discard(ctx context.Context, all []Scratch) error {
	for _, s := range all {
		_, err := r.Tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &s.Name})
		_, going := errors.AsType[*types.ResourceInUseException](err)
		if err != nil && !absent(err) && !going {
			return fmt.Errorf("delete scratch table %s: %w", s.Name, err)
		}
	}
	return nil
}
