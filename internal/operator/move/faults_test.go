package move_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/move"
	"cellular/internal/testkit/dynamotest"
)

// A fault that passes does not even stop a mover at a write; after another one, the move goes on where it stopped.
func TestMover_GetsOverEveryDocumentedFault(t *testing.T) {
	dynamotest.EveryFault(t, func(t *testing.T) dynamotest.Scenario {
		w := newWorld(t)
		w.db.PageItems = 0
		r := &router{}
		w.send(r, "done", "visit")
		w.quiesce()
		w.send(r, "in-flight", "visit")
		m := w.mover(&hooks{})
		m.DynamoDB = w.db // without the model's own reads
		return dynamotest.Scenario{
			DB: w.db,
			Act: func() error {
				_, err := m.Get(context.Background(), tenant)
				if errors.Is(err, move.ErrNoMove) {
					_, err = m.Start(context.Background(), tenant, "beta")
				}
				if err == nil {
					_, err = m.Run(context.Background(), tenant, "")
				}
				return err
			},
			Done: func() {
				w.look()
				w.quiesce()
				require.Equal(t, "beta", w.place().CellID)
				w.settled()
			},
		}
	})
}
