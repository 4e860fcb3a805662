package emulator_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cellular/local/emulator"
	"cellular/local/process"
)

// moto starts whatever emulator this machine has.
func moto(t *testing.T) aws.Config {
	if os.Getenv(emulator.ModeVariable) == "" {
		t.Setenv(emulator.EndpointVariable, "")
	}
	group, err := process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close()) })
	e, err := emulator.Start(t.Context(), emulator.Options{Dir: "../../.local", Group: group})
	require.NoError(t, err)
	t.Cleanup(e.Stop)
	return e.AWS("us-east-1")
}

func TestMotoServesOthersDuringALongPoll(t *testing.T) {
	client := sqs.NewFromConfig(moto(t))
	queue, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("work")})
	require.NoError(t, err)
	start := time.Now()
	type result struct {
		messages int
		err      error
	}
	poll := make(chan result, 1)
	go func() {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, WaitTimeSeconds: 20})
		if err != nil {
			poll <- result{0, err}
			return
		}
		poll <- result{len(out.Messages), nil}
	}()
	for range 30 { // more seconds than the poll has, if each waited for a part of it
		_, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl})
		require.NoError(t, err)
	}
	require.Empty(t, poll)
	_, err = client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String("hello")})
	require.NoError(t, err)
	require.Equal(t, result{1, nil}, <-poll)
	require.Less(t, time.Since(start), 10*time.Second, "the poll ends when a message comes")
}

func TestMotoTakesBackOnlyWhatAFailedTransactionWrote(t *testing.T) {
	client := dynamodb.NewFromConfig(moto(t), func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	table := aws.String("items")
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            table,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
	})
	require.NoError(t, err)
	put := func(ctx context.Context, id string) error {
		_, err := client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: table, Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
		})
		return err
	}
	require.NoError(t, put(t.Context(), "taken"))
	const before, items = 500, 100 // the larger the table, the longer a transaction takes
	for n := range before / 25 {
		var requests []types.WriteRequest
		for i := range 25 {
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{
				Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: fmt.Sprintf("before-%d", 25*n+i)}},
			}})
		}
		_, err := client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{*table: requests}})
		require.NoError(t, err)
	}

	var written sync.WaitGroup
	written.Add(2)
	finished := make(chan struct{})
	go func() { written.Wait(); close(finished) }()
	g, ctx := errgroup.WithContext(t.Context())
	for w := range 2 {
		g.Go(func() error {
			defer written.Done()
			for n := range items {
				if err := put(ctx, fmt.Sprintf("%d-%d", w, n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		for {
			select {
			case <-finished:
				return nil
			default:
			}
			_, err := client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{{Put: &types.Put{
				TableName: table, Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "taken"}},
				ConditionExpression: aws.String("attribute_not_exists(id)"),
			}}}})
			if err == nil {
				return fmt.Errorf("the transaction went through")
			}
		}
	})
	require.NoError(t, g.Wait())
	out, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: table, Select: types.SelectCount})
	require.NoError(t, err)
	require.EqualValues(t, before+2*items+1, out.Count)
}
