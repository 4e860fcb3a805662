package deadletter_test

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/internal/model/event"
	"cellular/internal/operator/resend"
)

// refusing is a queue that takes no message of one event, as SQS takes none with characters that it does not know.
type refusing struct {
	resend.Queue
	event string
}

func (q refusing) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, opts ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	var failed []types.BatchResultErrorEntry
	in.Entries = slices.DeleteFunc(in.Entries, func(e types.SendMessageBatchRequestEntry) bool {
		if *e.MessageAttributes[event.MessageAttrID].StringValue != q.event {
			return false
		}
		failed = append(failed, types.BatchResultErrorEntry{Id: e.Id, Code: new("InvalidMessageContents"), Message: new("no"), SenderFault: true})
		return true
	})
	if len(in.Entries) == 0 {
		return &sqs.SendMessageBatchOutput{Failed: failed}, nil
	}
	out, err := q.Queue.SendMessageBatch(ctx, in, opts...)
	if err == nil {
		out.Failed = append(out.Failed, failed...)
	}
	return out, err
}
