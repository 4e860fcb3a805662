package deadletter

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/manifest"
	"cellular/internal/model/mapping"
	"cellular/internal/operator/residence"
)

// Residences says what is known of tenants, whether they have a mapping or not, by tenant.
type Residences func(ctx context.Context, tenantIDs []string) (map[string]residence.Record, error)

// Places says where tenants are, by tenant. It has no entry for one that has no mapping.
type Places func(ctx context.Context, tenantIDs []string) (map[string]mapping.Mapping, error)

// readLiving makes letters of messages, without those of tenants that were removed, whose messages are to be deleted.
func (d *Letters) readLiving(ctx context.Context, cell manifest.Cell, kind Kind, messages []types.Message) ([]Letter, []types.Message, error) {
	letters, err := d.read(ctx, cell, kind, messages)
	if err != nil {
		return nil, nil, err
	}
	return d.withoutRemoved(ctx, cell, letters)
}

// withoutRemoved takes out the letters of tenants that were removed, and returns their messages, to be deleted. The payload
// of such a tenant is nobody's any more, and must reach no later tenant of its name.
func (d *Letters) withoutRemoved(ctx context.Context, cell manifest.Cell, letters []Letter) (kept []Letter, removed []types.Message, err error) {
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
	places, err := d.Places(ctx, tenants)
	if err != nil {
		return nil, nil, fmt.Errorf("find out which tenants were removed: %w", err)
	}
	for _, l := range letters {
		place, placed := places[l.TenantID]
		if !l.ofRemoved(known[l.TenantID], place.Epoch, placed) {
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

// ofRemoved reports whether a letter belongs to a tenant that was removed, where the name is mapped under an epoch, or is
// not placed. Where the letter does not say under which epoch its event was accepted, it belongs to the tenant that has the
// name now, if there is one.
//
// A cellctl of a version without records places a tenant without writing its record, and under any epoch. One that is not
// above the removed ones tells nothing about a letter, which then stays.
func (l Letter) ofRemoved(known residence.Record, epoch int64, placed bool) bool {
	if known.RemovedEpoch == 0 || l.TenantID == "" || placed && epoch <= known.RemovedEpoch {
		return false
	}
	return l.Epoch > 0 && l.Epoch <= known.RemovedEpoch || !placed && known.Removed()
}

// Sweep deletes the letters of a tenant that is being removed from the given DLQs, and returns how many. It calls confirm
// between receiving letters and deleting them: those that were received before are the tenant's, and no later one's of its
// name, as long as confirm finds that the removal is under way. What somebody else is looking at at the moment stays; it is
// deleted when it is met next.
func (d *Letters) Sweep(ctx context.Context, cell manifest.Cell, kinds []Kind, tenantID string, confirm func(context.Context) error) (map[Kind]int, error) {
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
