package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// AuthorizerConfig says whose tokens pass.
type AuthorizerConfig struct {
	Name string // 1 to 128 characters
	Type string // JWT, the only one

	// IdentitySources say where a request has its token: [$request.header.Authorization], the only one.
	IdentitySources []string

	// Issuer is what a token's iss has to be, to the letter: an https URL without query or fragment. Nothing is sent
	// to it: the gateway stands in for it, with keys of its own.
	Issuer string

	// Audience is 1 to 50 names; a token is for one of them.
	Audience []string
}

// Authorizer is a JWT authorizer of an API.
type Authorizer struct {
	ID     string
	Config AuthorizerConfig

	// Discovery is the URL of the OpenID configuration of the issuer's stand-in, which leads to its public keys.
	Discovery string

	rules tokenRules
}

// Limits of authorizers, from the API reference and the quotas of HTTP APIs.
const (
	maxAuthorizerName = 128
	maxAudience       = 50
)

const identitySource = "$request.header.Authorization"

// CreateAuthorizer adds an authorizer to an API. The first one with an issuer makes the issuer's keys.
func (g *Gateway) CreateAuthorizer(apiID string, c AuthorizerConfig) (Authorizer, error) {
	au, err := g.newAuthorizer(newID(resourceIDLength), c)
	if err != nil {
		return Authorizer{}, fmt.Errorf("create authorizer %s: %w", c.Name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.api(apiID)
	if err != nil {
		return Authorizer{}, fmt.Errorf("create authorizer %s: %w", c.Name, err)
	}
	a.authorizers[au.ID] = au
	return au.snapshot(), nil
}

// GetAuthorizer returns an authorizer.
func (g *Gateway) GetAuthorizer(apiID, id string) (Authorizer, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, au, err := g.authorizer(apiID, id)
	if err != nil {
		return Authorizer{}, fmt.Errorf("get %w", err)
	}
	return au.snapshot(), nil
}

// UpdateAuthorizer replaces an authorizer's configuration.
func (g *Gateway) UpdateAuthorizer(apiID, id string, c AuthorizerConfig) (Authorizer, error) {
	updated, err := g.newAuthorizer(id, c)
	if err != nil {
		return Authorizer{}, fmt.Errorf("update authorizer %s: %w", id, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a, _, err := g.authorizer(apiID, id)
	if err != nil {
		return Authorizer{}, fmt.Errorf("update %w", err)
	}
	a.authorizers[id] = updated
	return updated.snapshot(), nil
}

// DeleteAuthorizer removes an authorizer. While a route asks it, it is a conflict.
func (g *Gateway) DeleteAuthorizer(apiID, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, _, err := g.authorizer(apiID, id)
	if err != nil {
		return fmt.Errorf("delete %w", err)
	}
	for _, r := range a.routes {
		if r.Config.AuthorizerID == id {
			return fmt.Errorf("delete authorizer %s: route %q asks it: %w", id, r.Config.Key, ErrConflict)
		}
	}
	delete(a.authorizers, id)
	return nil
}

// authorizer finds an authorizer and its API. The caller holds the lock.
func (g *Gateway) authorizer(apiID, id string) (*api, Authorizer, error) {
	a, err := g.api(apiID)
	if err != nil {
		return nil, Authorizer{}, fmt.Errorf("authorizer %s: %w", id, err)
	}
	au, ok := a.authorizers[id]
	if !ok {
		return nil, Authorizer{}, fmt.Errorf("authorizer %s: %w", id, ErrNotFound)
	}
	return a, au, nil
}

func (g *Gateway) newAuthorizer(id string, c AuthorizerConfig) (Authorizer, error) {
	if err := c.validate(); err != nil {
		return Authorizer{}, err
	}
	issuer, err := g.issuers.named(c.Issuer)
	if err != nil {
		return Authorizer{}, fmt.Errorf("stand in for the issuer %s: %w", c.Issuer, err)
	}
	c = c.clone()
	return Authorizer{
		ID: id, Config: c, Discovery: issuer.discovery,
		rules: tokenRules{issuer: c.Issuer, audience: c.Audience, keys: issuer.public},
	}, nil
}

func (c AuthorizerConfig) validate() error {
	if n := len([]rune(c.Name)); n < 1 || n > maxAuthorizerName {
		return fmt.Errorf("name has %d characters, want 1 to %d", n, maxAuthorizerName)
	}
	if c.Type != authorizationJWT {
		return fmt.Errorf("type is %q, want %s", c.Type, authorizationJWT)
	}
	if !slices.Equal(c.IdentitySources, []string{identitySource}) {
		return fmt.Errorf("identity sources are %q, want [%q]", c.IdentitySources, identitySource)
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("issuer is %q, want an https URL without query or fragment", c.Issuer)
	}
	if n := len(c.Audience); n < 1 || n > maxAudience {
		return fmt.Errorf("audience has %d names, want 1 to %d", n, maxAudience)
	}
	if slices.Contains(c.Audience, "") {
		return errors.New("audience has an empty name")
	}
	return nil
}

func (c AuthorizerConfig) clone() AuthorizerConfig {
	c.IdentitySources, c.Audience = slices.Clone(c.IdentitySources), slices.Clone(c.Audience)
	return c
}

func (au Authorizer) snapshot() Authorizer {
	au.Config = au.Config.clone()
	return au
}

// check is the check of routes that ask the authorizer.
func (au Authorizer) check(r *http.Request, _ []byte, now time.Time) (*caller, *refusal) {
	token, err := au.rules.verify(r.Header.Values("Authorization"), now)
	if err != nil {
		return nil, &refusal{unauthorized(err), err.Error()}
	}
	return &caller{JWT: token}, nil
}

// unauthorized tells the client what is wrong with its token, as API Gateway does.
func unauthorized(err error) answer {
	challenge := "Bearer"
	if !errors.Is(err, errNoToken) {
		challenge = fmt.Sprintf(`Bearer scope="" error="invalid_token" error_description="%v"`, err)
	}
	a := gatewayError(http.StatusUnauthorized, "Unauthorized")
	a.header.Set("Www-Authenticate", challenge)
	return a
}
