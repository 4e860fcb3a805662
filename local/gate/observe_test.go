package gate_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"cellular/local/awsapi"
	"cellular/local/gate"
)

// tableClient is a client of DynamoDB behind a gate that passes on to next, and what the gate's observer was told.
func tableClient(t *testing.T, next http.HandlerFunc) (*dynamodb.Client, *[]gate.TableRequest) {
	seen := &[]gate.TableRequest{}
	g := gate.New(gate.Options{Region: region, Admin: admin, Tables: func(r gate.TableRequest) {
		r.Took = 0
		*seen = append(*seen, r)
	}})
	server := httptest.NewServer(awsapi.Authenticate(awsapi.Verifier{Keys: awsapi.Secrets{admin: "secret"}.Key, Region: region}, g.Wrap(next)))
	t.Cleanup(server.Close)
	return dynamodb.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(admin, "secret", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}), seen
}

func TestGate_ReportsWhatBecameOfRequestsToTables(t *testing.T) {
	key := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "x"}}
	client, seen := tableClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String(arn("dynamodb", "table/first")), Key: key})
	require.NoError(t, err)
	_, err = client.Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("first"), IndexName: aws.String("by"), KeyConditionExpression: aws.String("a = b")})
	require.NoError(t, err)
	_, err = client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Delete: &types.Delete{TableName: aws.String("second"), Key: key}}, {Put: &types.Put{TableName: aws.String("first"), Item: key}},
		{Put: &types.Put{TableName: aws.String("first"), Item: key}},
	}})
	require.NoError(t, err)
	_, err = client.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{"third": {Keys: []map[string]types.AttributeValue{key}}}})
	require.NoError(t, err)
	_, err = client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	require.Equal(t, []gate.TableRequest{
		{Operation: "GetItem", Tables: []string{"first"}, Status: 200},
		{Operation: "Query", Tables: []string{"first"}, Index: "by", Status: 200},
		{Operation: "TransactWriteItems", Tables: []string{"first", "second"}, Status: 200},
		{Operation: "BatchGetItem", Tables: []string{"third"}, Status: 200},
	}, *seen)
}

func TestGate_ReportsTheErrorOfARequestToATable(t *testing.T) {
	for _, tc := range []struct {
		status     int
		body, code string
	}{
		{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`, "ProvisionedThroughputExceededException"},
		{500, `{"__type":"InternalServerError"}`, "InternalServerError"},
		{503, `no JSON`, ""},
	} {
		client, seen := tableClient(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(tc.body))
		})
		_, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("t"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "x"}}})
		require.Error(t, err)
		require.Equal(t, []gate.TableRequest{{Operation: "GetItem", Tables: []string{"t"}, Status: tc.status, Code: tc.code}}, *seen)
	}
}
