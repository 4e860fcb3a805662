package placement

import (
	"context"

	"cellular/internal/model/transact"
)

// contended repeats an operation that looks at items and then writes on the condition that they are as they were, until it
// is done, fails for good, or too much time is over. Only a condition that did not hold is a reason to look again; what
// else is in a write's way has been waited for where it is made (see Store.transact).
func contended(ctx context.Context, once func(context.Context) error) error {
	return transact.Retrier{}.Repeat(ctx, func(ctx context.Context) (again bool, err error) {
		err = once(ctx)
		return transact.Classify(err).Kind == transact.Condition, err
	})
}
