package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"cellular/internal/model/manifest"
	"cellular/internal/operator/cellstatus"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/placement"
)

// session is a deployment that was found, and what the commands do with it.
type session struct {
	app *app
	*clients
	fleet.Fleet
	placement *placement.Store
	status    *cellstatus.Reader
}

// connect finds the deployment that the global flags name.
func (a *app) connect(ctx context.Context) (*session, error) {
	stack, err := a.options.stack()
	if err != nil {
		return nil, err
	}
	c, err := a.dial(ctx, a.options)
	if err != nil {
		return nil, err
	}
	if err := c.checkCredentials(ctx); err != nil {
		return nil, err
	}
	f, err := fleet.Load(ctx, c.ssm, stack)
	if errors.Is(err, fleet.ErrNoStack) {
		return nil, refused("no Cellular stack %q in %s (account %s); check --stack, --region and --profile, 'pulumi stack ls' lists the stacks",
			stack, c.region, c.account(ctx))
	}
	if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException" {
		return nil, plainError{err, fmt.Sprintf("not allowed to read stack %q in %s: %s; check --stack, --region and --profile, or have the policy of 'cellctl iam-policy read' applied",
			stack, c.region, api.ErrorMessage())}
	}
	if err != nil {
		return nil, err
	}
	c = a.kept(c, f.ControlPlane)
	return &session{
		app: a, clients: c, Fleet: f,
		placement: placement.NewStore(c.dynamo, f.ControlPlane),
		status:    cellstatus.NewReader(c.dynamo, c.sqs),
	}, nil
}

// account is the account that the credentials lead to, for the operator to see that it is the wrong one.
func (c *clients) account(ctx context.Context) string {
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "unknown"
	}
	return aws.ToString(out.Account)
}

// connectToCell is connect and one cell's manifest.
func (a *app) connectToCell(ctx context.Context, id string) (*session, manifest.Cell, error) {
	s, err := a.connect(ctx)
	if err != nil {
		return nil, manifest.Cell{}, err
	}
	cell, err := s.Cell(ctx, id)
	if err != nil {
		return nil, manifest.Cell{}, s.explainUnknown(ctx, err, id)
	}
	return s, cell, nil
}
