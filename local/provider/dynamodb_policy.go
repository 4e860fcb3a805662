package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
)

// maxTablePolicy is DynamoDB's limit on a resource-based policy, in bytes.
const maxTablePolicy = 20 << 10

var tablePolicyKind = &kind{
	token: "aws:dynamodb/resourcePolicy:ResourcePolicy",
	args:  elementOf(dynamodb.ResourcePolicyArgs{}),
	state: reflect.TypeFor[dynamodb.ResourcePolicy](),
	rules: map[string]rule{
		"resourceArn":                     arnOf("dynamodb"),
		"policy":                          policy(resourcePolicy, maxTablePolicy),
		"confirmRemoveSelfResourceAccess": nil,
	},
	replaceOn: []string{"resourceArn"},
	renews:    map[string][]string{"policy": {"revisionId"}},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		out, err := c.putTablePolicy(ctx, r)
		if err != nil {
			return "", nil, err
		}
		out["confirmRemoveSelfResourceAccess"] = r.in.flag("confirmRemoveSelfResourceAccess")
		return r.in.str("resourceArn"), out, nil
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		out, err := c.dynamodb.GetResourcePolicy(ctx, &awsdynamodb.GetResourcePolicyInput{ResourceArn: &r.id})
		if err != nil {
			return nil, gone(err, tableGone, "PolicyNotFoundException")
		}
		return values{"resourceArn": r.id, "policy": aws.ToString(out.Policy), "revisionId": aws.ToString(out.RevisionId)}, nil
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) { return c.putTablePolicy(ctx, r) },
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.dynamodb.DeleteResourcePolicy(ctx, &awsdynamodb.DeleteResourcePolicyInput{ResourceArn: &r.id})
		return gone(err, tableGone, "PolicyNotFoundException")
	},
}

func (c *clients) putTablePolicy(ctx context.Context, r request) (values, error) {
	if err := c.principalsExist(ctx, r.in.str("policy")); err != nil {
		return nil, err
	}
	out, err := c.dynamodb.PutResourcePolicy(ctx, &awsdynamodb.PutResourcePolicyInput{
		ResourceArn: aws.String(r.in.str("resourceArn")), Policy: aws.String(r.in.str("policy")),
		ConfirmRemoveSelfResourceAccess: r.in.flag("confirmRemoveSelfResourceAccess"),
	})
	if err != nil {
		return nil, err
	}
	return values{"revisionId": aws.ToString(out.RevisionId)}, nil
}

// principalsExist refuses a resource policy that names a role that does not exist: AWS stores the role's unique id, so it
// cannot keep such a policy.
func (c *clients) principalsExist(ctx context.Context, policy string) error {
	var doc policyDocument
	if err := json.Unmarshal([]byte(policy), &doc); err != nil {
		return err
	}
	statements, err := parseStatements(doc.Statement)
	if err != nil {
		return err
	}
	for _, s := range statements {
		principal, _ := s.Principal.(map[string]any)
		for _, p := range oneOrMany(principal["AWS"]) {
			if a, err := arn.Parse(p); err == nil && a.Service == "iam" && strings.HasPrefix(a.Resource, "role/") {
				if err := c.roleExists(ctx, p); err != nil {
					return fmt.Errorf("policy principal: %w", err)
				}
			}
		}
	}
	return nil
}

// oneOrMany reads the two spellings of a list in a policy: a string, or a list of strings.
func oneOrMany(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, oneOrMany(e)...)
		}
		return out
	}
	return nil
}
