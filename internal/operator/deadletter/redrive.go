package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/time/rate"

	"cellular/internal/model/event"
	"cellular/internal/model/manifest"
	"cellular/internal/operator/resend"
)

// Options is how to redrive.
type Options struct {
	Filter   Filter
	Rate     float64       // events per second at most, more than 0
	Began    time.Time     // only messages that came before are sent; the zero time means now
	Progress func(Summary) // called after each batch, if not nil
}

// Summary is what a redrive has done.
type Summary struct {
	Received       int    // messages that were looked at
	Redriven       int    // messages of which nothing is left to be done: they are deleted
	Kept           int    // messages that are in the DLQ as before
	NeedOperator   int    // those of Kept that no later redrive gets rid of by itself
	Sent           int    // events
	AlreadyApplied int    // events that needed no sending
	Gone           int    // events of a range of a stream's records whose items have been deleted
	AsTheyAre      int    // messages that cannot be read, sent to the cell's own queue as they are
	Notes          []Note // why messages were kept, the first maxNotes of them
}

// Note says why a message was kept.
type Note struct {
	Kind      Kind
	MessageID string
	Event     string // "" where it is about the message as a whole
	Reason    string
}

// maxNotes bounds a summary, which an operator reads.
const maxNotes = 100

func (s *Summary) keep(l Letter, key, reason string, needsOperator bool) {
	s.Kept++
	if needsOperator {
		s.NeedOperator++
	}
	if len(s.Notes) < maxNotes {
		s.Notes = append(s.Notes, Note{Kind: l.Kind, MessageID: l.MessageID, Event: key, Reason: reason})
	}
}

// Redrive sends the events of the letters that match to the cells that own their tenants now, and deletes each letter
// once nothing of it is left to be done. A run that dies between the two is harmless: the next one sends again, and the
// ledger makes it one effect. An interrupted run releases what it has not handled.
//
// It takes what was there when it began. An event that fails again comes back to the DLQ as a newer message, which waits
// for the next run.
func (d *Letters) Redrive(ctx context.Context, cell manifest.Cell, kinds []Kind, o Options) (Summary, error) {
	if o.Rate <= 0 {
		return Summary{}, fmt.Errorf("redrive at %v events per second: want more than 0", o.Rate)
	}
	if o.Began.IsZero() {
		o.Began = d.Home.Now()
	}
	r := &redrive{Letters: d, cell: cell, filter: o.Filter, began: o.Began, limit: rate.NewLimiter(rate.Limit(o.Rate), maxBatch)}
	for _, kind := range kinds {
		err := d.visit(ctx, kind.queueURL(cell), func(batch []types.Message) ([]types.Message, error) {
			done, err := r.batch(ctx, kind, batch)
			if o.Progress != nil {
				o.Progress(r.summary)
			}
			return done, err
		})
		if err != nil {
			return r.summary, fmt.Errorf("redrive the %s DLQ of cell %s: %w", kind, cell.ID, err)
		}
	}
	return r.summary, nil
}

// redrive is one run.
type redrive struct {
	*Letters
	cell    manifest.Cell
	filter  Filter
	began   time.Time
	limit   *rate.Limiter
	summary Summary
}

// batch handles messages and returns those to be deleted.
func (r *redrive) batch(ctx context.Context, kind Kind, messages []types.Message) (done []types.Message, err error) {
	letters, done, err := r.readLiving(ctx, r.cell, kind, messages)
	if err != nil {
		return nil, err
	}
	for _, group := range r.groups(letters) {
		finished, err := group.handle(ctx, group.letters)
		done = append(done, messagesOf(finished)...)
		if err != nil {
			return done, err
		}
		r.summary.Redriven += len(finished)
	}
	return done, nil
}

// group is letters that are handled together.
type group struct {
	letters []Letter
	handle  func(context.Context, []Letter) (finished []Letter, err error)
}

// groups keeps aside what is not to be handled, and puts the letters of one event together by their tenant.
func (r *redrive) groups(letters []Letter) []group {
	var groups []group
	ofTenant := map[string]int{}
	for _, l := range letters {
		if !r.filter.matches(l) {
			continue
		}
		r.summary.Received++
		switch {
		case l.FirstSeen.After(r.began):
			r.summary.keep(l, "", "it came, or came back, while the redrive was under way: redrive it again", false)
		case l.Kind == Stream && l.unresolved:
			r.summary.keep(l, "", l.Note, true)
		case l.Kind == Stream:
			groups = append(groups, group{[]Letter{l}, r.sendStream})
		case l.unresolved && !l.applied:
			groups = append(groups, group{[]Letter{l}, r.sendAsIs})
		default:
			i, ok := ofTenant[l.TenantID]
			if !ok || groups[i].hasAnother(l) {
				i = len(groups)
				ofTenant[l.TenantID] = i
				groups = append(groups, group{nil, r.sendEvents})
			}
			groups[i].letters = append(groups[i].letters, l)
		}
	}
	return groups
}

// hasAnother reports whether a group has a letter about another acceptance of the same id. Home answers by the events' keys, so that
// such two are not asked about at once.
func (g group) hasAnother(l Letter) bool {
	return slices.ContainsFunc(g.letters, func(other Letter) bool {
		a, b := l.accepted[l.Events[0]], other.accepted[l.Events[0]]
		return l.Events[0] == other.Events[0] && (a.After(b) || b.After(a))
	})
}

// sendEvents handles letters of one tenant with one event each.
func (r *redrive) sendEvents(ctx context.Context, letters []Letter) (finished []Letter, err error) {
	wanted := make([]resend.Wanted, 0, len(letters))
	for _, l := range letters {
		wanted = append(wanted, l.wanted(l.Events[0]))
	}
	if err := r.limit.WaitN(ctx, len(wanted)); err != nil {
		return nil, err
	}
	assessed, err := r.Home.Send(ctx, r.cell, letters[0].TenantID, wanted)
	if err != nil {
		return nil, err
	}
	for _, l := range letters {
		switch a := assessed[l.Events[0]]; a.Verdict {
		case resend.Sent:
			r.summary.Sent++
			finished = append(finished, l)
		case resend.AlreadyApplied, resend.Lapsed:
			r.summary.AlreadyApplied++
			finished = append(finished, l)
		default:
			r.summary.keep(l, l.Events[0], a.Explain(), a.Verdict.NeedsOperator())
		}
	}
	return finished, nil
}

// sendStream handles a letter of the stream: it is finished once all of its events are. A letter of which a part cannot
// be sent is kept as a whole, because nothing smaller can be put back.
func (r *redrive) sendStream(ctx context.Context, letters []Letter) (finished []Letter, err error) {
	l := letters[0]
	kept, reason, needsOperator := "", "", false
	for tenantID, keys := range byTenant(l.Events) {
		if tenantID == "" {
			kept, reason, needsOperator = keys[0], "the key of its item is not TENANT#EVENT", true
			continue
		}
		for chunk := range slices.Chunk(keys, maxBatch) {
			if err := r.limit.WaitN(ctx, len(chunk)); err != nil {
				return nil, err
			}
			wanted := make([]resend.Wanted, 0, len(chunk))
			for _, key := range chunk {
				wanted = append(wanted, l.wanted(key))
			}
			assessed, err := r.Home.Send(ctx, r.cell, tenantID, wanted)
			if err != nil {
				return nil, err
			}
			for _, key := range chunk {
				switch a := assessed[key]; {
				case a.Verdict == resend.Sent:
					r.summary.Sent++
				case a.Verdict == resend.AlreadyApplied, a.Verdict == resend.Lapsed:
					r.summary.AlreadyApplied++
				case a.Verdict == resend.Gone && l.batch: // or a record of another batch in the range
					r.summary.Gone++
				case kept == "" || !needsOperator:
					kept, reason, needsOperator = key, a.Explain(), a.Verdict.NeedsOperator()
				}
			}
		}
	}
	if kept != "" {
		r.summary.keep(l, kept, reason, needsOperator)
		return nil, nil
	}
	return letters, nil
}

// byTenant sorts keys by their tenants; those that name none are under "".
func byTenant(keys []string) map[string][]string {
	sorted := map[string][]string{}
	for _, key := range keys {
		tenantID, _, _ := event.ParseKey(key)
		sorted[tenantID] = append(sorted[tenantID], key)
	}
	return sorted
}

// sendAsIs handles a letter that this version cannot read: the consumer may have been taught meanwhile.
func (r *redrive) sendAsIs(ctx context.Context, letters []Letter) (finished []Letter, err error) {
	l := letters[0]
	if l.TenantID != "" {
		verdict, err := r.Home.Hold(ctx, r.cell, l.TenantID, l.Events[0])
		if err != nil {
			return nil, err
		}
		switch verdict {
		case resend.Due:
		case resend.Lapsed:
			r.summary.AlreadyApplied++
			return letters, nil
		default:
			r.summary.keep(l, l.Events[0], verdict.Explain(), verdict.NeedsOperator())
			return nil, nil
		}
	}
	if err := r.limit.Wait(ctx); err != nil {
		return nil, err
	}
	out, err := r.SQS.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{
		QueueUrl: &r.cell.QueueURL,
		Entries: []types.SendMessageBatchRequestEntry{{
			Id: aws.String("0"), MessageBody: l.message.Body, MessageAttributes: resend.SentAgain(l.message.MessageAttributes), MessageGroupId: l.group(),
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("send message %s as it is: %w", l.MessageID, err)
	}
	var errs []error
	for _, f := range out.Failed {
		errs = append(errs, fmt.Errorf("send message %s as it is: %s: %s", l.MessageID, aws.ToString(f.Code), aws.ToString(f.Message)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	r.summary.AsTheyAre++
	return letters, nil
}

func messagesOf(letters []Letter) []types.Message {
	messages := make([]types.Message, 0, len(letters))
	for _, l := range letters {
		messages = append(messages, l.message)
	}
	return messages
}
