package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// The codes by which AWS's services refuse a request for its credentials, and what to do about each.
var refusedCredentials = []struct {
	codes    []string
	what, do string
}{
	{
		[]string{"ExpiredToken", "ExpiredTokenException"},
		"the AWS credentials have expired", "sign in again, with 'aws sso login' or as you got them, or name others with --profile",
	},
	{
		[]string{"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"},
		"AWS does not know the credentials", "check --profile and the AWS_ variables; temporary credentials need AWS_SESSION_TOKEN, too",
	},
	{
		[]string{"SignatureDoesNotMatch", "InvalidSignatureException"},
		"AWS refuses the signature", "check the secret key of the credentials, and the clock of this machine",
	},
	{
		[]string{"RequestExpired", "RequestTimeTooSkewed"},
		"AWS refuses the time of the request", "set the clock of this machine",
	},
}

// plainError reads as its text alone, and is the error that it explains.
type plainError struct {
	error
	text string
}

func (e plainError) Error() string { return e.text }
func (e plainError) Unwrap() error { return e.error }

// explainCredentials says in one line what is wrong with the credentials that AWS refused; any other error it returns as it is.
func explainCredentials(err error) error {
	api := smithy.APIError(nil)
	if !errors.As(err, &api) {
		return err
	}
	for _, r := range refusedCredentials {
		if slices.Contains(r.codes, api.ErrorCode()) {
			return plainError{err, fmt.Sprintf("%s (%s); %s", r.what, api.ErrorCode(), r.do)}
		}
	}
	return err
}

const signIn = "sign in ('aws sso login', 'aws configure'), or name a profile with --profile or AWS_PROFILE"

// checkCredentials returns an error where the SDK finds no credentials to sign requests with.
func (c *clients) checkCredentials(ctx context.Context) error {
	if c.credentials == nil {
		return nil
	}
	_, err := c.credentials.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	// The machine's own role is where the SDK looks last.
	if op := (*smithy.OperationError)(nil); errors.As(err, &op) && op.Service() == "ec2imds" {
		return plainError{err, "there are no AWS credentials; " + signIn}
	}
	reason := err
	if inner := errors.Unwrap(err); inner != nil {
		reason = inner // what is around it says that they were to be refreshed
	}
	return plainError{err, fmt.Sprintf("there are no AWS credentials (%v); %s", reason, signIn)}
}

// checkCaller returns an error where AWS refuses the credentials themselves, or nothing answers in the place of AWS. What else
// fails is no concern of it.
func (c *clients) checkCaller(ctx context.Context) error {
	if err := c.checkCredentials(ctx); err != nil {
		return err
	}
	_, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if explained := explainCredentials(err); errors.As(explained, new(plainError)) {
		return explained
	}
	if goneEndpoint(err) != "" {
		return fmt.Errorf("read whose credentials these are: %w", err)
	}
	return nil
}
