package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"cellular/internal/model/event"
	"cellular/internal/model/printable"
	"cellular/internal/model/transact"
)

// How long an act waits for the audit at most, both together a few seconds: a table that hangs costs an evacuation no more.
// An answer takes some tens of milliseconds, and a second where a connection has to be made across an ocean.
const (
	BeginWithin  = 3 * time.Second
	CallerWithin = 2 * time.Second // of BeginWithin: without the caller's name an act is still worth keeping
	EndWithin    = 2 * time.Second
)

// DynamoDB is the part of DynamoDB that the audit needs.
type DynamoDB interface {
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// STS is the part of STS that says who acts. It needs no right.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// Trail is the audit of a deployment.
type Trail struct {
	DynamoDB DynamoDB
	STS      STS
	Table    string
}

// Begin keeps an act that is about to change something, and returns it with its id, its time and its caller, for End. Its error
// says in one line what the audit lacks; the act goes on nonetheless.
func (t Trail) Begin(ctx context.Context, a Act) (Act, error) {
	ctx, cancel := context.WithTimeout(ctx, BeginWithin)
	defer cancel()
	a.StartedAt = time.Now().UTC().Truncate(time.Millisecond)
	a.ID = event.FormatTime(a.StartedAt) + ownID + rand.Text()[:8]
	a.Outcome = Started
	a = a.bounded()
	var unknown error
	if a.Caller, unknown = t.caller(ctx); unknown != nil {
		unknown = fmt.Errorf("the audit does not know who does this: %s", reason(unknown, CallerWithin))
	}
	if err := t.put(ctx, a); err != nil {
		return a, fmt.Errorf("the audit does not have this act: %s", reason(err, BeginWithin))
	}
	return a, unknown
}

func (t Trail) caller(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, CallerWithin)
	defer cancel()
	out, err := t.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Arn), nil
}

// End keeps what came of an act that Begin returned. It writes the whole act, and so one of which the beginning could not be
// kept. The end of ctx does not end it: an interrupted act is kept as such.
func (t Trail) End(ctx context.Context, a Act, outcome Outcome, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), EndWithin)
	defer cancel()
	a.Outcome, a.EndedAt = outcome, time.Now()
	if failure != nil {
		a.Error = firstLine(failure)
	}
	if err := t.put(ctx, a.bounded()); err != nil {
		return fmt.Errorf("the audit does not have how this act ended: %s", reason(err, EndWithin))
	}
	return nil
}

func (t Trail) put(ctx context.Context, a Act) error {
	_, err := transact.Single(ctx, transact.Retrier{}, t.DynamoDB.PutItem, &dynamodb.PutItemInput{TableName: &t.Table, Item: a.item()})
	return err
}

// reason says in one line why a request failed that had so much time.
func reason(err error, within time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", within)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		err = fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	return printable.Cut(firstLine(err), MaxError)
}
