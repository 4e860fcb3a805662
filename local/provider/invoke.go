package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cellular/internal/operator/tenantdata"
)

// function defines one data source.
type function struct {
	args     reflect.Type // the SDK's struct of arguments
	required []string     // the arguments that the local cloud supports, all of which it wants
	call     func(context.Context, *clients, props) (values, error)
}

// functions are the data sources that the local cloud knows, by token.
var functions = map[string]function{
	"aws:dynamodb/getTableItem:getTableItem":        {reflect.TypeFor[dynamodb.LookupTableItemArgs](), []string{"key", "tableName"}, tableItem},
	"aws:index/getCallerIdentity:getCallerIdentity": {reflect.TypeFor[aws.GetCallerIdentityArgs](), nil, callerIdentity},
	"aws:index/getPartition:getPartition":           {reflect.TypeFor[aws.GetPartitionArgs](), nil, partition},
	"aws:index/getRegion:getRegion":                 {reflect.TypeFor[aws.GetRegionArgs](), nil, region},
}

// Invoke calls a data source.
func (s *service) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	f, ok := functions[req.GetTok()]
	if !ok {
		return nil, status.Errorf(codes.InvalidArgument, "the local cloud has no function %s, it has: %s", req.GetTok(), strings.Join(sortedKeys(functions), ", "))
	}
	in, err := unmarshal(req.GetArgs())
	if err != nil {
		return nil, err
	}
	problems := f.check(req.GetTok(), in)
	if len(problems) > 0 {
		return &pulumirpc.InvokeResponse{Failures: failures(problems)}, nil
	}
	ctx, done := s.operation(ctx)
	defer done()
	found, err := f.call(ctx, s.clients, props(in))
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", req.GetTok(), err)
	}
	out, err := marshal(found.propertyMap())
	return &pulumirpc.InvokeResponse{Return: out}, err
}

// check finds the arguments that the real provider would refuse, or that the local cloud does not support.
func (f function) check(token string, in resource.PropertyMap) []problem {
	var problems []problem
	for _, key := range in.StableKeys() {
		name := string(key)
		switch _, ok := fieldByTag(f.args, name); {
		case !ok:
			problems = append(problems, problem{name, fmt.Sprintf("is an unknown argument of %s, allowed: %s", token, strings.Join(fieldNames(f.args), ", "))})
		case !slices.Contains(f.required, name):
			problems = append(problems, problem{name, fmt.Sprintf("is an argument of %s that the local cloud does not support", token)})
		case !in[key].IsString():
			problems = append(problems, problem{name, "must be a string, got " + describe(in[key])})
		}
	}
	for _, name := range f.required {
		if _, ok := in[resource.PropertyKey(name)]; !ok {
			problems = append(problems, problem{name, "is required"})
		}
	}
	return problems
}

// tableItem reads one item, and fails in the real provider's words where there is none.
func tableItem(ctx context.Context, c *clients, in props) (values, error) {
	table, text := in.str("tableName"), in.str("key")
	key, err := itemKey(text)
	if err != nil {
		return nil, err
	}
	out, err := c.dynamodb.GetItem(ctx, &awsdynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: awssdk.Bool(true)})
	var noTable *types.ResourceNotFoundException
	switch {
	case errors.As(err, &noTable):
		err = errors.New("couldn't find resource")
	case err == nil && len(out.Item) == 0:
		err = errors.New("empty result")
	}
	if err != nil {
		return nil, fmt.Errorf("reading DynamoDB Table Item (%s|%s): %w", table, text, err)
	}
	item, err := tenantdata.DynamoJSON(out.Item)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(item)
	return values{"id": table + "|" + text, "tableName": table, "key": text, "item": string(encoded)}, err
}

// itemKey reads a key of strings in DynamoDB's JSON.
func itemKey(text string) (map[string]types.AttributeValue, error) {
	var plain map[string]map[string]string
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		return nil, fmt.Errorf("the key is not in DynamoDB's JSON: %w", err)
	}
	key := map[string]types.AttributeValue{}
	for name, value := range plain {
		s, ok := value["S"]
		if !ok || len(value) != 1 {
			return nil, fmt.Errorf("the key's attribute %s is no string, which is all that the local cloud supports", name)
		}
		key[name] = &types.AttributeValueMemberS{Value: s}
	}
	return key, nil
}

func callerIdentity(ctx context.Context, c *clients, _ props) (values, error) {
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	account := awssdk.ToString(out.Account)
	return values{"id": account, "accountId": account, "arn": awssdk.ToString(out.Arn), "userId": awssdk.ToString(out.UserId)}, nil
}

func partition(context.Context, *clients, props) (values, error) {
	return values{"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}, nil
}

func region(_ context.Context, c *clients, _ props) (values, error) {
	return values{"id": c.region, "name": c.region, "description": c.region, "endpoint": "ec2." + c.region + ".amazonaws.com"}, nil
}
