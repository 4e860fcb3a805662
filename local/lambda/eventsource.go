package lambda

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"cellular/local/lambda/filter"
	"cellular/local/lambda/queue"
	"cellular/local/lambda/stream"
)

// poller makes the poller of a mapping, and checks what it will poll. The configuration is complete.
func (s *Service) poller(ctx context.Context, m *mapping, config MappingConfig) (poller, error) {
	source, err := arn.Parse(config.EventSourceARN)
	if err != nil {
		return nil, err
	}
	if source.Service == dynamoDB {
		return s.streamPoller(ctx, m, config, source)
	}
	return s.queuePoller(ctx, m, config, source)
}

func (s *Service) streamPoller(ctx context.Context, m *mapping, config MappingConfig, source arn.ARN) (poller, error) {
	if err := s.mayUse(ctx, config.FunctionName, config.EventSourceARN,
		"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"); err != nil {
		return nil, err
	}
	client := dynamodbstreams.NewFromConfig(s.as(config.FunctionName))
	if _, err := client.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &config.EventSourceARN}); err != nil {
		return nil, fmt.Errorf("describe stream %s: %w", config.EventSourceARN, err)
	}
	criteria, err := filter.Compile(config.Filters)
	if err != nil {
		return nil, err
	}
	destination, err := s.destination(ctx, config)
	if err != nil {
		return nil, err
	}
	return stream.New(client, mappingInvoker{s, config.FunctionName}, &m.positions, stream.Config{
		StreamARN:       config.EventSourceARN,
		Region:          source.Region,
		FunctionARN:     m.snapshot().FunctionARN,
		Latest:          config.StartingPosition == Latest,
		BatchSize:       config.BatchSize,
		BatchWindow:     config.BatchWindow,
		Filter:          criteria,
		ReportFailures:  config.ReportBatchItemFailures,
		BisectOnError:   config.BisectOnError,
		MaxRetries:      config.MaxRetries,
		MaxRecordAge:    config.MaxRecordAge,
		Parallelization: config.Parallelization,
		Destination:     destination,
		Report:          m.reporter(s),
		Count:           m.counter(s, config),
		Age:             func(age time.Duration) { s.options.Observer.IteratorAge(nameOf(config.FunctionName), age) },
	}), nil
}

func (s *Service) queuePoller(ctx context.Context, m *mapping, config MappingConfig, source arn.ARN) (poller, error) {
	if err := s.mayUse(ctx, config.FunctionName, config.EventSourceARN,
		"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"); err != nil {
		return nil, err
	}
	client := sqs.NewFromConfig(s.as(config.FunctionName))
	url, err := sqs.NewFromConfig(s.options.AWS).GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &source.Resource})
	if err != nil {
		return nil, fmt.Errorf("find queue %s: %w", config.EventSourceARN, err)
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: url.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameVisibilityTimeout},
	})
	if err != nil {
		return nil, fmt.Errorf("get attributes of queue %s: %w", config.EventSourceARN, err)
	}
	seconds, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameVisibilityTimeout)])
	if err != nil {
		return nil, fmt.Errorf("get attributes of queue %s: visibility timeout: %w", config.EventSourceARN, err)
	}
	visibility := time.Duration(seconds) * time.Second
	f, err := s.GetFunction(ctx, config.FunctionName)
	if err != nil {
		return nil, err
	}
	if visibility < f.Config.Timeout {
		return nil, fmt.Errorf("queue visibility timeout: %s is less than function timeout: %s", visibility, f.Config.Timeout)
	}
	concurrency := config.MaxConcurrency
	if concurrency == 0 {
		concurrency = s.options.MaxConcurrency
	}
	return queue.New(client, mappingInvoker{s, config.FunctionName}, queue.Config{
		QueueURL:          *url.QueueUrl,
		QueueARN:          config.EventSourceARN,
		Region:            source.Region,
		BatchSize:         config.BatchSize,
		BatchWindow:       config.BatchWindow,
		ReportFailures:    config.ReportBatchItemFailures,
		MaxConcurrency:    concurrency,
		VisibilityTimeout: visibility,
		Report:            m.reporter(s),
		Count:             m.counter(s, config),
	}), nil
}

// destination returns where the metadata of given-up batches goes, or nil.
func (s *Service) destination(ctx context.Context, config MappingConfig) (stream.Destination, error) {
	if config.OnFailureARN == "" {
		return nil, nil
	}
	to, err := arn.Parse(config.OnFailureARN)
	if err != nil {
		return nil, err
	}
	as := s.as(config.FunctionName)
	if to.Service == snsTopic {
		return topicDestination{client: sns.NewFromConfig(as), arn: config.OnFailureARN}, s.mayUse(ctx, config.FunctionName, config.OnFailureARN, "sns:Publish")
	}
	return queueDestination{urls: sqs.NewFromConfig(s.options.AWS), client: sqs.NewFromConfig(as), name: to.Resource},
		s.mayUse(ctx, config.FunctionName, config.OnFailureARN, "sqs:SendMessage")
}

// queueDestination sends in the function's role. The queue's URL, which Lambda makes of its ARN, is the local cloud's to know.
type queueDestination struct {
	urls, client *sqs.Client
	name         string
}

func (d queueDestination) Send(ctx context.Context, document []byte) error {
	url, err := d.urls.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &d.name})
	if err != nil {
		return fmt.Errorf("find queue %s: %w", d.name, err)
	}
	if _, err := d.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: aws.String(string(document))}); err != nil {
		return fmt.Errorf("send to queue %s: %w", d.name, err)
	}
	return nil
}

type topicDestination struct {
	client *sns.Client
	arn    string
}

func (d topicDestination) Send(ctx context.Context, document []byte) error {
	if _, err := d.client.Publish(ctx, &sns.PublishInput{TopicArn: &d.arn, Message: aws.String(string(document))}); err != nil {
		return fmt.Errorf("publish to %s: %w", d.arn, err)
	}
	return nil
}
