package gateway

import (
	"fmt"
	"net/http"
	"time"
)

// The types of authorization that a route can have. Any other is refused when the route is configured: a route that
// asks for a check is never served without it.
const (
	authorizationNone = "NONE"    // anyone
	authorizationIAM  = "AWS_IAM" // a request signed with credentials of the account, see iam.go
	authorizationJWT  = "JWT"     // a token of the authorizer's issuer, see jwt.go
)

// check tells who sent a request, or why it is not let through.
type check func(r *http.Request, body []byte, now time.Time) (*caller, *refusal)

// caller is who sent a request: requestContext.authorizer of the event.
type caller struct {
	JWT *tokenCaller `json:"jwt,omitempty"`
	IAM *iamCaller   `json:"iam,omitempty"`
}

// refusal is the answer to a request that is not let through, and the reason, for the API's owner.
type refusal struct {
	answer answer
	reason string
}

// checkAuthorization checks what a route says about it. The caller holds the lock.
func (g *Gateway) checkAuthorization(a *api, c RouteConfig) error {
	switch c.AuthorizationType {
	case authorizationJWT:
		if _, ok := a.authorizers[c.AuthorizerID]; !ok {
			return fmt.Errorf("authorizer %q: %w", c.AuthorizerID, ErrNotFound)
		}
		return nil
	case authorizationIAM:
		if g.options.Keys == nil {
			return fmt.Errorf("authorization type is %s, and the gateway has no credentials to check signatures with", authorizationIAM)
		}
	case authorizationNone, "":
	default:
		return fmt.Errorf("authorization type is %q, want %s, %s or %s", c.AuthorizationType, authorizationNone, authorizationIAM, authorizationJWT)
	}
	if c.AuthorizerID != "" {
		return fmt.Errorf("authorizer is %q, want none: only authorization type %s has one", c.AuthorizerID, authorizationJWT)
	}
	return nil
}

// check returns the check of a route, nil if anyone may pass. The caller holds the lock.
func (g *Gateway) check(a *api, c RouteConfig) check {
	switch c.AuthorizationType {
	case authorizationJWT:
		return a.authorizers[c.AuthorizerID].check
	case authorizationIAM:
		return func(r *http.Request, body []byte, now time.Time) (*caller, *refusal) {
			return g.checkSignature(a.ExecutionARN, r, body, now)
		}
	}
	return nil
}
