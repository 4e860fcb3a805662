package producer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// publish tries to publish what is pending, several calls at a time. It returns a transient failure: what is pending then is
// to be tried again.
//
// A topic that has failed before is asked with one call first: a topic that throttles is not helped by more of them.
func (w *work) publish(ctx context.Context) error {
	var failure error
	todo := chunks(w.pending)
	w.pending = nil
	width := w.ConcurrentPublishes
	if w.failure != nil {
		width = 1
	}
	for len(todo) > 0 {
		wave := todo[:min(width, len(todo))]
		todo = todo[len(wave):]
		width = w.ConcurrentPublishes
		var split [][]entry
		stalled := false
		for i, s := range w.sendAll(ctx, wave) {
			chunk := wave[i]
			switch {
			case refusesContent(s.err) && len(chunk) > 1:
				// Something in this chunk was refused, and the call does not say what: each entry on its own does.
				split = append(split, singly(chunk)...)
				continue
			case refusesContent(s.err):
				w.hopeless[chunk[0].record] = refusal{s.err}
				continue
			case s.err != nil:
				failure = s.err
			}
			w.published += s.published
			w.probes.published += s.probes
			maps.Copy(w.hopeless, s.hopeless)
			w.pending = append(w.pending, s.again...)
			stalled = stalled || len(s.again) == len(chunk)
		}
		todo = append(split, todo...)
		if stalled {
			// Of one chunk nothing got through: going on would add load to what is failing. What was not tried comes first next
			// time.
			w.pending = append(slices.Concat(todo...), w.pending...)
			return failure
		}
	}
	return failure
}

// refusal is the error of a record that the topic refuses. What else is hopeless is no event.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// sent is what became of a chunk. An error that refusesContent is about all of it; any other is transient, and the entries to
// be sent again come with it.
type sent struct {
	published int
	probes    int           // of those published
	hopeless  map[int]error // by the records' indexes in the batch
	again     []entry
	err       error
}

// errUnfinished is the error of a call whose goroutine ended before it was done (runtime.Goexit).
var errUnfinished = errors.New("publish to topic: the goroutine of the call ended early")

// sendAll sends chunks at the same time, and returns what became of each.
func (w *work) sendAll(ctx context.Context, wave [][]entry) []sent {
	results := make([]sent, len(wave))
	var calls sync.WaitGroup
	for i, chunk := range wave {
		results[i] = sent{again: chunk, err: errUnfinished}
		calls.Go(func() { results[i] = w.send(ctx, chunk) })
	}
	calls.Wait()
	return results
}

// send makes one call.
func (w *work) send(ctx context.Context, chunk []entry) sent {
	ctx, cancel := context.WithTimeout(ctx, w.callTimeout)
	defer cancel()
	input := &sns.PublishBatchInput{TopicArn: aws.String(w.TopicARN)}
	for _, e := range chunk {
		input.PublishBatchRequestEntries = append(input.PublishBatchRequestEntries, e.request)
	}
	answer, err := w.Topic.PublishBatch(ctx, input)
	if err != nil {
		return sent{again: chunk, err: fmt.Errorf("publish to topic: %w", err)}
	}
	published := make(map[string]bool, len(answer.Successful))
	for _, s := range answer.Successful {
		published[aws.ToString(s.Id)] = true
	}
	failed := make(map[string]types.BatchResultErrorEntry, len(answer.Failed))
	for _, f := range answer.Failed {
		failed[aws.ToString(f.Id)] = f
	}
	s := sent{hopeless: map[int]error{}}
	for _, e := range chunk {
		id := *e.request.Id
		f, isFailed := failed[id]
		switch {
		case isFailed && refusesEntry(f):
			s.hopeless[e.record] = refusal{entryError(f)}
		case isFailed:
			s.again, s.err = append(s.again, e), entryError(f)
		case published[id]:
			s.published++
			w.logEvent(ctx, "event published", e.record)
			if e.probe {
				s.probes++
			}
		default:
			s.again, s.err = append(s.again, e), errors.New("publish to topic: the answer does not mention an entry")
		}
	}
	return s
}

func entryError(f types.BatchResultErrorEntry) error {
	return fmt.Errorf("publish to topic: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
}

func singly(chunk []entry) [][]entry {
	list := make([][]entry, len(chunk))
	for i := range chunk {
		list[i] = chunk[i : i+1]
	}
	return list
}
