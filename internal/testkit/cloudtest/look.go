package cloudtest

import (
	"context"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
)

// Text is an attribute's text; "" if the item has none of that name that is a string.
func Text(item map[string]types.AttributeValue, name string) string {
	if v, ok := item[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// Item reads an item of a cell's table by its key; nil if there is none.
func Item(ctx context.Context, tables *dynamodb.Client, table, key string) (map[string]types.AttributeValue, error) {
	out, err := tables.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{event.AttrKey: &types.AttributeValueMemberS{Value: key}},
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// Depth is how many of a queue's messages may be received, and how many are hidden: received and not deleted yet, or delayed.
func Depth(ctx context.Context, queues *sqs.Client, queueURL string) (waiting, hidden int, err error) {
	const (
		visible = sqstypes.QueueAttributeNameApproximateNumberOfMessages
		taken   = sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible
		delayed = sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed
	)
	out, err := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &queueURL, AttributeNames: []sqstypes.QueueAttributeName{visible, taken, delayed},
	})
	if err != nil {
		return 0, 0, err
	}
	depths := map[sqstypes.QueueAttributeName]int{}
	for _, name := range []sqstypes.QueueAttributeName{visible, taken, delayed} {
		if depths[name], err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return 0, 0, err
		}
	}
	return depths[visible], depths[taken] + depths[delayed], nil
}

// Messages is how many messages a queue has, hidden ones too.
func Messages(t *testing.T, queues *sqs.Client, queueURL string) int {
	t.Helper()
	waiting, hidden, err := Depth(t.Context(), queues, queueURL)
	require.NoError(t, err)
	return waiting + hidden
}
