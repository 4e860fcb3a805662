package producer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// publish tries to publish what is pending. It returns a transient failure: what is pending then is to be tried again.
func (w *work) publish(ctx context.Context) error {
	var failure error
	work := chunks(w.pending)
	w.pending = nil
	for len(work) > 0 {
		chunk := work[0]
		work = work[1:]
		again, err := w.send(ctx, chunk)
		switch {
		case refusesContent(err) && len(chunk) > 1:
			// Something in this chunk was refused, and the call does not say what: each entry on its own does.
			work = append(singly(chunk), work...)
			continue
		case refusesContent(err):
			w.hopeless[chunk[0].record] = err
			continue
		case err != nil:
			failure = err
		}
		w.pending = append(w.pending, again...)
		if len(again) == len(chunk) {
			// Nothing got through: going on would add load to what is failing. What was not tried comes first next time.
			w.pending = append(slices.Concat(work...), w.pending...)
			return failure
		}
	}
	return failure
}

// send makes one call. An error that refusesContent is about all of the chunk; any other is transient, and the entries to
// be sent again are returned with it.
func (w *work) send(ctx context.Context, chunk []entry) (again []entry, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.callTimeout)
	defer cancel()
	input := &sns.PublishBatchInput{TopicArn: aws.String(w.TopicARN)}
	for _, e := range chunk {
		input.PublishBatchRequestEntries = append(input.PublishBatchRequestEntries, e.request)
	}
	answer, err := w.Topic.PublishBatch(ctx, input)
	if err != nil {
		return chunk, fmt.Errorf("publish to topic: %w", err)
	}
	published := make(map[string]bool, len(answer.Successful))
	for _, s := range answer.Successful {
		published[aws.ToString(s.Id)] = true
	}
	failed := make(map[string]types.BatchResultErrorEntry, len(answer.Failed))
	for _, f := range answer.Failed {
		failed[aws.ToString(f.Id)] = f
	}
	for _, e := range chunk {
		id := *e.request.Id
		f, isFailed := failed[id]
		switch {
		case isFailed && refusesEntry(f):
			w.hopeless[e.record] = entryError(f)
		case isFailed:
			again, err = append(again, e), entryError(f)
		case published[id]:
			w.published++
		default:
			again, err = append(again, e), errors.New("publish to topic: the answer does not mention an entry")
		}
	}
	return again, err
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
