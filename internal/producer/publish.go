package producer

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// publish sends the entries, in order, and notes in out what became of each.
func (p *Producer) publish(ctx context.Context, entries []entry, out *outcome) {
	for work := chunks(entries); len(work) > 0; {
		chunk := work[0]
		work = work[1:]
		err := p.send(ctx, chunk, out)
		switch {
		case err == nil:
		case !refused(err):
			out.stopped, out.stoppedAt = err, chunk[0].record
			return
		case len(chunk) == 1:
			out.fail(chunk[0].record, err)
		default:
			// Something in this chunk was refused, and the call does not say what: each entry on its own tells.
			work = append(singly(chunk), work...)
		}
	}
}

// send makes one call. It returns the error of the call as a whole; what the answer says of an entry goes into out.
func (p *Producer) send(ctx context.Context, chunk []entry, out *outcome) error {
	input := &sns.PublishBatchInput{TopicArn: aws.String(p.TopicARN)}
	for _, e := range chunk {
		input.PublishBatchRequestEntries = append(input.PublishBatchRequestEntries, e.request)
	}
	answer, err := p.Topic.PublishBatch(ctx, input)
	if err != nil {
		return fmt.Errorf("publish to topic: %w", err)
	}
	published := make(map[string]bool, len(answer.Successful))
	for _, s := range answer.Successful {
		published[aws.ToString(s.Id)] = true
	}
	reasons := make(map[string]error, len(answer.Failed))
	for _, f := range answer.Failed {
		reasons[aws.ToString(f.Id)] = fmt.Errorf("publish to topic: %s: %s", aws.ToString(f.Code), aws.ToString(f.Message))
	}
	for _, e := range chunk {
		id := *e.request.Id
		reason, failed := reasons[id]
		switch {
		case failed: // whoever is at fault: the stream retries it, and gives up on it in the end
			out.fail(e.record, reason)
		case published[id]:
			out.published++
		default:
			out.fail(e.record, errors.New("publish to topic: the answer does not mention the entry"))
		}
	}
	return nil
}

// refused reports whether err is about what the call contained, rather than about the topic, the permission to
// publish or the load.
func refused(err error) bool {
	_, parameter := errors.AsType[*types.InvalidParameterException](err)
	_, value := errors.AsType[*types.InvalidParameterValueException](err)
	_, length := errors.AsType[*types.BatchRequestTooLongException](err)
	_, validation := errors.AsType[*types.ValidationException](err)
	return parameter || value || length || validation
}

func singly(chunk []entry) [][]entry {
	list := make([][]entry, len(chunk))
	for i := range chunk {
		list[i] = chunk[i : i+1]
	}
	return list
}
