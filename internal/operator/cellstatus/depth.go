package cellstatus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Depth is how many messages a queue has. SQS calls its numbers approximate: they settle within about a minute of the
// last change.
type Depth struct {
	Visible  int // to be received
	InFlight int // received and not yet deleted
	Delayed  int // not yet to be received
}

// Total is every message of the queue.
func (d Depth) Total() int { return d.Visible + d.InFlight + d.Delayed }

func readDepth(ctx context.Context, client SQS, queueURL string) (Depth, error) {
	const visible, inFlight, delayed = types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &queueURL, AttributeNames: []types.QueueAttributeName{visible, inFlight, delayed},
	})
	if err != nil {
		return Depth{}, fmt.Errorf("read the depth of queue %s: %w", queueURL, err)
	}
	var d Depth
	for name, into := range map[types.QueueAttributeName]*int{visible: &d.Visible, inFlight: &d.InFlight, delayed: &d.Delayed} {
		if *into, err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return Depth{}, fmt.Errorf("read the depth of queue %s: %s is %q, want a number", queueURL, name, out.Attributes[string(name)])
		}
	}
	return d, nil
}
