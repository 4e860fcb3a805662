package audit

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/controltables"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
)

// Filter says which acts are listed.
type Filter struct {
	Since  time.Time
	Before string // only acts whose ids sort before it: an id, or a time in event.TimeLayout; "" for the latest
	Tenant string // only acts whose command line names it, or names more than is kept; "" for all
	Cell   string // the same
	By     string // only acts whose caller's ARN has it in it; "" for all
	Limit  int    // at most so many, at least 1
}

// ValidBefore reports whether a text may be Filter.Before.
func ValidBefore(text string) bool { _, err := startOf(text); return err == nil }

// clockSkew is how far the clock of a host that acted may be ahead of this one's, generously: what it kept is listed.
const clockSkew = 24 * time.Hour

// List returns the acts that a filter selects, the newest first, and what Before is for those that follow; "" where there are
// no more. It reads what was kept since Filter.Since and no more, with one query or several per month.
func (t Trail) List(ctx context.Context, f Filter) (acts []Act, next string, err error) {
	now := time.Now()
	oldest := f.Since
	if kept := now.Add(-Kept); oldest.Before(kept) {
		oldest = kept
	}
	newest := now.Add(clockSkew)
	if f.Before == "" {
		f.Before = event.FormatTime(newest)
	} else if newest, err = startOf(f.Before); err != nil {
		return nil, "", err
	}
	for m := newest; !m.Before(oldest) && len(acts) <= f.Limit; m = endOfMonthBefore(m) {
		if acts, err = t.listMonth(ctx, month(m), oldest, f, acts); err != nil {
			return nil, "", err
		}
	}
	if len(acts) > f.Limit {
		acts = acts[:f.Limit]
		next = acts[f.Limit-1].ID
	}
	return acts, next, nil
}

// endOfMonthBefore is the last moment of the month before, in UTC.
func endOfMonthBefore(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, -1, time.UTC)
}

// listMonth appends the acts of a month, until there is one more than the limit.
func (t Trail) listMonth(ctx context.Context, month string, oldest time.Time, f Filter, acts []Act) ([]Act, error) {
	query := f.query(t.Table, month, oldest)
	for {
		if query.FilterExpression == nil {
			query.Limit = aws.Int32(int32(f.Limit + 2 - len(acts))) // one is that of Before, and is left out
		}
		page, err := t.DynamoDB.Query(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, stored := range page.Items {
			a, err := fromItem(stored)
			if err != nil {
				a = Act{ID: a.ID, StartedAt: a.StartedAt, Outcome: Unreadable, Error: firstLine(err)}
			}
			if a.ID == f.Before {
				continue
			}
			if acts = append(acts, a); len(acts) > f.Limit {
				return acts, nil
			}
		}
		if len(page.LastEvaluatedKey) == 0 {
			return acts, nil
		}
		query.ExclusiveStartKey = page.LastEvaluatedKey
	}
}

// query reads a month from its end, as it is at the moment: who has just acted sees it.
func (f Filter) query(table, month string, oldest time.Time) *dynamodb.QueryInput {
	query := &dynamodb.QueryInput{
		TableName:                &table,
		KeyConditionExpression:   aws.String("#month = :month AND #act BETWEEN :oldest AND :before"),
		ExpressionAttributeNames: map[string]string{"#month": controltables.AttrMonth, "#act": controltables.AttrAct},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":month": item.Text(month), ":oldest": item.Text(event.FormatTime(oldest)), ":before": item.Text(f.Before),
		},
		ScanIndexForward: aws.Bool(false),
		ConsistentRead:   aws.Bool(true),
	}
	var conditions []string
	require := func(name, attribute, value, want, condition string) {
		if want != "" {
			conditions = append(conditions, condition)
			query.ExpressionAttributeNames[name], query.ExpressionAttributeValues[value] = attribute, item.Text(want)
		}
	}
	require("#tenant", AttrTenants, ":tenant", f.Tenant, "(contains(#tenant, :tenant) OR attribute_exists(#more))")
	require("#cell", AttrCells, ":cell", f.Cell, "(contains(#cell, :cell) OR attribute_exists(#more))")
	require("#by", AttrCaller, ":by", f.By, "contains(#by, :by)")
	if f.Tenant != "" || f.Cell != "" {
		query.ExpressionAttributeNames["#more"] = AttrMore
	}
	if len(conditions) > 0 {
		query.FilterExpression = aws.String(strings.Join(conditions, " AND "))
	}
	return query
}
