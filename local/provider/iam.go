package provider

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
)

// roleGone is the code with which IAM says that a role or its policy does not exist.
const roleGone = "NoSuchEntity"

// IAM's limits on documents, in characters: a role's trust policy, and all inline policies of a role together.
const (
	maxTrustPolicy  = 2_048
	maxInlinePolicy = 10_240
)

var roleKind = &kind{
	token: "aws:iam/role:Role",
	args:  elementOf(iam.RoleArgs{}),
	state: reflect.TypeFor[iam.Role](),
	rules: map[string]rule{
		"name":                named(`\w+=,.@-`, 1, 64),
		"assumeRolePolicy":    policy(trustPolicy, maxTrustPolicy),
		"description":         length(0, 1_000),
		"forceDetachPolicies": nil,
		"maxSessionDuration":  between(3_600, 43_200),
		"path":                length(1, 512),
		"tags":                tagMap,
	},
	required:  []string{"assumeRolePolicy"},
	defaults:  values{"forceDetachPolicies": false, "maxSessionDuration": 3_600, "path": "/"},
	replaceOn: []string{"name", "path"},
	create:    createRole,
	read:      readRole,
	update:    updateRole,
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.iam.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: &r.id})
		return gone(err, roleGone)
	},
}

func createRole(ctx context.Context, c *clients, r request) (string, values, error) {
	name := r.in.str("name")
	in := &awsiam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(r.in.str("assumeRolePolicy")), Path: aws.String(r.in.str("path")),
		MaxSessionDuration: aws.Int32(int32(r.in.num("maxSessionDuration"))), Tags: roleTags(r.tags),
	}
	if r.in.has("description") {
		in.Description = aws.String(r.in.str("description"))
	}
	out, err := c.iam.CreateRole(ctx, in)
	if err != nil {
		return "", nil, err
	}
	found, err := describedRole(out.Role)
	return name, found, err
}

func readRole(ctx context.Context, c *clients, r request) (values, error) {
	out, err := c.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &r.id})
	if err != nil {
		return nil, gone(err, roleGone)
	}
	found, err := describedRole(out.Role)
	if err != nil {
		return nil, err
	}
	found["tagsAll"] = tagsOf(out.Role.Tags, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
	return found, nil
}

func describedRole(role *types.Role) (values, error) {
	trust, err := url.QueryUnescape(aws.ToString(role.AssumeRolePolicyDocument))
	if err != nil {
		return nil, fmt.Errorf("decode the trust policy: %w", err)
	}
	found := values{
		"arn": aws.ToString(role.Arn), "name": aws.ToString(role.RoleName), "uniqueId": aws.ToString(role.RoleId), "namePrefix": "",
		"path": aws.ToString(role.Path), "assumeRolePolicy": trust, "maxSessionDuration": int(aws.ToInt32(role.MaxSessionDuration)),
		"createDate": aws.ToTime(role.CreateDate).UTC().Format(time.RFC3339),
	}
	if role.Description != nil {
		found["description"] = *role.Description
	}
	return found, nil
}

func updateRole(ctx context.Context, c *clients, r request) (values, error) {
	if r.changed("assumeRolePolicy") {
		if _, err := c.iam.UpdateAssumeRolePolicy(ctx, &awsiam.UpdateAssumeRolePolicyInput{RoleName: &r.id, PolicyDocument: aws.String(r.in.str("assumeRolePolicy"))}); err != nil {
			return nil, fmt.Errorf("set the trust policy: %w", err)
		}
	}
	if r.changed("description", "maxSessionDuration") {
		if _, err := c.iam.UpdateRole(ctx, &awsiam.UpdateRoleInput{
			RoleName: &r.id, Description: aws.String(r.in.str("description")), MaxSessionDuration: aws.Int32(int32(r.in.num("maxSessionDuration"))),
		}); err != nil {
			return nil, err
		}
	}
	return nil, retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error {
			_, err := c.iam.TagRole(ctx, &awsiam.TagRoleInput{RoleName: &r.id, Tags: roleTags(set)})
			return err
		},
		func(ctx context.Context, keys []string) error {
			_, err := c.iam.UntagRole(ctx, &awsiam.UntagRoleInput{RoleName: &r.id, TagKeys: keys})
			return err
		})
}

func roleTags(tags map[string]string) []types.Tag {
	return tagList(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// roleExists returns errGone if the ARN names no role.
func (c *clients) roleExists(ctx context.Context, roleARN string) error {
	a, err := arn.Parse(roleARN)
	if err != nil {
		return fmt.Errorf("role %q: %w", roleARN, err)
	}
	name := a.Resource[strings.LastIndex(a.Resource, "/")+1:]
	if _, err := c.iam.GetRole(ctx, &awsiam.GetRoleInput{RoleName: &name}); err != nil {
		return fmt.Errorf("role %s: %w", roleARN, gone(err, roleGone))
	}
	return nil
}

// rolePolicyKind is an inline policy of a role. Its id is ROLE:POLICY, as with the real provider.
var rolePolicyKind = &kind{
	token: "aws:iam/rolePolicy:RolePolicy",
	args:  elementOf(iam.RolePolicyArgs{}),
	state: reflect.TypeFor[iam.RolePolicy](),
	rules: map[string]rule{
		"name":   named(`\w+=,.@-`, 1, 128),
		"role":   named(`\w+=,.@-`, 1, 64),
		"policy": policy(identityPolicy, maxInlinePolicy),
	},
	required:  []string{"role", "policy"},
	replaceOn: []string{"name", "role"},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		role, name := r.in.str("role"), r.in.str("name")
		if err := c.putRolePolicy(ctx, role, name, r.in.str("policy")); err != nil {
			return "", nil, err
		}
		return role + ":" + name, values{"namePrefix": ""}, nil
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		role, name, _ := strings.Cut(r.id, ":")
		out, err := c.iam.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			return nil, gone(err, roleGone)
		}
		doc, err := url.QueryUnescape(aws.ToString(out.PolicyDocument))
		if err != nil {
			return nil, fmt.Errorf("decode the policy: %w", err)
		}
		return values{"role": role, "name": name, "policy": doc, "namePrefix": ""}, nil
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		role, name, _ := strings.Cut(r.id, ":")
		return nil, c.putRolePolicy(ctx, role, name, r.in.str("policy"))
	},
	remove: func(ctx context.Context, c *clients, r request) error {
		role, name, _ := strings.Cut(r.id, ":")
		_, err := c.iam.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name})
		return gone(err, roleGone)
	},
}

func (c *clients) putRolePolicy(ctx context.Context, role, name, doc string) error {
	_, err := c.iam.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &doc})
	return err
}
