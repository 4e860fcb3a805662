package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/resend"
	"cellular/internal/operator/tenantdata"
)

// ErrEverything is the error of a Drop that names nothing.
var ErrEverything = errors.New("drop needs a tenant or message ids, or to be told to drop all")

// Dropping is what to drop. A filter that lets everything pass is refused unless All says so.
type Dropping struct {
	Filter Filter
	All    bool
	// Save is called with letters before anything is done to them, and its error leaves them as they are. One that is saved
	// can be kept after all. It may be nil.
	Save     func([]Letter) error
	Progress func(Dropped) // called after each batch, if not nil
}

// Dropped is what a drop has done.
type Dropped struct {
	Dropped map[Kind]int // messages
	Kept    int          // messages that could not be dropped
	Notes   []Note       // why messages were kept, the first maxNotes of them
}

// Drop gives up the events of letters, so that neither a redrive of another letter nor a replay sends them, and deletes
// the letters for good. A letter whose tenant is being moved is kept: the move would not take the note along.
func (d *Letters) Drop(ctx context.Context, cell manifest.Cell, kinds []Kind, o Dropping) (Dropped, error) {
	sum := Dropped{Dropped: map[Kind]int{}}
	if o.Filter.Everything() && !o.All {
		return sum, ErrEverything
	}
	for _, kind := range kinds {
		err := d.visit(ctx, kind.queueURL(cell), func(batch []types.Message) ([]types.Message, error) {
			letters, removed, err := d.readLiving(ctx, cell, kind, batch)
			if err != nil {
				return nil, err
			}
			done, err := d.drop(ctx, cell, kind, letters, o, &sum)
			sum.Dropped[kind] += len(done)
			done = append(done, removed...)
			if o.Progress != nil {
				o.Progress(sum)
			}
			return done, err
		})
		if err != nil {
			return sum, fmt.Errorf("drop from the %s DLQ of cell %s: %w", kind, cell.ID, err)
		}
	}
	return sum, nil
}

func (d *Letters) drop(ctx context.Context, cell manifest.Cell, kind Kind, letters []Letter, o Dropping, sum *Dropped) (done []types.Message, err error) {
	letters = slices.DeleteFunc(letters, func(l Letter) bool { return !o.Filter.matches(l) })
	if o.Save != nil && len(letters) > 0 {
		if err := o.Save(letters); err != nil {
			return nil, fmt.Errorf("save: %w", err)
		}
	}
	for _, l := range letters {
		moving, err := d.giveUp(ctx, cell, l)
		if err != nil {
			return done, err
		}
		if moving == "" {
			done = append(done, l.message)
			continue
		}
		sum.Kept++
		if len(sum.Notes) < maxNotes {
			sum.Notes = append(sum.Notes, Note{Kind: kind, MessageID: l.MessageID, Event: moving, Reason: resend.Moving.Explain()})
		}
	}
	return done, nil
}

// giveUp gives up the events of a letter. It answers with the key of one whose tenant is being moved, or "".
func (d *Letters) giveUp(ctx context.Context, cell manifest.Cell, l Letter) (moving string, err error) {
	keys := l.Events
	if l.Kind == Stream {
		if keys, err = d.withoutOutcome(ctx, cell, keys); err != nil {
			return "", err
		}
	}
	for tenantID, ofTenant := range byTenant(keys) {
		if tenantID == "" {
			continue // no events: nothing sends them
		}
		wanted := make([]resend.Wanted, 0, len(ofTenant))
		for _, key := range ofTenant {
			wanted = append(wanted, l.wanted(key))
		}
		verdicts, err := d.Home.Drop(ctx, cell, tenantID, wanted)
		if err != nil {
			return "", err
		}
		for _, key := range ofTenant {
			if verdicts[key] == resend.Moving {
				moving = key
			}
		}
	}
	return moving, nil
}

// withoutOutcome leaves out events that the consumer has seen: the range of a stream's letter has records of other
// batches too, and an event that was never published has no outcome.
func (d *Letters) withoutOutcome(ctx context.Context, cell manifest.Cell, keys []string) ([]string, error) {
	ledger, err := tenantdata.Outcomes(ctx, d.Home.Tables, cell, keys, d.Home.Now())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return ledger[key] != nil }), nil
}
