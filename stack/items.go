package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// items reads single items through the stack's own AWS provider, and so with the credentials, the profile and the Region
// that the stack is deployed with. It reads consistently, and of an item its strings and numbers.
type items struct {
	ctx      *pulumi.Context
	provider pulumi.ProviderResource
}

// What the provider's data source says of an item and of a table that is not there; it has no other sign of them.
const (
	noItem  = "): empty result"
	noTable = "): couldn't find resource"
)

// GetItem is GetItem of DynamoDB's client, with its answers for what is not there.
func (i items) GetItem(_ context.Context, in *awsdynamodb.GetItemInput, _ ...func(*awsdynamodb.Options)) (*awsdynamodb.GetItemOutput, error) {
	key, err := encodeKey(in.Key)
	if err != nil {
		return nil, err
	}
	table := awssdk.ToString(in.TableName)
	found, err := dynamodb.LookupTableItem(i.ctx, &dynamodb.LookupTableItemArgs{TableName: table, Key: key}, pulumi.Provider(i.provider))
	switch {
	case err == nil:
		item, err := decodeItem(found.Item)
		return &awsdynamodb.GetItemOutput{Item: item}, err
	case strings.Contains(err.Error(), noItem):
		return &awsdynamodb.GetItemOutput{}, nil
	case strings.Contains(err.Error(), noTable):
		return nil, &types.ResourceNotFoundException{Message: awssdk.String("there is no table " + table)}
	default:
		return nil, fmt.Errorf("read an item of table %s, for which the deployer needs the right dynamodb:GetItem: %w", table, err)
	}
}

func encodeKey(key map[string]types.AttributeValue) (string, error) {
	plain := map[string]map[string]string{}
	for name, value := range key {
		text, ok := value.(*types.AttributeValueMemberS)
		if !ok {
			return "", fmt.Errorf("key %s is no string", name)
		}
		plain[name] = map[string]string{"S": text.Value}
	}
	text, err := json.Marshal(plain)
	return string(text), err
}

func decodeItem(text string) (map[string]types.AttributeValue, error) {
	var plain map[string]map[string]any
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		return nil, fmt.Errorf("read an item in DynamoDB's JSON: %w", err)
	}
	item := map[string]types.AttributeValue{}
	for name, value := range plain {
		if s, ok := value["S"].(string); ok {
			item[name] = &types.AttributeValueMemberS{Value: s}
		}
		if n, ok := value["N"].(string); ok {
			item[name] = &types.AttributeValueMemberN{Value: n}
		}
	}
	return item, nil
}
