package provider

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

const (
	keyGone = "NotFoundException"
	// maxKeyPolicy is KMS's limit on a key's policy, in bytes.
	maxKeyPolicy = 32 << 10
	// keyPolicyName is the name of the only policy that a key has.
	keyPolicyName = "default"
	// defaultRotation is the time between two rotations of a key that does not say, in days.
	defaultRotation = 365
)

var keyKind = &kind{
	token: "aws:kms/key:Key",
	args:  elementOf(kms.KeyArgs{}),
	state: reflect.TypeFor[kms.Key](),
	rules: map[string]rule{
		"description":           length(0, 8_192),
		"policy":                policy(resourcePolicy, maxKeyPolicy),
		"enableKeyRotation":     nil,
		"deletionWindowInDays":  between(7, 30),
		"customerMasterKeySpec": oneOf("SYMMETRIC_DEFAULT"), // no service takes another one
		"keyUsage":              oneOf("ENCRYPT_DECRYPT"),
		"isEnabled":             alwaysTrue,
		"tags":                  tagMap,
	},
	defaults: values{"customerMasterKeySpec": "SYMMETRIC_DEFAULT", "keyUsage": "ENCRYPT_DECRYPT", "isEnabled": true, "enableKeyRotation": false},
	create:   createKey,
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		found, err := c.describeKey(ctx, r.id)
		if err != nil {
			return nil, err
		}
		tags, err := c.kms.ListResourceTags(ctx, &awskms.ListResourceTagsInput{KeyId: &r.id})
		if err != nil {
			return nil, gone(err, keyGone)
		}
		found["tagsAll"] = tagsOf(tags.Tags, func(t types.Tag) (*string, *string) { return t.TagKey, t.TagValue })
		return found, nil
	},
	update: updateKey,
	remove: func(ctx context.Context, c *clients, r request) error {
		days := aws.Int32(int32(r.in.numOr("deletionWindowInDays", 30)))
		_, err := c.kms.ScheduleKeyDeletion(ctx, &awskms.ScheduleKeyDeletionInput{KeyId: &r.id, PendingWindowInDays: days})
		return gone(err, keyGone, "KMSInvalidStateException") // it waits for its deletion already
	},
}

func alwaysTrue(v resource.PropertyValue) error {
	if !v.BoolValue() {
		return fmt.Errorf("is false, the local cloud supports only true")
	}
	return nil
}

func createKey(ctx context.Context, c *clients, r request) (string, values, error) {
	if err := c.principalsExist(ctx, r.in.str("policy")); err != nil {
		return "", nil, err
	}
	out, err := c.kms.CreateKey(ctx, &awskms.CreateKeyInput{
		Description: r.in.optional("description"), Policy: r.in.optional("policy"), Tags: keyTags(r.tags),
		KeySpec: types.KeySpec(r.in.str("customerMasterKeySpec")), KeyUsage: types.KeyUsageType(r.in.str("keyUsage")),
	})
	if err != nil {
		return "", nil, err
	}
	id := aws.ToString(out.KeyMetadata.KeyId)
	if r.in.flag("enableKeyRotation") {
		if err := c.setRotation(ctx, id, true); err != nil {
			return id, nil, err
		}
	}
	found, err := c.describeKey(ctx, id)
	return id, found, err
}

func (c *clients) setRotation(ctx context.Context, id string, on bool) error {
	var err error
	if on {
		_, err = c.kms.EnableKeyRotation(ctx, &awskms.EnableKeyRotationInput{KeyId: &id})
	} else {
		_, err = c.kms.DisableKeyRotation(ctx, &awskms.DisableKeyRotationInput{KeyId: &id})
	}
	if err != nil {
		return fmt.Errorf("set rotation: %w", err)
	}
	return nil
}

// describeKey gives everything but the tags. A key that waits for its deletion is gone: nothing can use it.
func (c *clients) describeKey(ctx context.Context, id string) (values, error) {
	out, err := c.kms.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return nil, gone(err, keyGone)
	}
	key := out.KeyMetadata
	if key.KeyState == types.KeyStatePendingDeletion {
		return nil, fmt.Errorf("key %s %w", id, errGone)
	}
	held, err := c.kms.GetKeyPolicy(ctx, &awskms.GetKeyPolicyInput{KeyId: &id, PolicyName: aws.String(keyPolicyName)})
	if err != nil {
		return nil, gone(err, keyGone)
	}
	rotation, err := c.kms.GetKeyRotationStatus(ctx, &awskms.GetKeyRotationStatusInput{KeyId: &id})
	if err != nil {
		return nil, gone(err, keyGone)
	}
	found := values{
		"arn": aws.ToString(key.Arn), "keyId": aws.ToString(key.KeyId), "description": aws.ToString(key.Description), "policy": aws.ToString(held.Policy),
		"enableKeyRotation": rotation.KeyRotationEnabled, "rotationPeriodInDays": 0, "multiRegion": aws.ToBool(key.MultiRegion),
		"customerMasterKeySpec": string(key.KeySpec), "keyUsage": string(key.KeyUsage), "isEnabled": key.Enabled,
	}
	if rotation.KeyRotationEnabled {
		found["rotationPeriodInDays"] = defaultRotation
	}
	return found, nil
}

func updateKey(ctx context.Context, c *clients, r request) (values, error) {
	if r.changed("description") {
		if _, err := c.kms.UpdateKeyDescription(ctx, &awskms.UpdateKeyDescriptionInput{KeyId: &r.id, Description: aws.String(r.in.str("description"))}); err != nil {
			return nil, err
		}
	}
	if r.changed("policy") {
		if err := c.principalsExist(ctx, r.in.str("policy")); err != nil {
			return nil, err
		}
		if _, err := c.kms.PutKeyPolicy(ctx, &awskms.PutKeyPolicyInput{KeyId: &r.id, PolicyName: aws.String(keyPolicyName), Policy: aws.String(r.in.str("policy"))}); err != nil {
			return nil, err
		}
	}
	if r.changed("enableKeyRotation") {
		if err := c.setRotation(ctx, r.id, r.in.flag("enableKeyRotation")); err != nil {
			return nil, err
		}
	}
	err := retag(ctx, r.oldTags(), r.tags,
		func(ctx context.Context, set map[string]string) error {
			_, err := c.kms.TagResource(ctx, &awskms.TagResourceInput{KeyId: &r.id, Tags: keyTags(set)})
			return err
		},
		func(ctx context.Context, keys []string) error {
			_, err := c.kms.UntagResource(ctx, &awskms.UntagResourceInput{KeyId: &r.id, TagKeys: keys})
			return err
		})
	if err != nil {
		return nil, err
	}
	return c.describeKey(ctx, r.id)
}

func keyTags(tags map[string]string) []types.Tag {
	return tagList(tags, func(key, value *string) types.Tag { return types.Tag{TagKey: key, TagValue: value} })
}

// aliasKind is a name of a key. Its id is its name.
var aliasKind = &kind{
	token: "aws:kms/alias:Alias",
	args:  elementOf(kms.AliasArgs{}),
	state: reflect.TypeFor[kms.Alias](),
	rules: map[string]rule{
		"name":        text(checkAliasName),
		"targetKeyId": length(1, 2_048),
	},
	replaceOn: []string{"name"},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		name := r.in.str("name")
		if _, err := c.kms.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: &name, TargetKeyId: aws.String(r.in.str("targetKeyId"))}); err != nil {
			return "", nil, err
		}
		found, err := c.describeAlias(ctx, request{id: name, in: r.in})
		return name, found, err
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) { return c.describeAlias(ctx, r) },
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		if _, err := c.kms.UpdateAlias(ctx, &awskms.UpdateAliasInput{AliasName: &r.id, TargetKeyId: aws.String(r.in.str("targetKeyId"))}); err != nil {
			return nil, err
		}
		return c.describeAlias(ctx, r)
	},
	renews: map[string][]string{"targetKeyId": {"targetKeyArn"}},
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.kms.DeleteAlias(ctx, &awskms.DeleteAliasInput{AliasName: &r.id})
		return gone(err, keyGone)
	},
}

var aliasCharacters = named("A-Za-z0-9/_-", 1, 256)

func checkAliasName(name string) error {
	if !strings.HasPrefix(name, "alias/") || strings.HasPrefix(name, "alias/aws/") {
		return fmt.Errorf("is %q, allowed: a name that begins with alias/, and not with alias/aws/, which is AWS's own", name)
	}
	return aliasCharacters(stringValue(name))
}

// describeAlias finds an alias. Its key is given by its id or ARN, as the program gives it.
func (c *clients) describeAlias(ctx context.Context, r request) (values, error) {
	pages := awskms.NewListAliasesPaginator(c.kms, &awskms.ListAliasesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Aliases {
			if aws.ToString(a.AliasName) != r.id {
				continue
			}
			arn, key := aws.ToString(a.AliasArn), aws.ToString(a.TargetKeyId)
			keyARN := strings.TrimSuffix(arn, r.id) + "key/" + key
			found := values{"name": r.id, "namePrefix": "", "arn": arn, "targetKeyId": key, "targetKeyArn": keyARN}
			if r.in.str("targetKeyId") == keyARN {
				found["targetKeyId"] = keyARN
			}
			return found, nil
		}
	}
	return nil, fmt.Errorf("alias %s %w", r.id, errGone)
}
