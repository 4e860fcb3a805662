package move

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"cellular/internal/model/transact"
	"cellular/internal/operator/record"
)

// ErrTakenOver is the error of a mover whose move another one has taken over, or ended. It has done nothing since.
var ErrTakenOver = errors.New("another process has taken over this move")

// errChanged is the error of a write whose conditions no longer held: what it was planned on has changed.
var errChanged = errors.New("the items have changed")

// What one transaction may hold, from the API reference of TransactWriteItems: 100 operations and 4 MB. One operation is
// the guard; the bytes leave room for what the estimate does not count. Whether the size of a deleted item counts is not
// documented.
const (
	maxWrites     = 99
	maxWriteBytes = 3 << 20
)

// write makes the writes, in as many transactions as they need. Each of them takes effect only while the move is in the
// phase and the run in which it is planned. One that DynamoDB does not take is tried in halves: it may be too large.
func (r *run) write(ctx context.Context, writes []types.TransactWriteItem) error {
	defer r.inTurn()()
	most := maxWrites
	for len(writes) > 0 {
		n, size := 0, 0
		for n < len(writes) && n < most {
			bytes := sizeOf(writes[n])
			if n > 0 && size+bytes > maxWriteBytes {
				break
			}
			size += bytes
			n++
		}
		err := r.transact(ctx, r.guard(), writes[:n]...)
		if n > 1 && transact.Classify(err).Kind == transact.Invalid {
			most = n / 2
			continue
		}
		if err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

// at is the record as this mover has it. It reads of the move what does not change while pages are worked on together.
func (r *run) at() record.At {
	return record.At{Table: r.ControlPlane.MoveTable, Key: recordKey(r.move.TenantID, r.move.Epoch), Phase: string(r.move.Phase), Run: r.move.Run}
}

// guard is the condition that the move is still this mover's, and in this phase.
func (r *run) guard() types.TransactWriteItem { return r.at().Guard() }

// transact makes one transaction. Where the first operation's condition does not hold, the error is ErrTakenOver; where
// only others' do not, errChanged.
func (r *run) transact(ctx context.Context, guard types.TransactWriteItem, writes ...types.TransactWriteItem) error {
	return r.transactAs(ctx, ErrTakenOver, append([]types.TransactWriteItem{guard}, writes...))
}

func (o *Options) transactAs(ctx context.Context, guardErr error, writes []types.TransactWriteItem) error {
	err := o.retrier().Write(ctx, o.DynamoDB, writes...)
	switch failure := transact.Classify(err); {
	case failure.Failed(0):
		return guardErr
	case failure.Kind == transact.Condition:
		return errChanged
	case err != nil:
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (o *Options) retrier() transact.Retrier { return transact.Retrier{Sleep: o.Sleep} }

// sizeOf estimates the bytes of a write: what its strings and numbers have.
func sizeOf(w types.TransactWriteItem) int {
	if w.Put == nil {
		return 1024
	}
	return valueSize(&types.AttributeValueMemberM{Value: w.Put.Item})
}

func valueSize(v types.AttributeValue) int {
	const overhead = 8
	n := overhead
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		n += len(v.Value)
	case *types.AttributeValueMemberN:
		n += len(v.Value)
	case *types.AttributeValueMemberB:
		n += len(v.Value)
	case *types.AttributeValueMemberSS:
		for _, s := range v.Value {
			n += len(s) + overhead
		}
	case *types.AttributeValueMemberNS:
		for _, s := range v.Value {
			n += len(s) + overhead
		}
	case *types.AttributeValueMemberBS:
		for _, b := range v.Value {
			n += len(b) + overhead
		}
	case *types.AttributeValueMemberL:
		for _, element := range v.Value {
			n += valueSize(element)
		}
	case *types.AttributeValueMemberM:
		for name, element := range v.Value {
			n += len(name) + valueSize(element)
		}
	}
	return n
}
