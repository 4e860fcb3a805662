package provider

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// function defines one data source.
type function struct {
	args reflect.Type // the SDK's struct of arguments
	call func(context.Context, *clients) (values, error)
}

// functions are the data sources that the local cloud knows, by token. None of them takes an argument here.
var functions = map[string]function{
	"aws:index/getCallerIdentity:getCallerIdentity": {reflect.TypeFor[aws.GetCallerIdentityArgs](), callerIdentity},
	"aws:index/getPartition:getPartition":           {reflect.TypeFor[aws.GetPartitionArgs](), partition},
	"aws:index/getRegion:getRegion":                 {reflect.TypeFor[aws.GetRegionArgs](), region},
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
	var problems []problem
	for _, key := range in.StableKeys() {
		if _, ok := fieldByTag(f.args, string(key)); !ok {
			problems = append(problems, problem{string(key), fmt.Sprintf("is an unknown argument of %s, allowed: %s", req.GetTok(), strings.Join(fieldNames(f.args), ", "))})
		} else {
			problems = append(problems, problem{string(key), fmt.Sprintf("is an argument of %s that the local cloud does not support", req.GetTok())})
		}
	}
	if len(problems) > 0 {
		return &pulumirpc.InvokeResponse{Failures: failures(problems)}, nil
	}
	ctx, done := s.operation(ctx)
	defer done()
	found, err := f.call(ctx, s.clients)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", req.GetTok(), err)
	}
	out, err := marshal(found.propertyMap())
	return &pulumirpc.InvokeResponse{Return: out}, err
}

func callerIdentity(ctx context.Context, c *clients) (values, error) {
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	account := awssdk.ToString(out.Account)
	return values{"id": account, "accountId": account, "arn": awssdk.ToString(out.Arn), "userId": awssdk.ToString(out.UserId)}, nil
}

func partition(context.Context, *clients) (values, error) {
	return values{"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}, nil
}

func region(_ context.Context, c *clients) (values, error) {
	return values{"id": c.region, "name": c.region, "description": c.region, "endpoint": "ec2." + c.region + ".amazonaws.com"}, nil
}
