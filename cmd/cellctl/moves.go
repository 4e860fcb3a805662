package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/move"
	"cellular/internal/operator/record"
)

func newMoves(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "moves",
		Short: "Show the moves of tenants between cells, and carry on those that were left",
		Long: `A move takes a tenant from one cell to another while its events keep coming: none is lost, applied twice or refused.
'cellctl tenants move' begins one, 'cellctl cells drain --evacuate' one of every tenant of a cell.

A move goes through these phases. Each of them is recorded before it acts, and a move whose process has ended, in whatever
way, is carried on from there.

  clone     copy what can no longer change, while the old cell still works
  fence     the old cell ceases to apply the tenant's events, and keeps them for the new one
  copy      copy the rest, and compare both cells
  flip      the new cell serves the tenant
  redirect  send events on that reach the old cell, until no router can still know it: the router's hard TTL, and some
  verify    look at every event of the old cell once more, and compare both cells
  forget    the old cell deletes what has been seen in the new one
  done

Until forget, a move can be backed out. If a cell has lost its results table meanwhile, the move goes on when that is
restored; where it is gone for good, 'cellctl tenants move TENANT --abandon CELL' ends the move without the cell.`,
		Example: `  cellctl moves list
  cellctl moves resume --all`,
		Args: cli.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(newMovesList(a), newMovesShow(a), newMovesResume(a))
	return cmd
}

// mover works on the deployment's moves.
func (s *session) mover() *move.Mover { return s.observedMover(nil) }

// observedMover is a mover that tells of every change of a move.
func (s *session) observedMover(observe func(move.Move)) *move.Mover {
	return move.New(move.Options{
		DynamoDB: s.dynamo, Queue: s.sqs, ControlPlane: s.ControlPlane, Cell: remembered(s.Cell),
		Quarantine: s.quarantine(), IndexSettle: move.DefaultIndexSettle, Poll: move.DefaultPoll, Parallel: move.DefaultParallel,
		Holder: s.holder, Gone: record.Gone, Observe: observe, HasQueue: s.hasQueue,
	})
}

// hasQueue reports whether a queue is there, as far as SQS does not say that it is not.
func (s *session) hasQueue(ctx context.Context, url string) (bool, error) {
	_, err := s.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages},
	})
	_, none := errors.AsType[*sqstypes.QueueDoesNotExist](err)
	return !none, nil
}

// quarantine is how long after its flip a move redirects.
func (s *session) quarantine() time.Duration { return move.QuarantineOf(s.Router) }

// remembered asks for each cell's manifest once. The parts of a cell keep their names as long as it exists, and the cells of
// hundreds of moves are too many requests for SSM.
func remembered(find func(context.Context, string) (manifest.Cell, error)) func(context.Context, string) (manifest.Cell, error) {
	var mu sync.Mutex
	known := map[string]manifest.Cell{}
	return func(ctx context.Context, id string) (manifest.Cell, error) {
		mu.Lock()
		defer mu.Unlock()
		if cell, ok := known[id]; ok {
			return cell, nil
		}
		cell, err := find(ctx, id)
		if err == nil {
			known[id] = cell
		}
		return cell, err
	}
}
