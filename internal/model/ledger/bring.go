package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/transact"
)

// maxBrings bounds how often BringFence looks at the copies. Nobody but its caller may write them, so the second look is the last.
const maxBrings = 4

// ErrDisturbed is the error for copies that somebody else has written meanwhile.
var ErrDisturbed = errors.New("the copies of the fence kept changing")

// BringFence has all copies of a fence say what f does: it writes those that do not, one after the other, until it sees all of
// them right. Write makes one transaction, with whatever condition keeps others from it.
//
// Each copy is a transaction of its own, because one with all of them never gets through beside a busy tenant, whose events
// check them. What is done stays done, so that whoever dies here is followed by another one, who brings the rest.
//
// A floor is raised in the copies first and then in the fence, and lowered in the fence first: so no copy is ever below its
// fence, and who sees a fence's floor knows that nothing below it is applied.
func BringFence(ctx context.Context, client transact.BatchReader, resultsTable string, f Fence, write func(types.TransactWriteItem) error) error {
	for range maxBrings {
		copies, err := ReadFenceCopies(ctx, client, resultsTable, f.TenantID)
		if err != nil {
			return err
		}
		right := true
		for n, c := range copies {
			if c.Says(f) {
				continue
			}
			right = false
			if err := write(SetFenceCopy(resultsTable, f, n)); err != nil {
				return fmt.Errorf("copy %d of the fence in table %s: %w", n, resultsTable, err)
			}
		}
		if right {
			return nil
		}
	}
	return fmt.Errorf("%w: tenant %q, table %s", ErrDisturbed, f.TenantID, resultsTable)
}
