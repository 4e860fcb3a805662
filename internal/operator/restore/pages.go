package restore

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"cellular/internal/operator/tenantdata"
)

// pages calls each with the items of a scratch table, a page at a time.
type pages func(ctx context.Context, each func([]tenantdata.Item) error) error

// scan reads a scratch table from its beginning to its end. No index has all of a table's items, some of the tenants may
// not be in the mapping table any more, and nobody else reads this table: what a Scan does to it costs no one.
func (r *Restorer) scan(table string) pages {
	return func(ctx context.Context, each func([]tenantdata.Item) error) error {
		in := &dynamodb.ScanInput{TableName: &table, Limit: aws.Int32(tenantdata.PageSize), ConsistentRead: aws.Bool(true)}
		for {
			out, err := r.DynamoDB.Scan(ctx, in)
			if err != nil {
				return fmt.Errorf("read scratch table %s: %w", table, err)
			}
			if err := each(out.Items); err != nil {
				return err
			}
			if len(out.LastEvaluatedKey) == 0 {
				return nil
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
}

// resultPages are the items of a scratch results table, of one tenant or of all.
func (r *Restorer) resultPages(table, tenant string) pages {
	if tenant == "" {
		return r.scan(table)
	}
	return r.listed(table, func(ctx context.Context, each func([]string) error) error {
		return tenantdata.ResultKeys(ctx, r.DynamoDB, table, tenant, each)
	})
}

// eventPages are the items of a scratch data table, of one tenant or of all.
func (r *Restorer) eventPages(table, tenant string) pages {
	if tenant == "" {
		return r.scan(table)
	}
	return r.listed(table, func(ctx context.Context, each func([]string) error) error {
		return tenantdata.EventKeys(ctx, r.DynamoDB, table, tenant, time.Time{}, each)
	})
}

// listed reads the items whose keys an index lists.
func (r *Restorer) listed(table string, list func(context.Context, func([]string) error) error) pages {
	return func(ctx context.Context, each func([]tenantdata.Item) error) error {
		return list(ctx, func(keys []string) error {
			found, err := tenantdata.Read(ctx, r.DynamoDB, table, keys)
			if err != nil {
				return err
			}
			items := make([]tenantdata.Item, 0, len(found))
			for _, key := range keys {
				if item, ok := found[key]; ok {
					items = append(items, item)
				}
			}
			return each(items)
		})
	}
}
