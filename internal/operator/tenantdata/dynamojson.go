package tenantdata

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// DynamoJSON returns an item as DynamoDB's own JSON has it: each value an object whose one field names its type.
func DynamoJSON(item Item) (map[string]any, error) {
	fields := make(map[string]any, len(item))
	for name, v := range item {
		field, err := dynamoJSON(v)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		fields[name] = field
	}
	return fields, nil
}

func dynamoJSON(v types.AttributeValue) (any, error) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return map[string]string{"S": v.Value}, nil
	case *types.AttributeValueMemberN:
		return map[string]string{"N": v.Value}, nil
	case *types.AttributeValueMemberB:
		return map[string][]byte{"B": v.Value}, nil // base64, as encoding/json has bytes
	case *types.AttributeValueMemberBOOL:
		return map[string]bool{"BOOL": v.Value}, nil
	case *types.AttributeValueMemberNULL:
		return map[string]bool{"NULL": v.Value}, nil
	case *types.AttributeValueMemberSS:
		return map[string][]string{"SS": v.Value}, nil
	case *types.AttributeValueMemberNS:
		return map[string][]string{"NS": v.Value}, nil
	case *types.AttributeValueMemberBS:
		return map[string][][]byte{"BS": v.Value}, nil
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, element := range v.Value {
			var err error
			if list[i], err = dynamoJSON(element); err != nil {
				return nil, err
			}
		}
		return map[string][]any{"L": list}, nil
	case *types.AttributeValueMemberM:
		members, err := DynamoJSON(v.Value)
		return map[string]any{"M": members}, err
	}
	return nil, fmt.Errorf("a value of the unknown type %T", v)
}
