package consumer

import (
	"context"

	lru "github.com/hashicorp/golang-lru/v2"

	"cellular/internal/model/ledger"
	"cellular/internal/model/transact"
)

// maxConverted is how many tenants a process remembers whose fences need no conversion. Each is some hundred bytes; one that
// is forgotten costs a read.
const maxConverted = 4096

func newConverted() *lru.Cache[string, struct{}] {
	cache, err := lru.New[string, struct{}](maxConverted)
	if err != nil {
		panic(err) // for a size below 1
	}
	return cache
}

// convert sees to it that the copies of a tenant's fence may be gone by: the version before wrote fences without. What is found
// in order once stays so, because no cell has movers of that version beside this consumer; so it is looked at once in the life
// of a process.
func (c *Consumer) convert(ctx context.Context, tenantID string) error {
	if c.converted.Contains(tenantID) {
		return nil
	}
	if err := ledger.ConvertFence(ctx, c.Tables, transact.Retrier{}, c.ResultsTable, tenantID); err != nil {
		return err
	}
	c.converted.Add(tenantID, struct{}{})
	return nil
}

// fenceOf reads what decides on an event.
func (c *Consumer) fenceOf(ctx context.Context, tenantID, eventID string) (ledger.FenceCopy, error) {
	if err := c.convert(ctx, tenantID); err != nil {
		return ledger.FenceCopy{}, err
	}
	return ledger.ReadFenceCopy(ctx, c.Tables, c.ResultsTable, tenantID, eventID)
}
