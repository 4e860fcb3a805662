package placement

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
	"cellular/internal/model/mapping"
)

// MaxPage is how many tenants a page can have: their mappings stay well below the 1 MB that one Query reads.
const MaxPage = 1000

// Page lists the tenants of a cell by their ids, at most limit of them, 1 to MaxPage. after is where the page before
// ended, "" for the first page; next is what the following page starts after, "" where there is none. A page may be
// shorter than its limit, or empty, and yet not be the last. Probe tenants are left out.
//
// The index that it reads lags by a second or so. Whoever acts on a tenant reads its mapping first.
func (s *Store) Page(ctx context.Context, cellID, after string, limit int) (tenants []mapping.Mapping, next string, err error) {
	listed, next, err := s.PageWithProbes(ctx, cellID, after, limit)
	for _, m := range listed {
		if !mapping.IsProbeTenant(m.TenantID) {
			tenants = append(tenants, m)
		}
	}
	return tenants, next, err
}

// PageWithProbes is Page with the probe tenants in it.
func (s *Store) PageWithProbes(ctx context.Context, cellID, after string, limit int) (tenants []mapping.Mapping, next string, err error) {
	if limit < 1 || limit > MaxPage {
		return nil, "", fmt.Errorf("list the tenants of cell %s: %w: the limit of a page is %d, want 1 to %d", cellID, ErrInvalid, limit, MaxPage)
	}
	q := s.ofCell(cellID)
	q.Limit = aws.Int32(int32(limit))
	if after != "" {
		q.ExclusiveStartKey = map[string]types.AttributeValue{mapping.AttrCellID: item.Text(cellID), mapping.AttrTenantID: item.Text(after)}
	}
	out, err := s.client.Query(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("list the tenants of cell %s: %w", cellID, err)
	}
	for _, item := range out.Items {
		m, err := mapping.FromItem(item)
		if err != nil {
			return nil, "", fmt.Errorf("list the tenants of cell %s: tenant %q: %w", cellID, tenantOf(item), err)
		}
		tenants = append(tenants, m)
	}
	return tenants, tenantOf(out.LastEvaluatedKey), nil
}

// eachOf calls do for each tenant that is mapped to a cell, probe tenants among them.
func (s *Store) eachOf(ctx context.Context, cellID string, do func(tenantID string)) error {
	q := s.ofCell(cellID)
	q.ProjectionExpression = aws.String("#tenant")
	q.ExpressionAttributeNames["#tenant"] = mapping.AttrTenantID
	for {
		out, err := s.client.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, item := range out.Items {
			do(tenantOf(item))
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		q.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// ofCell is the query of a cell's mappings.
func (s *Store) ofCell(cellID string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName:                 &s.tables.MappingTable,
		IndexName:                 aws.String(mapping.CellIndex),
		KeyConditionExpression:    aws.String("#cell = :cell"),
		ExpressionAttributeNames:  map[string]string{"#cell": mapping.AttrCellID},
		ExpressionAttributeValues: map[string]types.AttributeValue{":cell": item.Text(cellID)},
	}
}

// tenantOf is the tenant of an item or a key, "" where it has none.
func tenantOf(attributes map[string]types.AttributeValue) string {
	if id, ok := attributes[mapping.AttrTenantID].(*types.AttributeValueMemberS); ok {
		return id.Value
	}
	return ""
}

// HasTenant reports whether a tenant is mapped to a cell, which may be lost. Probe tenants do not count.
func (s *Store) HasTenant(ctx context.Context, cellID string) (bool, error) {
	for after := ""; ; {
		tenants, next, err := s.Page(ctx, cellID, after, 1)
		if err != nil || len(tenants) > 0 || next == "" {
			return len(tenants) > 0, err
		}
		after = next
	}
}
