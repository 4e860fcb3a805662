package health

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/time/rate"

	"cellular/internal/operator/fleet"
)

// Doctor's requests a second, four fifths of what AWS answers in an account and Region: others ask, too.
const (
	getFunctionRate = 80 // of 100, from Lambda's quotas
	lambdaRate      = 12 // of 15 over all other control plane requests, from Lambda's quotas
	snsRate         = 24 // of 30, from the API reference of ListSubscriptionsByTopic; none is documented of the attributes
	recoveryRate    = 8  // of 10, from the API reference of DescribeContinuousBackups
	streamRate      = 8  // of 10, from the API reference of DescribeStream
	parameterRate   = 32 // of 40 over all reads of parameters, from the quotas of Systems Manager
)

// newPace allows a quarter of a second's requests at once. No second has more requests then than AWS answers: four fifths of
// that, and a quarter of these.
func newPace(perSecond int) *rate.Limiter { return rate.NewLimiter(rate.Limit(perSecond), perSecond/4) }

// paced are clients that keep to the rates.
func (c Clients) paced() Clients {
	c.SSM = pacedSSM{c.SSM, newPace(parameterRate)}
	c.DynamoDB = pacedTables{c.DynamoDB, newPace(recoveryRate)}
	c.Streams = pacedStreams{c.Streams, newPace(streamRate)}
	c.SNS = pacedTopics{c.SNS, newPace(snsRate), newPace(snsRate)}
	c.Lambda = pacedFunctions{c.Lambda, newPace(getFunctionRate), newPace(lambdaRate)}
	return c
}

type pacedSSM struct {
	fleet.SSM
	pace *rate.Limiter
}

func (p pacedSSM) GetParameter(ctx context.Context, in *ssm.GetParameterInput, o ...func(*ssm.Options)) (*ssm.GetParameterOutput, error) {
	return paced(ctx, p.pace, p.SSM.GetParameter, in, o)
}

func (p pacedSSM) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput, o ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	return paced(ctx, p.pace, p.SSM.GetParametersByPath, in, o)
}

type pacedTables struct {
	Tables
	recovery *rate.Limiter
}

func (p pacedTables) DescribeContinuousBackups(ctx context.Context, in *dynamodb.DescribeContinuousBackupsInput, o ...func(*dynamodb.Options)) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	return paced(ctx, p.recovery, p.Tables.DescribeContinuousBackups, in, o)
}

type pacedStreams struct {
	Streams
	pace *rate.Limiter
}

func (p pacedStreams) DescribeStream(ctx context.Context, in *dynamodbstreams.DescribeStreamInput, o ...func(*dynamodbstreams.Options)) (*dynamodbstreams.DescribeStreamOutput, error) {
	return paced(ctx, p.pace, p.Streams.DescribeStream, in, o)
}

type pacedTopics struct {
	Topics
	list, get *rate.Limiter
}

func (p pacedTopics) ListSubscriptionsByTopic(ctx context.Context, in *sns.ListSubscriptionsByTopicInput, o ...func(*sns.Options)) (*sns.ListSubscriptionsByTopicOutput, error) {
	return paced(ctx, p.list, p.Topics.ListSubscriptionsByTopic, in, o)
}

func (p pacedTopics) GetSubscriptionAttributes(ctx context.Context, in *sns.GetSubscriptionAttributesInput, o ...func(*sns.Options)) (*sns.GetSubscriptionAttributesOutput, error) {
	return paced(ctx, p.get, p.Topics.GetSubscriptionAttributes, in, o)
}

type pacedFunctions struct {
	Functions
	get, rest *rate.Limiter
}

func (p pacedFunctions) GetFunction(ctx context.Context, in *lambda.GetFunctionInput, o ...func(*lambda.Options)) (*lambda.GetFunctionOutput, error) {
	return paced(ctx, p.get, p.Functions.GetFunction, in, o)
}

func (p pacedFunctions) ListEventSourceMappings(ctx context.Context, in *lambda.ListEventSourceMappingsInput, o ...func(*lambda.Options)) (*lambda.ListEventSourceMappingsOutput, error) {
	return paced(ctx, p.rest, p.Functions.ListEventSourceMappings, in, o)
}

func (p pacedFunctions) GetAccountSettings(ctx context.Context, in *lambda.GetAccountSettingsInput, o ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error) {
	return paced(ctx, p.rest, p.Functions.GetAccountSettings, in, o)
}

// paced makes a request once the rate allows it.
func paced[I, O, F any](ctx context.Context, pace *rate.Limiter, do func(context.Context, I, ...F) (O, error), in I, options []F) (O, error) {
	if err := pace.Wait(ctx); err != nil {
		var none O
		return none, err
	}
	return do(ctx, in, options...)
}
