package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/local/lambda/source"
)

// delete deletes messages. What AWS failed to delete is tried again a few times; after that the queue delivers it once
// more, which the function has to expect anyway.
func (p *Poller) delete(ctx context.Context, messages []message) error {
	var errs []error
	for chunk := range slices.Chunk(messages, receiveLimit) {
		if err := p.deleteChunk(ctx, chunk); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *Poller) deleteChunk(ctx context.Context, chunk []message) error {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(chunk))
	for i, m := range chunk {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(m.receipt)}
	}
	var lost []error
	for try := 1; ; try++ {
		out, err := p.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &p.config.QueueURL, Entries: entries})
		if err == nil {
			p.config.Count.Add(source.Deleted, len(entries)-len(out.Failed))
			failed := map[string]bool{}
			for _, f := range out.Failed {
				err = fmt.Errorf("%s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
				if f.SenderFault { // an expired receipt, say: no retry helps
					lost = append(lost, err)
					continue
				}
				failed[aws.ToString(f.Id)] = true
			}
			entries = slices.DeleteFunc(entries, func(e types.DeleteMessageBatchRequestEntry) bool { return !failed[*e.Id] })
			if len(entries) == 0 {
				break
			}
		}
		if try == deleteTries || !source.Sleep(ctx, nil, callBackoff.Delay(try)) {
			lost = append(lost, err)
			break
		}
	}
	if err := errors.Join(lost...); err != nil {
		return fmt.Errorf("delete from %s what the function has handled: %w", p.config.QueueARN, err)
	}
	return nil
}
