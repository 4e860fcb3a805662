package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"cellular/internal/operator/restore"
)

// before is called before each write. Its error is the answer.
type before func(context.Context) error

// watched returns the same clients, with a function that is called before each of their writes.
func (c *clients) watched(b before) *clients {
	w := *c
	w.dynamo, w.sqs, w.recovery = watchedDynamo{c.dynamo, b}, watchedSQS{c.sqs, b}, watchedRecovery{c.recovery, b}
	return &w
}

type watchedDynamo struct {
	dynamoClient
	before before
}

func (w watchedDynamo) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	if err := w.before(ctx); err != nil {
		return nil, err
	}
	return w.dynamoClient.UpdateItem(ctx, in, o...)
}

func (w watchedDynamo) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	if err := w.before(ctx); err != nil {
		return nil, err
	}
	return w.dynamoClient.TransactWriteItems(ctx, in, o...)
}

type watchedSQS struct {
	sqsClient
	before before
}

func (w watchedSQS) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, o ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	if err := w.before(ctx); err != nil {
		return nil, err
	}
	return w.sqsClient.SendMessageBatch(ctx, in, o...)
}

func (w watchedSQS) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	if err := w.before(ctx); err != nil {
		return nil, err
	}
	return w.sqsClient.DeleteMessageBatch(ctx, in, o...)
}

type watchedRecovery struct {
	restore.Tables
	before before
}

func (w watchedRecovery) RestoreTableToPointInTime(ctx context.Context, in *dynamodb.RestoreTableToPointInTimeInput, o ...func(*dynamodb.Options)) (*dynamodb.RestoreTableToPointInTimeOutput, error) {
	if err := w.before(ctx); err != nil {
		return nil, err
	}
	return w.Tables.RestoreTableToPointInTime(ctx, in, o...)
}

func (w watchedRecovery) DeleteTable(ctx context.Context, in *dynamodb.DeleteTableInput, o ...func(*dynamodb.Options)) (*dynamodb.DeleteTableOutput, error) {
	if err := w.before(ctx); err != nil {
		return nil, err
	}
	return w.Tables.DeleteTable(ctx, in, o...)
}
