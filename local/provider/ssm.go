package provider

import (
	"context"
	"fmt"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
)

const (
	parameterGone = "ParameterNotFound"
	// maxStandardParameter and maxAdvancedParameter bound a parameter's value, in bytes.
	maxStandardParameter = 4 << 10
	maxAdvancedParameter = 8 << 10
)

var parameterKind = &kind{
	token: "aws:ssm/parameter:Parameter",
	args:  elementOf(ssm.ParameterArgs{}),
	state: reflect.TypeFor[ssm.Parameter](),
	rules: map[string]rule{
		"name":        named("a-zA-Z0-9_./-", 1, 1_011),
		"type":        oneOf("String", "StringList", "SecureString"),
		"value":       length(1, maxAdvancedParameter),
		"description": length(0, 1_024),
		"tier":        oneOf("Standard", "Advanced", "Intelligent-Tiering"),
		"dataType":    oneOf("text"),
		"overwrite":   nil,
		"tags":        tagMap,
	},
	required: []string{"value"},
	verify: func(in props) []problem {
		if n := len(in.str("value")); in.str("tier") != "Advanced" && in.str("tier") != "Intelligent-Tiering" && n > maxStandardParameter {
			return []problem{{"value", fmt.Sprintf("has %d bytes, allowed in the Standard tier: %d", n, maxStandardParameter)}}
		}
		return nil
	},
	replaceOn: []string{"name", "type", "dataType"},
	renews:    map[string][]string{"value": {"version"}, "description": {"version"}, "tier": {"version"}},
	create:    createParameter,
	read:      readParameter,
	update:    updateParameter,
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.ssm.DeleteParameter(ctx, &awsssm.DeleteParameterInput{Name: &r.id})
		return gone(err, parameterGone)
	},
}

func putParameter(in props, overwrite bool) *awsssm.PutParameterInput {
	put := &awsssm.PutParameterInput{
		Name: aws.String(in.str("name")), Value: aws.String(in.str("value")), Type: types.ParameterType(in.str("type")),
		Tier: types.ParameterTier(in.str("tier")), Overwrite: &overwrite,
	}
	if in.has("description") {
		put.Description = aws.String(in.str("description"))
	}
	return put
}

func createParameter(ctx context.Context, c *clients, r request) (string, values, error) {
	name := r.in.str("name")
	put := putParameter(r.in, r.in.flag("overwrite"))
	if !r.in.flag("overwrite") {
		put.Tags = parameterTags(r.tags) // Systems Manager takes no tags together with overwrite
	}
	if _, err := c.ssm.PutParameter(ctx, put); err != nil {
		return "", nil, err
	}
	if r.in.flag("overwrite") && len(r.tags) > 0 {
		if err := c.tagParameter(ctx, name, r.tags); err != nil {
			return name, nil, err
		}
	}
	found, err := c.describeParameter(ctx, name)
	return name, found, err
}

func readParameter(ctx context.Context, c *clients, r request) (values, error) {
	found, err := c.describeParameter(ctx, r.id)
	if err != nil {
		return nil, err
	}
	tags, err := c.ssm.ListTagsForResource(ctx, &awsssm.ListTagsForResourceInput{ResourceId: &r.id, ResourceType: types.ResourceTypeForTaggingParameter})
	if err != nil {
		return nil, gone(err, parameterGone, "InvalidResourceId")
	}
	found["tagsAll"] = tagsOf(tags.TagList, func(t types.Tag) (*string, *string) { return t.Key, t.Value })
	return found, nil
}

// describeParameter gives everything but the tags, the description and the tier.
func (c *clients) describeParameter(ctx context.Context, name string) (values, error) {
	out, err := c.ssm.GetParameter(ctx, &awsssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return nil, gone(err, parameterGone)
	}
	p := out.Parameter
	return values{
		"arn": aws.ToString(p.ARN), "name": name, "type": string(p.Type), "value": aws.ToString(p.Value), "version": int(p.Version),
		"dataType": aws.ToString(p.DataType), "insecureValue": "", "keyId": "",
	}, nil
}

func updateParameter(ctx context.Context, c *clients, r request) (values, error) {
	if r.changed("value", "description", "tier") {
		if _, err := c.ssm.PutParameter(ctx, putParameter(r.in, true)); err != nil {
			return nil, err
		}
	}
	err := retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error { return c.tagParameter(ctx, r.id, set) },
		func(ctx context.Context, keys []string) error {
			_, err := c.ssm.RemoveTagsFromResource(ctx, &awsssm.RemoveTagsFromResourceInput{
				ResourceId: &r.id, ResourceType: types.ResourceTypeForTaggingParameter, TagKeys: keys,
			})
			return err
		})
	if err != nil {
		return nil, err
	}
	return c.describeParameter(ctx, r.id)
}

func (c *clients) tagParameter(ctx context.Context, name string, tags map[string]string) error {
	_, err := c.ssm.AddTagsToResource(ctx, &awsssm.AddTagsToResourceInput{
		ResourceId: &name, ResourceType: types.ResourceTypeForTaggingParameter, Tags: parameterTags(tags),
	})
	return err
}

func parameterTags(tags map[string]string) []types.Tag {
	return tagList(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}
