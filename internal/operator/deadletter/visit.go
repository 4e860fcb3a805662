package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// maxBatch is what one call receives, deletes or releases, from SQS's API reference.
	maxBatch = 10

	// visibility is how long a received message stays hidden, in seconds: ample for a batch, and what a killed run costs.
	visibility = 300

	// Hidden is for how long a run that is killed keeps messages from the next one.
	Hidden = visibility * time.Second

	// receiveWait is the long poll, in seconds. An empty answer to a short poll says nothing: it asks only some of SQS's
	// servers.
	receiveWait = 1

	// uncounted is how many messages are taken beyond those that SQS counts, since it counts approximately. What comes
	// back while a run lasts is bounded by it.
	uncounted = 10

	// tidyTimeout bounds what is still done for a run that ended or was interrupted: deleting what is done with, and
	// releasing the rest.
	tidyTimeout = 10 * time.Second
)

// visit receives the messages of a queue, each once, and calls handle with them, a batch at a time, until nothing more
// comes, handle fails, or it has received about as many as there were when it began. What handle returns is deleted, also
// if it returns an error besides; everything else is released at the end, however it comes.
func (d *Letters) visit(ctx context.Context, queueURL string, handle func([]types.Message) (done []types.Message, err error)) error {
	count, err := d.count(ctx, queueURL, types.QueueAttributeNameApproximateNumberOfMessages)
	if err != nil {
		return err
	}
	bound := count + uncounted
	v := visited{seen: map[string]bool{}, held: map[string]types.Message{}}
	// Each round takes a message of the bound, or is one of as many that a queue may waste on messages seen before.
	for rounds := 0; len(v.seen) < bound && rounds < 2*bound; rounds++ {
		out, receiveErr := d.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:                    &queueURL,
			MaxNumberOfMessages:         int32(min(maxBatch, bound-len(v.seen))),
			VisibilityTimeout:           visibility,
			WaitTimeSeconds:             receiveWait,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if receiveErr != nil {
			err = fmt.Errorf("receive: %w", receiveErr)
			break
		}
		if len(out.Messages) == 0 {
			break
		}
		fresh, gone := v.take(out.Messages)
		if len(fresh) > 0 {
			var done []types.Message
			done, err = handle(fresh)
			gone = append(gone, done...)
		}
		err = errors.Join(err, d.delete(ctx, queueURL, gone, &v))
		if err != nil {
			break
		}
	}
	return errors.Join(err, d.release(ctx, queueURL, v))
}

// visited is what one run has received of a queue.
type visited struct {
	seen map[string]bool          // by message id
	held map[string]types.Message // those to be released: their ids and receipt handles
}

// take sorts what was received: what is new, and what was deleted before and has come all the same.
func (v *visited) take(messages []types.Message) (fresh, gone []types.Message) {
	for _, m := range messages {
		id := aws.ToString(m.MessageId)
		_, held := v.held[id]
		switch {
		case v.seen[id] && !held:
			gone = append(gone, m)
		case !v.seen[id]:
			fresh = append(fresh, m)
		}
		v.seen[id] = true
		v.held[id] = types.Message{MessageId: m.MessageId, ReceiptHandle: m.ReceiptHandle} // the latest handle is the good one
	}
	return fresh, gone
}

func (d *Letters) delete(ctx context.Context, queueURL string, messages []types.Message, v *visited) error {
	var errs []error
	for batch := range slices.Chunk(messages, maxBatch) {
		input := &sqs.DeleteMessageBatchInput{QueueUrl: &queueURL}
		for i, m := range batch {
			input.Entries = append(input.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle})
		}
		tidy, cancel := tidying(ctx)
		out, err := d.SQS.DeleteMessageBatch(tidy, input)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("delete: %w", err))
			continue
		}
		for _, f := range out.Failed {
			errs = append(errs, fmt.Errorf("delete: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message)))
		}
		for _, s := range out.Successful {
			if i, err := strconv.Atoi(aws.ToString(s.Id)); err == nil && i < len(batch) {
				delete(v.held, aws.ToString(batch[i].MessageId))
			}
		}
	}
	return errors.Join(errs...)
}

// release makes what is held visible again at once. A failure costs the visibility timeout and nothing else.
func (d *Letters) release(ctx context.Context, queueURL string, v visited) error {
	messages := make([]types.Message, 0, len(v.held))
	for _, m := range v.held {
		messages = append(messages, m)
	}
	ctx, cancel := tidying(ctx)
	defer cancel()
	for batch := range slices.Chunk(messages, maxBatch) {
		input := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &queueURL}
		for i, m := range batch {
			input.Entries = append(input.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0,
			})
		}
		// Entries that fail are those whose messages are visible again, or gone, by themselves.
		if _, err := d.SQS.ChangeMessageVisibilityBatch(ctx, input); err != nil {
			return fmt.Errorf("release %d messages, which come back after %d s: %w", len(messages), visibility, err)
		}
	}
	return nil
}

// tidying is a context for what must be done although ctx may have ended.
func tidying(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
}
