package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/probe"
	"cellular/internal/operator/alarm"
	"cellular/internal/operator/audit"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/deadletter"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/health"
	"cellular/internal/operator/move"
	"cellular/internal/operator/placement"
	"cellular/internal/operator/record"
	"cellular/internal/operator/restore"
)

// clients is all of AWS that cellctl uses. Tests put other things in its place.
type clients struct {
	region     string
	holder     string // this process, in the records of what it works on
	dynamo     dynamoClient
	streams    deadletter.Streams
	sqs        sqsClient
	ssm        fleet.SSM
	sts        stsClient
	cloudwatch cloudwatchClient

	audit       audit.DynamoDB
	recovery    restore.Tables
	health      health.Clients
	http        probe.Doer // to the router
	credentials aws.CredentialsProvider
}

type dynamoClient interface {
	placement.DynamoDB
	move.DynamoDB
	cellstatus.DynamoDB
}

type sqsClient interface {
	cellstatus.SQS
	deadletter.SQS
}

type cloudwatchClient interface {
	cellstatus.CloudWatch
	alarm.CloudWatch
}

type stsClient interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// dialAWS makes the clients of the credentials, Region and endpoints that the AWS CLI would use.
func dialAWS(ctx context.Context, o options) (*clients, error) {
	// What the SDK logs of itself is nothing that an operator can act on: what fails is in the errors.
	set := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}
	if o.profile != "" {
		set = append(set, config.WithSharedConfigProfile(o.profile))
	}
	if o.region != "" {
		set = append(set, config.WithRegion(o.region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, set...)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w; check --profile", err)
	}
	if cfg.Region == "" {
		return nil, cli.Usagef("no AWS Region given; name it with --region or AWS_REGION, or in the profile")
	}
	return newClients(cfg), nil
}

func newClients(cfg aws.Config) *clients {
	return &clients{
		region:     cfg.Region,
		holder:     record.Holder(),
		dynamo:     dynamodb.NewFromConfig(cfg),
		streams:    dynamodbstreams.NewFromConfig(cfg),
		sqs:        sqs.NewFromConfig(cfg),
		ssm:        ssm.NewFromConfig(cfg),
		sts:        sts.NewFromConfig(cfg),
		cloudwatch: cloudwatch.NewFromConfig(cfg),

		audit:       dynamodb.NewFromConfig(cfg),
		recovery:    dynamodb.NewFromConfig(cfg),
		health:      healthClients(cfg),
		http:        newProbeHTTP(),
		credentials: cfg.Credentials,
	}
}
