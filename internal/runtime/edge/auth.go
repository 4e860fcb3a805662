package edge

import (
	"errors"
	"fmt"

	"cellular/internal/model/env"
	"cellular/internal/model/event"
)

// Auth says what API Gateway has found out about a caller before the router sees the request. The router verifies no
// signature and no token itself; it relies on the authorizer that its routes have, and turns a request away that has
// been through none.
type Auth struct {
	// Type is env.AuthIAM, env.AuthJWT or env.AuthNone.
	//
	// IAM callers are services of the operator: whoever may invoke the API speaks for any tenant. A caller with a token
	// speaks for the one tenant that the token names. None lets anyone speak for anyone.
	Type string

	// TenantClaim is the token's claim that names the caller's tenant. Required with env.AuthJWT.
	TenantClaim string
}

func (a Auth) validate() error {
	switch a.Type {
	case env.AuthJWT:
		if a.TenantClaim == "" {
			return errors.New("auth of type jwt needs a tenant claim")
		}
	case env.AuthIAM, env.AuthNone:
	default:
		return fmt.Errorf("auth type is %q, want %s, %s or %s", a.Type, env.AuthIAM, env.AuthJWT, env.AuthNone)
	}
	return nil
}

// caller is who sent a request.
type caller struct {
	principal string // the AWS principal's unique id; "" where there is none
	tenantID  string // the only tenant that the caller may speak for; "" is any
}

// identify tells who sent a request. It fails closed: a request that reaches the function without the proof that its
// route should have asked for is refused, so that a route without authorizer lets nobody in.
func (a Auth) identify(by authorizer) (caller, error) {
	switch a.Type {
	case env.AuthNone:
		return caller{}, nil
	case env.AuthIAM:
		if by.IAM.CallerID == "" {
			return caller{}, a.unauthorized("The request is not signed by an AWS principal.")
		}
		return caller{principal: by.IAM.CallerID}, nil
	}
	if by.JWT == nil {
		return caller{}, a.unauthorized("The request has no bearer token.")
	}
	// A claim that is a list or an object arrives as text, which is no tenant's id.
	tenantID := by.JWT.Claims[a.TenantClaim]
	if !event.ValidTenantID(tenantID) {
		return caller{}, a.unauthorized("The token names no tenant.")
	}
	return caller{tenantID: tenantID}, nil
}

func (a Auth) unauthorized(detail string) *problem {
	p := unauthorized.problem("%s", detail)
	p.challenge = "Bearer"
	if a.Type == env.AuthIAM {
		p.challenge = "AWS4-HMAC-SHA256"
	}
	return p
}

// mayNot returns a problem unless the caller may speak for a tenant, where it does. It is the same whether or not there is such a
// tenant.
func (x *exchange) mayNot(tenantID string) *problem {
	switch {
	case x.caller.tenantID != "" && x.caller.tenantID != tenantID:
		return foreignTenant.problem("The caller may not speak for that tenant.")
	case !x.probe && event.SyntheticTenant(tenantID):
		return foreignTenant.problem("Cells are probed with that tenant, whose events go to %s.", probesPath)
	case x.probe && !event.SyntheticTenant(tenantID):
		return foreignTenant.problem("%s has the events of the tenants that cells are probed with, and no others.", probesPath)
	}
	return nil
}
