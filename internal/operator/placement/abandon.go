package placement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/naming"
	"cellular/internal/model/transact"
	"cellular/internal/operator/residence"
	"cellular/internal/operator/tenantdata"
)

// Scanner is the part of DynamoDB that KnownCells needs.
type Scanner interface {
	Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error)
}

// KnownCells are the cells that have a state: those that ever had a tenant, or were drained, also those that are not there
// any more. It reads the whole table, which has an item per cell and none per tenant.
func KnownCells(ctx context.Context, client Scanner, cellTable string) ([]string, error) {
	in := &dynamodb.ScanInput{TableName: &cellTable, ProjectionExpression: aws.String(controltables.AttrCellID)}
	var ids []string
	for {
		page, err := client.Scan(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the cells that have a state: %w", err)
		}
		for _, item := range page.Items {
			if id, ok := item[controltables.AttrCellID].(*types.AttributeValueMemberS); ok {
				ids = append(ids, id.Value)
			}
		}
		if len(page.LastEvaluatedKey) == 0 {
			return ids, nil
		}
		in.ExclusiveStartKey = page.LastEvaluatedKey
	}
}

// LostCells are the cells that have a state and are not among those that are there, in the order of their ids.
func LostCells(ctx context.Context, client Scanner, cellTable string, there []string) ([]string, error) {
	known, err := KnownCells(ctx, client, cellTable)
	if err != nil {
		return nil, err
	}
	lost := slices.DeleteFunc(known, func(id string) bool { return slices.Contains(there, id) })
	slices.Sort(lost)
	return lost, nil
}

// Remains are what is left of a cell that is not published any more.
type Remains struct {
	Tables []string // that are there: their items may still be written
	Unseen []Unseen // tables of which it is not known
}

// Unseen is a table of which it is not known whether it is there.
type Unseen struct {
	Table string
	Err   error
}

// Remains looks for the tables of a cell that is not published any more. Nothing is lost for good of a cell that has one.
func (s *Store) Remains(ctx context.Context, cell naming.Cell) Remains {
	var r Remains
	for _, table := range []string{cell.DataTable(), cell.ResultsTable()} {
		_, err := tenantdata.Read(ctx, s.client, table, []string{ledger.StatePrefix}) // any key will do
		_, gone := errors.AsType[*types.ResourceNotFoundException](err)
		switch {
		case gone:
		case err != nil:
			r.Unseen = append(r.Unseen, Unseen{table, err})
		default:
			r.Tables = append(r.Tables, table)
		}
	}
	return r
}

// Abandon places a tenant again whose cell, lost, is not there any more: in one of the cells, as Assign does, under an epoch
// that the tenant never had, suspended if it was. It brings nothing with it, and is for the caller to make sure that nothing is
// left of the lost cell: see Remains. Its errors are mapping.ErrUnknownTenant and those of Assign, except mapping.ErrExists; it
// changes nothing where the tenant is in another cell than the lost one, is being moved or removed, or a cell that is there
// holds data of it which it would not be placed with.
func (s *Store) Abandon(ctx context.Context, cells []manifest.Cell, r Request, lost string) (mapping.Mapping, error) {
	var m mapping.Mapping
	fit, tier, err := r.choices(cells)
	if err == nil && slices.ContainsFunc(cells, func(c manifest.Cell) bool { return c.ID == lost }) {
		err = fmt.Errorf("%w: cell %s is there: 'cellctl tenants move %s --to CELL' takes the tenant out of it with all that it has", ErrRefused, lost, r.TenantID)
	}
	if err == nil {
		err = contended(ctx, func(ctx context.Context) error {
			var err error
			m, err = s.abandon(ctx, cells, fit, tier, r, lost)
			return err
		})
	}
	if err != nil {
		return mapping.Mapping{}, fmt.Errorf("place tenant %q without cell %s: %w", r.TenantID, lost, err)
	}
	return m, nil
}

func (s *Store) abandon(ctx context.Context, all, fit []manifest.Cell, tier string, r Request, lost string) (mapping.Mapping, error) {
	old, err := s.Get(ctx, r.TenantID)
	if err == nil {
		err = errors.Join(notRemoving(old), known(old))
	}
	switch {
	case err != nil:
		return mapping.Mapping{}, err
	case old.MovingTo != "":
		return mapping.Mapping{}, fmt.Errorf("%w: a move of it is under way: 'cellctl moves show %s' shows how that ends", ErrRefused, r.TenantID)
	case old.CellID != lost:
		return mapping.Mapping{}, fmt.Errorf("%w: it is in cell %s", ErrRefused, old.CellID)
	}
	holders, floor, err := s.search(ctx, all, r.TenantID)
	if err != nil {
		return mapping.Mapping{}, err
	}
	if len(holders) > 0 && !slices.Contains(holders, r.CellID) {
		return mapping.Mapping{}, fmt.Errorf("%w: cell %s holds data of it: name that cell with --cell, or have the data removed first",
			ErrRefused, strings.Join(holders, ", "))
	}
	states, err := s.States(ctx, append(cellIDs(fit), lost))
	if err != nil {
		return mapping.Mapping{}, err
	}
	candidates, err := Candidates(fit, states, tier)
	if err != nil {
		return mapping.Mapping{}, err
	}
	record, err := residence.Get(ctx, s.client, s.tables.MoveTable, r.TenantID)
	if err != nil {
		return mapping.Mapping{}, err
	}
	cell, now := candidates[0], s.now().UTC().Truncate(time.Millisecond)
	m := mapping.Mapping{
		TenantID: r.TenantID, CellID: cell.ID, Epoch: max(old.Epoch+1, floor+1, record.NextEpoch()), State: mapping.Active, Tier: cell.Tier, UpdatedAt: now,
	}
	if old.State == mapping.Suspended {
		m.State = mapping.Suspended
	}
	writes := []types.TransactWriteItem{
		{Put: &types.Put{
			TableName: &s.tables.MappingTable, Item: m.Item(),
			ConditionExpression: aws.String("#cell = :cell AND #epoch = :epoch AND #state = :state AND #updated = :updated AND " +
				"attribute_not_exists(#moving) AND attribute_not_exists(#removing)"),
			ExpressionAttributeNames: map[string]string{
				"#cell": mapping.AttrCellID, "#epoch": mapping.AttrEpoch, "#state": mapping.AttrState, "#updated": mapping.AttrUpdatedAt,
				"#moving": mapping.AttrMovingTo, "#removing": mapping.AttrRemoving,
			},
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":cell": item.Text(lost), ":epoch": item.Number(int(old.Epoch)), ":state": item.Text(string(old.State)), ":updated": item.Text(event.FormatTime(old.UpdatedAt)),
			},
		}},
		ledger.FloorAtMost(cell.ResultsTable, r.TenantID, m.Epoch),
		residence.GiveEpoch(s.tables.MoveTable, r.TenantID, cell.ID, m.Epoch, now),
		Admit(s.tables.CellTable, cell),
	}
	if states[lost].Tenants > 0 { // what a lost cell counts matters to nobody
		writes = append(writes, Release(s.tables.CellTable, lost))
	}
	return m, transact.Retrier{}.Write(ctx, s.client, writes...)
}

func cellIDs(cells []manifest.Cell) []string {
	ids := make([]string, len(cells))
	for i, c := range cells {
		ids[i] = c.ID
	}
	return ids
}
