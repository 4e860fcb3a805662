// Package placement decides which cell a tenant goes to, and keeps the two things in step that say so: the tenant's
// mapping, and the count of the tenants that each cell has.
//
// Whatever changes both changes them in one transaction, with the cell's cap and status as its condition. Any number of
// operators and programs can therefore place tenants at a time: no cap is exceeded, and no tenant is placed without being
// counted. What the cells are, their caps and tiers, comes from the caller, who reads it where the cells publish it.
package placement

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/item"
	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/model/transact"
	"cellular/internal/model/wait"
)

// DynamoDB is the part of the client that is needed.
type DynamoDB interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// The kinds of refusal. The error's text says what stands against the request, and what to do about it.
var (
	ErrInvalid = errors.New("invalid request") // it contradicts itself or what the cells are: it can never be granted
	ErrNoRoom  = errors.New("no room")         // no cell, or not the one asked for, takes another tenant
	ErrRefused = errors.New("refused")         // what the tables hold now does not allow it
)

// Store reads and changes where tenants are. It is safe for concurrent use.
type Store struct {
	Now   func() time.Time                           // the time that mappings are changed at; nil means time.Now
	Sleep func(context.Context, time.Duration) error // how a recount waits; nil means wait.For

	client   DynamoDB
	tables   manifest.ControlPlane
	mappings *mapping.Store
}

// NewStore returns a store of a control plane's tables.
func NewStore(client DynamoDB, cp manifest.ControlPlane) *Store {
	return &Store{client: client, tables: cp, mappings: mapping.NewStore(client, cp.MappingTable)}
}

// Get reads one tenant's mapping, consistently. Its errors are those of mapping.Store.
func (s *Store) Get(ctx context.Context, tenantID string) (mapping.Mapping, error) {
	return s.mappings.Get(ctx, tenantID)
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func (s *Store) sleep(ctx context.Context, d time.Duration) error {
	if s.Sleep != nil {
		return s.Sleep(ctx, d)
	}
	return wait.For(ctx, d)
}

func (s *Store) transact(ctx context.Context, items ...types.TransactWriteItem) error {
	return transact.Retrier{}.Write(ctx, s.client, items...)
}

func mappingKey(tenantID string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{mapping.AttrTenantID: item.Text(tenantID)}
}
