package replay

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/time/rate"

	"cellular/internal/model/ledger"
	"cellular/internal/model/manifest"
	"cellular/internal/model/transact"
	"cellular/internal/operator/resend"
)

// Options is how to replay.
type Options struct {
	Rate     float64       // events per second at most, more than 0
	DryRun   bool          // send nothing and change nothing
	Progress func(Summary) // called after each batch of candidates, if not nil
}

// Summary is what a replay has found and done.
type Summary struct {
	Found    int // candidates
	Skipped  Skipped
	Reasons  map[Reason]int
	Verdicts map[resend.Verdict]int // what became of them: sent, or in a dry run due, or why not
	First    []Event                // the first maxListed candidates
}

// Event is a candidate with its verdict.
type Event struct {
	Key     string
	Reason  Reason
	Verdict resend.Verdict
	Problem error // what is wrong with it; nil where the verdict says it all
}

// maxListed bounds a summary, which an operator reads.
const maxListed = 100

// sendBatch is how many events are sent at a time: what one SendMessageBatch takes.
const sendBatch = 10

func (s *Summary) add(c Candidate, a resend.Assessed) {
	s.Found++
	s.Reasons[c.Reason]++
	s.Verdicts[a.Verdict]++
	if len(s.First) < maxListed {
		s.First = append(s.First, Event{c.Key, c.Reason, a.Verdict, a.Problem})
	}
}

// Run sends the candidates of a cell to the cells that own their tenants now. It can be interrupted and run again at any
// point: what was sent twice has one effect, and a diverted event waits until it is known to be in a queue.
func (r *Replayer) Run(ctx context.Context, cell manifest.Cell, s Scope, o Options) (Summary, error) {
	summary := Summary{Reasons: map[Reason]int{}, Verdicts: map[resend.Verdict]int{}}
	if o.Rate <= 0 {
		return summary, fmt.Errorf("replay at %v events per second: want more than 0", o.Rate)
	}
	limit := rate.NewLimiter(rate.Limit(o.Rate), sendBatch)
	skipped, err := r.Find(ctx, cell, s, func(found []Candidate) error {
		for batch := range slices.Chunk(found, sendBatch) {
			assessed, err := r.handle(ctx, cell, batch, limit, o.DryRun)
			if err != nil {
				return err
			}
			for _, c := range batch {
				summary.add(c, assessed[c.Key])
			}
			if o.Progress != nil {
				o.Progress(summary)
			}
		}
		return nil
	})
	summary.Skipped = skipped
	return summary, err
}

// handle sends candidates of one tenant.
func (r *Replayer) handle(ctx context.Context, cell manifest.Cell, batch []Candidate, limit *rate.Limiter, dryRun bool) (map[string]resend.Assessed, error) {
	wanted := make([]resend.Wanted, 0, len(batch))
	for _, c := range batch {
		wanted = append(wanted, resend.Wanted{Key: c.Key, Accepted: c.accepted})
	}
	if dryRun {
		return r.Home.Assess(ctx, cell, batch[0].TenantID, wanted)
	}
	if err := limit.WaitN(ctx, len(batch)); err != nil {
		return nil, err
	}
	assessed, err := r.Home.Send(ctx, cell, batch[0].TenantID, wanted)
	if err != nil {
		return nil, err
	}
	for _, c := range batch {
		if c.Reason != StillWaits {
			continue
		}
		switch a := assessed[c.Key]; a.Verdict {
		case resend.Sent, resend.AlreadyApplied, resend.Lapsed:
			err = r.waitsNoMore(ctx, cell, c)
		case resend.Removed:
			err = r.forget(ctx, cell, c, a.RemovedEpoch)
		}
		if err != nil {
			return nil, err
		}
	}
	return assessed, nil
}

// waitsNoMore takes a diverted event out of the index of those that wait, unless it has been applied here meanwhile, or
// diverted once more because the tenant came back and left again.
func (r *Replayer) waitsNoMore(ctx context.Context, cell manifest.Cell, c Candidate) error {
	_, err := transact.Single(ctx, transact.Retrier{}, r.DynamoDB.UpdateItem, ledger.EndWait(cell.ResultsTable, c.Key, c.divertedAt))
	if transact.ConditionFailed(err, 0) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("note that event %q was sent on: %w", c.Key, err)
	}
	return nil
}

// forget deletes the note of a diverted event of a tenant that was removed up to an epoch, unless it was diverted once more
// for the tenant that has the name now.
func (r *Replayer) forget(ctx context.Context, cell manifest.Cell, c Candidate, removed int64) error {
	err := transact.Retrier{}.Write(ctx, r.Home.Tables, ledger.DeleteDiverted(cell.ResultsTable, c.Key, removed))
	if err != nil && !transact.ConditionFailed(err, 0) {
		return fmt.Errorf("delete the note of event %q, whose tenant was removed: %w", c.Key, err)
	}
	return nil
}
