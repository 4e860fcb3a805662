package emulator_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/stretchr/testify/require"
)

func TestMotosStreamGoesOnAfterAFailedTransaction(t *testing.T) {
	cfg := moto(t)
	table, streams := dynamodb.NewFromConfig(cfg), dynamodbstreams.NewFromConfig(cfg)
	created, err := table.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String("streamed"),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		StreamSpecification:  &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage},
	})
	require.NoError(t, err)
	put := func(id string) *types.Put {
		return &types.Put{TableName: aws.String("streamed"), Item: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}}}
	}
	write := func(id string) {
		_, err := table.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: put(id).TableName, Item: put(id).Item})
		require.NoError(t, err)
	}
	stream := created.TableDescription.LatestStreamArn
	described, err := streams.DescribeStream(t.Context(), &dynamodbstreams.DescribeStreamInput{StreamArn: stream})
	require.NoError(t, err)
	opened, err := streams.GetShardIterator(t.Context(), &dynamodbstreams.GetShardIteratorInput{
		StreamArn: stream, ShardId: described.StreamDescription.Shards[0].ShardId, ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
	})
	require.NoError(t, err)
	next := opened.ShardIterator
	read := func() (ids []string) {
		out, err := streams.GetRecords(t.Context(), &dynamodbstreams.GetRecordsInput{ShardIterator: next})
		require.NoError(t, err)
		next = out.NextShardIterator
		for _, r := range out.Records {
			ids = append(ids, r.Dynamodb.NewImage["id"].(*streamtypes.AttributeValueMemberS).Value)
		}
		return ids
	}

	write("before")
	require.Equal(t, []string{"before"}, read())
	impossible := put("before")
	impossible.ConditionExpression = aws.String("attribute_not_exists(id)")
	_, err = table.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
		TransactItems: []types.TransactWriteItem{{Put: put("taken back")}, {Put: impossible}},
	})
	require.Error(t, err)
	write("after")
	require.Equal(t, []string{"after"}, read(), "and nothing of what was taken back")
}

func TestMotosTableTakesItsPolicyAlong(t *testing.T) {
	table := dynamodb.NewFromConfig(moto(t))
	create := func() *string {
		out, err := table.CreateTable(t.Context(), &dynamodb.CreateTableInput{
			TableName:            aws.String("admitting"),
			BillingMode:          types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
			KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		})
		require.NoError(t, err)
		return out.TableDescription.TableArn
	}
	arn := create()
	_, err := table.PutResourcePolicy(t.Context(), &dynamodb.PutResourcePolicyInput{ResourceArn: arn, Policy: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
	require.NoError(t, err)
	_, err = table.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("admitting")})
	require.NoError(t, err)
	create()
	_, err = table.GetResourcePolicy(t.Context(), &dynamodb.GetResourcePolicyInput{ResourceArn: arn})
	require.ErrorAs(t, err, new(*types.PolicyNotFoundException))
}

func TestMotosStreamIsSwitchedOnAgain(t *testing.T) {
	table := dynamodb.NewFromConfig(moto(t))
	_, err := table.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String("switched"),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		StreamSpecification:  &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage},
	})
	require.NoError(t, err)
	set := func(s *types.StreamSpecification) (*types.TableDescription, error) {
		out, err := table.UpdateTable(t.Context(), &dynamodb.UpdateTableInput{TableName: aws.String("switched"), StreamSpecification: s})
		if err != nil {
			return nil, err
		}
		return out.TableDescription, nil
	}
	on := &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage}
	_, err = set(on)
	require.ErrorAs(t, err, new(*types.ResourceInUseException), "it is on")
	off, err := set(&types.StreamSpecification{StreamEnabled: aws.Bool(false)})
	require.NoError(t, err)
	again, err := set(on)
	require.NoError(t, err)
	require.NotEqual(t, aws.ToString(off.LatestStreamArn), aws.ToString(again.LatestStreamArn), "another stream")
}
