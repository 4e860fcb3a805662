package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/manifest"
	"cellular/internal/model/manifest/cellpages"
	"cellular/internal/model/mapping"
	"cellular/internal/model/probe"
	"cellular/internal/model/transact"
)

// OpenPages is how many pages of open moves, and as many of removals, a round reads at most. A page has some thousand.
const OpenPages = 10

// Requests is how many requests a round makes at most: of the cells' manifests, of the index of open work, and for each cell one
// that puts its mapping and those of its probe. The SDK repeats a list or a query that fails twice.
func Requests(cells int, patience time.Duration) int {
	return (max(cells, 1)+cellpages.Size-1)/cellpages.Size + 2*OpenPages + cells*(1+probe.MaxRequests(patience))
}

// Manifests lists the cells by what they publish.
type Manifests struct {
	SSM  cellpages.SSM
	Path string
}

// List implements Cells.
func (m Manifests) List(ctx context.Context) ([]cellpages.Entry, error) {
	var all []cellpages.Entry
	err := cellpages.Each(ctx, m.SSM, m.Path, func(page []cellpages.Entry) error {
		all = append(all, page...)
		return nil
	})
	return all, err
}

// Putter is the part of the DynamoDB client that a MappingTable needs. The function's role lets it put items of probe tenants,
// and read none.
type Putter interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// MappingTable is the table of mappings.
type MappingTable struct {
	DynamoDB Putter
	Name     string
}

// once is a policy of one try: the next round makes the next.
var once = transact.Retrier{Sleep: func(context.Context, time.Duration) error { return errNextRound }}

var errNextRound = errors.New("the next round tries again")

// Place implements Places. It writes only where there is no mapping: one that is there, whatever its state, stays. The epoch is the
// time: a probe tenant may have been removed, and its cell then drops what has an epoch that the tenant had before, of which the
// probe cannot know. A removal raises an epoch by one.
func (t MappingTable) Place(ctx context.Context, cell manifest.Cell) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	m := mapping.Mapping{
		TenantID: mapping.ProbeTenant(cell.ID), CellID: cell.ID, Epoch: now.Unix(), State: mapping.Active, Tier: cell.Tier, UpdatedAt: now,
	}
	_, err := transact.Single(ctx, once, t.DynamoDB.PutItem, &dynamodb.PutItemInput{
		TableName:                           &t.Name,
		Item:                                m.Item(),
		ConditionExpression:                 aws.String("attribute_not_exists(" + mapping.AttrTenantID + ")"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failure := transact.Classify(err); failure.Failed(0) {
		if m, err = mapping.FromItem(failure.Item(0)); err == nil {
			err = probe.CheckPlace(m, cell.ID)
		}
	}
	if err != nil {
		return fmt.Errorf("place the tenant that cell %s is probed with: %w", cell.ID, err)
	}
	return nil
}
