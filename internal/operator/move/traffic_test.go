package move_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/operator/move"
	"cellular/internal/operator/removal"
)

// heights is the sum of all floors. It changes with each copy that is written.
func (w *world) heights() (sum int64) {
	for _, c := range w.cells {
		for _, copy := range w.copies(c) {
			sum += copy.Floor
		}
	}
	return sum
}

// whenever calls do at the first call of a process, and at each at which the copies of fences are not what they were.
func (w *world) whenever(do func()) func() error {
	before := int64(-1)
	return func() error {
		if now := w.heights(); now != before {
			before = now
			do()
		}
		return nil
	}
}

// Whenever a mover has written a copy of a fence, a router that knows the mapping of the beginning sends events, and the cells apply all
// that they have: so events meet every copy, while those around it are raised and lowered.
func TestI8NothingIsLostWhereEventsComeBetweenAnyTwoCopies(t *testing.T) {
	for _, backFrom := range []move.Phase{"", move.Copy, move.Redirect} {
		name := "carried through"
		if backFrom != "" {
			name = fmt.Sprintf("backed out from %s", backFrom)
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			stale := &router{}
			n := 0
			traffic := w.whenever(func() {
				for range 2 {
					w.send(stale, fmt.Sprintf("e-%d", n), "visit")
					n++
				}
				w.quiesce()
			})
			h := &hooks{before: traffic, everyCopy: true}
			m := w.mover(h)
			_, err := m.Start(t.Context(), tenant, "beta")
			require.NoError(t, err)
			if backFrom != "" {
				h.before = func() error {
					if now, err := w.mover(&hooks{}).Get(context.Background(), tenant); err == nil && now.Phase == backFrom {
						return errDied
					}
					return traffic()
				}
				_, err = m.Run(t.Context(), tenant, "")
				require.ErrorIs(t, err, errDied)
				h.before = traffic
				_, err = m.BackOut(t.Context(), tenant, "")
			} else {
				_, err = m.Run(t.Context(), tenant, "")
			}
			require.NoError(t, err)
			require.Greater(t, n, ledger.FenceCopies, "so that most copies are met")
			w.quiesce()
			w.settled()
		})
	}
}

// Letters are redriven while a remover that calls its removal off lowers copies: each is applied, or was diverted and is sent again.
func TestI8NothingIsLostWhereLettersAreRedrivenWhileARemovalIsCalledOff(t *testing.T) {
	w := newWorld(t)
	alpha := w.cells["alpha"]
	for i := range 300 {
		e := event.Event{
			TenantID: tenant, ID: fmt.Sprintf("letter-%d", i), Type: "visit", Payload: json.RawMessage(`{"n":1}`), Epoch: 1, AcceptedAt: w.now,
		}
		body, err := event.Message{Event: e}.Encode()
		require.NoError(t, err)
		w.db.Put(alpha.DataTable, e.Item())
		_, err = w.db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
			ledger.Record(alpha.ResultsTable, ledger.Of(e, ledger.Failed, w.now, 24*time.Hour)),
		}})
		require.NoError(t, err)
		w.accepted[e.ID] = e.Type
		alpha.dlq = append(alpha.dlq, message{body: string(body), eventID: e.ID})
	}
	alpha.stream = nil
	w.suspend()
	h := &hooks{everyCopy: true}
	remover := w.remover(h)
	_, err := remover.Start(t.Context(), tenant)
	require.NoError(t, err)
	_, err = remover.Run(t.Context(), tenant, removal.Fate{})
	require.ErrorIs(t, err, removal.ErrHolds)

	redrive := func() {
		n := min(4, len(alpha.dlq))
		alpha.queue, alpha.dlq = append(alpha.queue, alpha.dlq[:n]...), slices.Clone(alpha.dlq[n:])
		w.quiesce()
	}
	h.before = w.whenever(redrive)
	_, err = remover.CallOff(t.Context(), tenant)
	require.NoError(t, err)
	_, err = w.placement().Resume(t.Context(), tenant)
	require.NoError(t, err)
	require.Less(t, len(alpha.dlq), 100, "most were redriven while copies were lowered")
	for len(alpha.dlq) > 0 {
		redrive()
	}
	w.quiesce()
	w.settled()
}
