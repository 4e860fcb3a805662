package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/app"
	"cellular/internal/model/event"
	"cellular/internal/model/item"
	"cellular/internal/model/ledger"
)

// fence sets the tenant's floor in the cell; 0 takes the fence away.
func (c *cell) fence(floor int64) {
	c.setFence(ledger.Fence{
		TenantID: "acme", Floor: floor, State: ledger.Outgoing, Peer: "beta", UpdatedAt: time.Unix(1772600767, 0), Copied: floor,
	})
}

// setFence writes a fence and all of its copies, or deletes them where it has no floor.
func (c *cell) setFence(f ledger.Fence) {
	at := resultsTable + "/" + ledger.FenceKey(f.TenantID)
	for n := range ledger.FenceCopies {
		c.setCopy(fmt.Sprintf("%s#%d", at, n), f)
	}
	delete(c.tables.items, at)
	if f.Floor > 0 {
		c.tables.items[at] = f.Item()
	}
}

func (c *cell) setCopy(at string, f ledger.Fence) {
	delete(c.tables.items, at)
	if f.Floor == 0 {
		return
	}
	c.tables.items[at] = attributes{
		event.AttrKey: item.Text(strings.TrimPrefix(at, resultsTable+"/")), ledger.AttrFloor: item.Number(f.Floor),
	}
	if f.RemovedBelow > 0 {
		c.tables.items[at][ledger.AttrRemovedBelow] = item.Number(f.RemovedBelow)
	}
}

// copyAt is where the copy of the tenant's fence is that decides on an event.
func copyAt(id string) string { return resultsTable + "/" + ledger.FenceCopyKey("acme", id) }

// floor is the lowest epoch under which the cell applies an event of the tenant, or 0.
func (c *cell) floor(id string) int64 {
	return int64(num(c.tables.items[copyAt(id)][ledger.AttrFloor]))
}

func TestI8AnEventOfAnOlderEpochIsDivertedNotApplied(t *testing.T) {
	c := newCell()
	announced := 0
	c.AfterApply = func(event.Event) { announced++ }
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliverOf(1, "e-1", "t", 1), deliverOf(2, "e-2", "t", 1), deliverOf(3, "e-3", "t", 1)))
	require.Equal(t, []int{0, 1, 1}, []int{c.effects("e-1"), c.effects("e-2"), c.effects("e-3")})
	require.Equal(t, 2, announced)
	require.Regexp(t, `level=INFO .*tenant=acme event=e-1 outcome=diverted receive_count=1 .*epoch=1`, c.log.String())

	entry := c.entry("e-1")
	applied, err := time.Parse(event.TimeLayout, str(entry[ledger.AttrAppliedAt]))
	require.NoError(t, err)
	require.InDelta(t, applied.Add(90*24*time.Hour).Unix(), num(entry[ledger.AttrExpiresAt]), 1)
	delete(entry, ledger.AttrAppliedAt)
	delete(entry, ledger.AttrExpiresAt)
	require.Equal(t, attributes{
		"id": item.Text("acme#e-1"), "tenant_shard": item.Text("acme#3"), "event_id": item.Text("e-1"), "type": item.Text("t"),
		"epoch": item.Number(1), "status": item.Text("diverted"), "waiting": item.Text("acme#3"),
		"accepted_at": item.Text("2026-03-04T05:06:07.000Z"),
	}, entry)
}

func TestI8AnotherTenantsFenceChangesNothing(t *testing.T) {
	c := newCell()
	c.setFence(ledger.Fence{TenantID: "globex", Floor: 9, State: ledger.Left, UpdatedAt: time.Unix(1772600767, 0), Copied: 9})
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
}

// The floor rises after the business function has returned: whoever raised it knows that nothing below it is applied.
func TestI8AFenceThatRisesBeforeTheTransactionIsKept(t *testing.T) {
	c := newCell()
	c.tables.before = func(call int) error {
		if call == 1 {
			c.fence(2)
		}
		return nil
	}
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Zero(t, c.effects("e-1"))
	require.Equal(t, ledger.Diverted, c.status("e-1"))
}

func TestI8NothingIsDivertedPastAFenceThatIsGone(t *testing.T) {
	c := newCell()
	c.fence(2)
	c.tables.before = func(call int) error {
		if call == 2 { // the fence kept the event from being applied, and falls before it is diverted
			c.fence(0)
		}
		return nil
	}
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Empty(t, c.entry("e-1"), "nobody would send on what waits now")
	require.Contains(t, c.log.String(), "outcome=retry")
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2)))
	require.Equal(t, 1, c.effects("e-1"))
}

func TestI6ADivertedEventIsDivertedOnce(t *testing.T) {
	c := newCell()
	c.fence(2)
	c.tables.after = func(call int) error {
		if call == 2 { // the one that diverted; the first was refused
			return context.DeadlineExceeded
		}
		return nil
	}
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)), "the answer got lost")
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2)))
	require.Equal(t, ledger.Diverted, c.status("e-1"))

	c.fence(0)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 3)), "the entry stands for the event now")
	require.Zero(t, c.effects("e-1"))
	require.Contains(t, c.log.String(), "outcome=duplicate receive_count=3")
}

func TestI6ADivertedEventThatIsSentAgainIsApplied(t *testing.T) {
	c := newCell()
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliverOf(1, "e-1", "t", 1)))
	require.Empty(t, c.handle(t.Context(), t, deliverOf(2, "e-1", "t", 1), deliverOf(1, "e-1", "t", 2), deliverOf(3, "e-1", "t", 1)))
	require.Equal(t, 1, c.effects("e-1"))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.NotContains(t, c.entry("e-1"), ledger.AttrWaiting)
}

func TestI8AnEventThatIsSentAgainToACellThatItsTenantHasLeftWaitsThere(t *testing.T) {
	c := newCell()
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliverOf(1, "e-1", "t", 1)))
	delete(c.entry("e-1"), ledger.AttrWaiting) // it was sent on
	c.fence(4)                                 // and the tenant came back, and left
	require.Empty(t, c.handle(t.Context(), t, deliverOf(3, "e-1", "t", 1)))
	require.Equal(t, "acme#3", str(c.entry("e-1")[ledger.AttrWaiting]))
	require.Equal(t, 3, num(c.entry("e-1")[event.AttrEpoch]))
}

func TestI8AnAppliedEventIsNotDiverted(t *testing.T) {
	c := newCell()
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2)))
	require.Equal(t, ledger.Processed, c.status("e-1"))
	require.Contains(t, c.log.String(), "outcome=duplicate receive_count=2")
}

// A redrive by hand sends what failed as it was, to the cell that its tenant may have left meanwhile.
func TestI6AnEventThatWasGivenUpOnIsDivertedWhenItIsReplayedLate(t *testing.T) {
	c := newCell()
	c.applyBad(func(context.Context, event.Event) (app.Effect, error) { panic("a bug") })
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", badType, maxReceives)))
	require.Equal(t, ledger.Failed, c.status("e-1"))
	c.fence(2)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Equal(t, ledger.Diverted, c.status("e-1"))
}

// A tenant has left under epoch 8 and come back under 9. What failed there under 9 is in a dead letter queue; a delivery from
// before the tenant left, which nobody would send on, does not take its place.
func TestI6ALateDeliveryDoesNotDivertWhatWasGivenUpOnSince(t *testing.T) {
	for name, c := range map[string]struct {
		failed int64 // the epoch of the delivery that was given up on; 0 for a message that is no event
		late   int64
		want   ledger.Status
	}{
		"a delivery from before":                {failed: 9, late: 7, want: ledger.Failed},
		"the last epoch before":                 {failed: 9, late: 8, want: ledger.Failed},
		"the one that failed, redriven by hand": {failed: 7, late: 7, want: ledger.Diverted},
		"a newer one":                           {failed: 7, late: 8, want: ledger.Diverted},
		"a message that was no event":           {late: 7, want: ledger.Diverted},
	} {
		for receives, kind := range map[int]string{1: "t", maxReceives: badType} {
			t.Run(fmt.Sprintf("%s, receive %d", name, receives), func(t *testing.T) {
				cell := newCell()
				cell.fence(c.failed)
				cell.applyBad(func(context.Context, event.Event) (app.Effect, error) { panic("a bug") })
				failing := deliverBody("e-1", "?", maxReceives)
				if c.failed > 0 {
					failing = deliverOf(c.failed, "e-1", badType, maxReceives)
				}
				require.Equal(t, []string{"e-1"}, cell.handle(t.Context(), t, failing))
				require.Equal(t, ledger.Failed, cell.status("e-1"))

				cell.fence(9)
				before := cell.entry("e-1")
				require.Empty(t, cell.handle(t.Context(), t, deliverOf(c.late, "e-1", kind, receives)))
				require.Equal(t, c.want, cell.status("e-1"))
				require.Equal(t, c.want == ledger.Diverted, cell.entry("e-1")[ledger.AttrWaiting] != nil)
				if c.want == ledger.Failed {
					require.Equal(t, before, cell.entry("e-1"))
					require.Contains(t, cell.log.String(), "outcome=duplicate")
				}
				require.Zero(t, cell.effects("e-1"))
			})
		}
	}
}

// A message of the event that nobody can read, and that has no epoch therefore, does not have the failure's be forgotten.
func TestI6AMessageThatIsNoEventLeavesALateDeliveryADuplicate(t *testing.T) {
	cell := newCell()
	cell.fence(9)
	cell.applyBad(func(context.Context, event.Event) (app.Effect, error) { panic("a bug") })
	require.Equal(t, []string{"e-1"}, cell.handle(t.Context(), t, deliverOf(9, "e-1", badType, maxReceives)))
	failed := cell.entry("e-1")
	require.Equal(t, []string{"e-1"}, cell.handle(t.Context(), t, deliverBody("e-1", "?", maxReceives)), "it is in the DLQ all the same")
	require.Equal(t, failed, cell.entry("e-1"))
	require.Empty(t, cell.handle(t.Context(), t, deliverOf(7, "e-1", "t", 1)))
	require.Equal(t, ledger.Failed, cell.status("e-1"))
}

// What is given up on leaves an event alone that waits, unless it is the one that was sent instead.
func TestI6GivingUpDoesNotForgetADivertedEvent(t *testing.T) {
	for name, c := range map[string]struct {
		epoch    int64
		broken   bool
		reported []string
		want     ledger.Status
	}{
		"an older delivery":          {epoch: 1, reported: []string{}, want: ledger.Diverted},
		"the same epoch":             {epoch: 2, reported: []string{}, want: ledger.Diverted},
		"the one that was sent":      {epoch: 3, reported: []string{"e-1"}, want: ledger.Failed},
		"a message that is no event": {broken: true, reported: []string{"e-1"}, want: ledger.Diverted},
	} {
		t.Run(name, func(t *testing.T) {
			cell := newCell()
			cell.fence(3)
			require.Empty(t, cell.handle(t.Context(), t, deliverOf(2, "e-1", "t", 1)))
			cell.applyBad(func(context.Context, event.Event) (app.Effect, error) { panic("a bug") })
			last := deliverBody("e-1", "?", maxReceives)
			if !c.broken {
				last = deliverOf(c.epoch, "e-1", badType, maxReceives)
			}
			require.Equal(t, c.reported, cell.handle(t.Context(), t, last))
			require.Equal(t, c.want, cell.status("e-1"))
			require.Equal(t, c.want == ledger.Diverted, cell.entry("e-1")[ledger.AttrWaiting] != nil)
		})
	}
}

func TestADiversionThatIsContendedIsTriedAgain(t *testing.T) {
	c := newCell()
	c.fence(2)
	c.tables.before = func(call int) error {
		if call == 2 {
			return cancellation("None", "TransactionConflict")
		}
		return nil
	}
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Equal(t, ledger.Diverted, c.status("e-1"))
}

func TestADiversionThatFailsIsLeftToTheNextDelivery(t *testing.T) {
	c := newCell()
	c.fence(2)
	c.tables.before = func(call int) error {
		if call == 2 {
			return errors.New("AccessDeniedException")
		}
		return nil
	}
	require.Equal(t, []string{"e-1"}, c.handle(t.Context(), t, deliver("e-1", "t", 1)))
	require.Contains(t, c.log.String(), `reason=error error="divert: AccessDeniedException"`)
	require.Empty(t, c.handle(t.Context(), t, deliver("e-1", "t", 2)))
	require.Equal(t, ledger.Diverted, c.status("e-1"))
}
