package replay_test

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/operator/resend"
)

// hooked is a queue with something that happens once a batch is in it.
type hooked struct {
	resend.Queue
	then func()
}

func queueFunc(then func(), q resend.Queue) resend.Queue { return hooked{q, then} }

func (h hooked) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	out, err := h.Queue.SendMessageBatch(ctx, in, o...)
	h.then()
	return out, err
}
