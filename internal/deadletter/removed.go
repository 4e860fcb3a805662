package deadletter

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/facts"
	"cellular/internal/residence"
)

// Residences says what is known of tenants, whether they have a mapping or not, by tenant.
type Residences func(ctx context.Context, tenantIDs []string) (map[string]residence.Record, error)

// readLiving makes letters of messages, without those of tenants that were removed, whose messages are to be deleted.
func (d *Letters) readLiving(ctx context.Context, cell facts.Cell, kind Kind, messages []types.Message) ([]Letter, []types.Message, error) {
	letters, err := d.read(ctx, cell, kind, messages)
	if err != nil {
		return nil, nil, err
	}
	return d.withoutRemoved(ctx, cell, letters)
}

// withoutRemoved takes out the letters of tenants that were removed, and returns their messages, to be deleted. The payload
// of such a tenant is nobody's any more, and must reach no later tenant of its name.
func (d *Letters) withoutRemoved(ctx context.Context, cell facts.Cell, letters []Letter) (kept []Letter, removed []types.Message, err error) {
	var tenants []string
	for _, l := range letters {
		if l.TenantID != "" {
			tenants = append(tenants, l.TenantID)
		}
	}
	if d.Residences == nil || len(tenants) == 0 {
		return letters, nil, nil
	}
	known, err := d.Residences(ctx, tenants)
	if err != nil {
		return nil, nil, fmt.Errorf("find out which tenants were removed: %w", err)
	}
	for _, l := range letters {
		if !l.ofRemoved(known[l.TenantID]) {
			kept = append(kept, l)
			continue
		}
		removed = append(removed, l.message)
		if d.OnRemoved != nil {
			d.OnRemoved(cell, l)
		}
	}
	return kept, removed, nil
}

// ofRemoved reports whether a letter belongs to a tenant that was removed. Where the letter does not say under which epoch
// its event was accepted, it belongs to whoever has the name now, if anybody has.
func (l Letter) ofRemoved(known residence.Record) bool {
	if known.RemovedEpoch == 0 || l.TenantID == "" {
		return false
	}
	return l.Epoch > 0 && l.Epoch <= known.RemovedEpoch || known.Removed()
}

// Sweep deletes the letters of a tenant that is being removed from the given DLQs, and returns how many. It calls confirm
// between receiving letters and deleting them: those that were received before are the tenant's, and no later one's of its
// name, as long as confirm finds that the removal is under way. What somebody else is looking at at the moment stays; it is
// deleted when it is met next.
func (d *Letters) Sweep(ctx context.Context, cell facts.Cell, kinds []Kind, tenantID string, confirm func(context.Context) error) (map[Kind]int, error) {
	swept := map[Kind]int{}
	for _, kind := range kinds {
		err := d.visit(ctx, kind.queueURL(cell), func(batch []types.Message) ([]types.Message, error) {
			letters, err := d.read(ctx, cell, kind, batch)
			if err != nil {
				return nil, err
			}
			letters = slices.DeleteFunc(letters, func(l Letter) bool { return l.TenantID != tenantID })
			if len(letters) == 0 {
				return nil, nil
			}
			if err := confirm(ctx); err != nil {
				return nil, err
			}
			swept[kind] += len(letters)
			return messagesOf(letters), nil
		})
		if err != nil {
			return swept, fmt.Errorf("sweep the %s DLQ of cell %s: %w", kind, cell.ID, err)
		}
	}
	return swept, nil
}
