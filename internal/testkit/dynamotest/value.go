package dynamotest

import (
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The kinds of values, as the service spells them. There are no binaries and no sets here: nothing uses them.
const (
	kindS    = "S"
	kindN    = "N"
	kindBOOL = "BOOL"
	kindNULL = "NULL"
	kindL    = "L"
	kindM    = "M"
)

func kindOf(v types.AttributeValue) string {
	switch v.(type) {
	case *types.AttributeValueMemberS:
		return kindS
	case *types.AttributeValueMemberN:
		return kindN
	case *types.AttributeValueMemberBOOL:
		return kindBOOL
	case *types.AttributeValueMemberNULL:
		return kindNULL
	case *types.AttributeValueMemberL:
		return kindL
	case *types.AttributeValueMemberM:
		return kindM
	}
	return ""
}

// accept returns a copy of a value as the service stores it, with its numbers in canonical form.
func accept(v types.AttributeValue) (types.AttributeValue, error) {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: v.Value}, nil
	case *types.AttributeValueMemberN:
		n, err := canonical(v.Value)
		return &types.AttributeValueMemberN{Value: n}, err
	case *types.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: v.Value}, nil
	case *types.AttributeValueMemberNULL:
		if !v.Value {
			return nil, invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case *types.AttributeValueMemberL:
		list := make([]types.AttributeValue, 0, len(v.Value))
		for _, element := range v.Value {
			accepted, err := accept(element)
			if err != nil {
				return nil, err
			}
			list = append(list, accepted)
		}
		return &types.AttributeValueMemberL{Value: list}, nil
	case *types.AttributeValueMemberM:
		members, err := acceptItem(v.Value)
		return &types.AttributeValueMemberM{Value: members}, err
	}
	return nil, unknown("values of the type %T", v)
}

func acceptItem(item Item) (Item, error) {
	accepted := make(Item, len(item))
	for name, v := range item {
		value, err := accept(v)
		if err != nil {
			return nil, err
		}
		accepted[name] = value
	}
	return accepted, nil
}

// cloneItem copies an item that was accepted; nil stays nil.
func cloneItem(item Item) Item {
	if item == nil {
		return nil
	}
	clone, err := acceptItem(item)
	if err != nil {
		panic(err)
	}
	return clone
}

func equal(a, b types.AttributeValue) bool {
	switch x := a.(type) {
	case nil:
		return false
	case *types.AttributeValueMemberS:
		y, ok := b.(*types.AttributeValueMemberS)
		return ok && x.Value == y.Value
	case *types.AttributeValueMemberN:
		y, ok := b.(*types.AttributeValueMemberN)
		return ok && x.Value == y.Value
	}
	return b != nil && reflect.DeepEqual(a, b)
}

// compare orders two values of the one type that has an order, S or N; ok is false for any others.
func compare(a, b types.AttributeValue) (order int, ok bool) {
	switch x := a.(type) {
	case *types.AttributeValueMemberS:
		if y, ok := b.(*types.AttributeValueMemberS); ok {
			return strings.Compare(x.Value, y.Value), true
		}
	case *types.AttributeValueMemberN:
		if y, ok := b.(*types.AttributeValueMemberN); ok {
			return compareNumbers(x.Value, y.Value), true
		}
	}
	return 0, false
}

// scalar is the text of a key's value.
func scalar(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

// size is how many bytes an item takes, from "DynamoDB item sizes and formats" of the developer guide.
func size(item Item) int {
	total := 0
	for name, v := range item {
		total += len(name) + sizeOf(v)
	}
	return total
}

func sizeOf(v types.AttributeValue) int {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return len(v.Value)
	case *types.AttributeValueMemberN:
		return (len(v.Value)+1)/2 + 1
	case *types.AttributeValueMemberL:
		total := 3
		for _, element := range v.Value {
			total += 1 + sizeOf(element)
		}
		return total
	case *types.AttributeValueMemberM:
		return 3 + len(v.Value) + size(v.Value)
	}
	return 1
}
