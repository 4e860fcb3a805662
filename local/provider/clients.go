package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// clients reach the places where resources live.
type clients struct {
	region      string
	cloudwatch  *cloudwatch.Client
	dynamodb    *dynamodb.Client
	iam         *iam.Client
	kms         *kms.Client
	logs        *cloudwatchlogs.Client
	sns         *sns.Client
	sqs         *sqs.Client
	ssm         *ssm.Client
	sts         *sts.Client
	lambda      Lambda
	gateway     Gateway
	permissions *Permissions
	scheduler   Scheduler

	invokeConfigs invokeConfigs

	queueWrites sync.Mutex // see setQueueAttributes
}

func newClients(r Rooms) *clients {
	c := &clients{
		region:      r.AWS.Region,
		cloudwatch:  cloudwatch.NewFromConfig(r.AWS),
		dynamodb:    dynamodb.NewFromConfig(r.AWS),
		iam:         iam.NewFromConfig(r.AWS),
		kms:         kms.NewFromConfig(r.AWS),
		logs:        cloudwatchlogs.NewFromConfig(r.AWS),
		sns:         sns.NewFromConfig(r.AWS),
		sqs:         sqs.NewFromConfig(r.AWS),
		ssm:         ssm.NewFromConfig(r.AWS),
		sts:         sts.NewFromConfig(r.AWS),
		lambda:      r.Lambda,
		gateway:     r.Gateway,
		permissions: r.Permissions,
		scheduler:   r.Scheduler,
	}
	if c.permissions == nil {
		c.permissions = NewPermissions(nil)
	}
	return c
}

// gone turns the service's own way of saying "not found" into errGone.
func gone(err error, codes ...string) error {
	var api smithy.APIError
	if errors.As(err, &api) && slices.Contains(codes, api.ErrorCode()) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

// retag brings the tags from old to new with the fewest calls.
func retag(ctx context.Context, old, new map[string]string, set func(context.Context, map[string]string) error, unset func(context.Context, []string) error) error {
	var removed []string
	for _, key := range sortedKeys(old) {
		if _, ok := new[key]; !ok {
			removed = append(removed, key)
		}
	}
	changed := maps.Clone(new)
	maps.DeleteFunc(changed, func(key, v string) bool { was, ok := old[key]; return ok && was == v })
	if len(removed) > 0 {
		if err := unset(ctx, removed); err != nil {
			return fmt.Errorf("remove tags: %w", err)
		}
	}
	if len(changed) > 0 {
		if err := set(ctx, changed); err != nil {
			return fmt.Errorf("set tags: %w", err)
		}
	}
	return nil
}

// tagList makes a service's list of tags.
func tagList[T any](tags map[string]string, tag func(key, value *string) T) []T {
	out := make([]T, 0, len(tags))
	for _, key := range sortedKeys(tags) {
		value := tags[key]
		out = append(out, tag(&key, &value))
	}
	return out
}

// tagsOf reads a service's list of tags.
func tagsOf[T any](list []T, of func(T) (key, value *string)) map[string]string {
	out := map[string]string{}
	for _, t := range list {
		key, value := of(t)
		if key != nil && value != nil {
			out[*key] = *value
		}
	}
	return out
}
