package pipeline

import (
	"context"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/model/event"
	"cellular/internal/testkit/dynamotest"
	"cellular/internal/testkit/sqstest"
)

// queue is the queue as the consumer reaches it.
type queue struct {
	*sqstest.SQS
	takes time.Duration
}

func (q queue) SendMessage(ctx context.Context, in *sqs.SendMessageInput, o ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	time.Sleep(q.takes)
	return q.SQS.SendMessage(ctx, in, o...)
}

func (q queue) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	time.Sleep(q.takes)
	return q.SQS.DeleteMessageBatch(ctx, in, o...)
}

func (q queue) ChangeMessageVisibilityBatch(
	ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput, o ...func(*sqs.Options),
) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	time.Sleep(q.takes)
	return q.SQS.ChangeMessageVisibilityBatch(ctx, in, o...)
}

func putInput(p *types.Put) *dynamodb.PutItemInput {
	return &dynamodb.PutItemInput{TableName: p.TableName, Item: p.Item}
}

// recordOf is a stream's record of an item that was inserted. An event has texts and numbers.
func recordOf(item dynamotest.Item) events.DynamoDBEventRecord {
	image := map[string]events.DynamoDBAttributeValue{}
	for name, v := range item {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			image[name] = events.NewStringAttribute(v.Value)
		case *types.AttributeValueMemberN:
			image[name] = events.NewNumberAttribute(v.Value)
		}
	}
	return events.DynamoDBEventRecord{
		EventName: string(events.DynamoDBOperationTypeInsert),
		Change: events.DynamoDBStreamRecord{
			NewImage: image, Keys: map[string]events.DynamoDBAttributeValue{event.AttrKey: image[event.AttrKey]},
			SequenceNumber: image[event.AttrKey].String(),
		},
	}
}
