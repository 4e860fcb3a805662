package move_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/dynamotest"
)

// noDeadline hides the deadline of a test, which rapid asks for and a bubble does not have.
type noDeadline struct{ testing.TB }

// The same as for any move, where transactions take time: those of the mover and of consumers are at the same items at the
// same moment, and cancel each other, whichever was first.
func TestI8NothingIsLostOrAppliedTwiceWhereAMoveMeetsOtherTransactions(t *testing.T) {
	met := 0
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(noDeadline{t}, func(t *rapid.T) {
			m := newModel(t)
			m.db.Concurrent(dynamotest.Concurrency{Transaction: 8 * time.Millisecond})
			m.meet = m.meeting
			m.run()
			met += m.db.Usage().Conflicts
		})
	})
	// A fifth of the checks now and then sees none.
	if met == 0 && !testing.Short() {
		t.Error("no transactions have met")
	}
}

// meeting makes a mover's transaction, and has others at work while it is under way, or have begun before.
func (m *model) meeting(in *dynamodb.TransactWriteItemsInput, call func()) {
	if c, at := m.ofCopy(in); c != nil {
		end := m.begun(func() { m.consume(c, at, false) })
		call()
		end()
		return
	}
	switch rapid.SampledFrom([]string{"alone", "alone", "first", "second"}).Draw(m.t, "the transaction is") {
	case "alone":
		call()
	case "first":
		end := m.begun(call)
		m.step()
		end()
	case "second":
		c := m.cells[rapid.SampledFrom(cellIDs).Draw(m.t, "cell")]
		if len(c.queue) == 0 {
			call()
			return
		}
		at := rapid.IntRange(0, len(c.queue)-1).Draw(m.t, "message")
		end := m.begun(func() { m.consume(c, at, false) })
		call()
		end()
	}
}

// ofCopy is a message, and the cell that it is in, that may come to a copy of a fence which a mover writes; no cell if none does.
func (m *model) ofCopy(in *dynamodb.TransactWriteItemsInput) (*cellWorld, int) {
	for _, id := range cellIDs {
		c := m.cells[id]
		for at, message := range c.queue {
			for _, w := range in.TransactItems {
				if w.Update != nil && *w.Update.TableName == c.ResultsTable &&
					w.Update.Key[event.AttrKey].(*types.AttributeValueMemberS).Value == ledger.FenceCopyKey(tenant, message.eventID) {
					return c, at
				}
			}
		}
	}
	return nil, 0
}

// begun starts something, returns when it waits, at its items then, and answers with how to wait for its end. What it
// fails with, it fails with there: a panic outside of the test's own goroutine would end the process, and hide why.
func (m *model) begun(what func()) (end func()) {
	done := make(chan struct{})
	var failure any
	go func() {
		defer close(done)
		defer func() { failure = recover() }()
		what()
	}()
	synctest.Wait()
	return func() {
		<-done
		if failure != nil {
			panic(failure)
		}
	}
}
