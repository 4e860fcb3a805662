package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/gateway"
)

func TestAuthorizersAreCheckedAndManaged(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	for _, tc := range []struct {
		change func(*gateway.AuthorizerConfig)
		want   string
	}{
		{func(c *gateway.AuthorizerConfig) { c.Name = "" }, "name has 0 characters, want 1 to 128"},
		{func(c *gateway.AuthorizerConfig) { c.Type = "REQUEST" }, `type is "REQUEST", want JWT`},
		{func(c *gateway.AuthorizerConfig) { c.IdentitySources = nil }, `identity sources are [], want ["$request.header.Authorization"]`},
		{func(c *gateway.AuthorizerConfig) { c.IdentitySources = []string{"$request.querystring.token"} }, `identity sources are ["$request.querystring.token"]`},
		{func(c *gateway.AuthorizerConfig) { c.Issuer = "http://issuer.example.com" }, `issuer is "http://issuer.example.com", want an https URL`},
		{func(c *gateway.AuthorizerConfig) { c.Issuer = "https://" }, `issuer is "https://", want an https URL`},
		{func(c *gateway.AuthorizerConfig) { c.Issuer = issuer + "?a=b" }, "without query or fragment"},
		{func(c *gateway.AuthorizerConfig) { c.Audience = nil }, "audience has 0 names, want 1 to 50"},
		{func(c *gateway.AuthorizerConfig) { c.Audience = strings.Split(strings.Repeat("a,", 50), ",") }, "audience has 51 names"},
		{func(c *gateway.AuthorizerConfig) { c.Audience = []string{""} }, "audience has an empty name"},
	} {
		c := jwtAuthorizer()
		tc.change(&c)
		_, err := s.gateway.CreateAuthorizer(s.api.ID, c)
		require.ErrorContains(t, err, "create authorizer "+c.Name+": ")
		require.ErrorContains(t, err, tc.want)
		_, err = s.gateway.UpdateAuthorizer(s.api.ID, s.authorizer.ID, c)
		require.ErrorContains(t, err, "update authorizer "+s.authorizer.ID+": ")
		require.ErrorContains(t, err, tc.want)
	}

	c := jwtAuthorizer()
	c.Audience = []string{"new"}
	token := s.token(nil)
	require.Equal(t, http.StatusOK, s.getAs(token).status)
	updated, err := s.gateway.UpdateAuthorizer(s.api.ID, s.authorizer.ID, c)
	require.NoError(t, err)
	c.Audience[0] = audience // the caller's own
	require.Equal(t, http.StatusUnauthorized, s.getAs(token).status)
	require.Equal(t, http.StatusOK, s.getAs(s.token(map[string]any{"aud": "new"})).status)
	got, err := s.gateway.GetAuthorizer(s.api.ID, s.authorizer.ID)
	require.NoError(t, err)
	require.Equal(t, updated, got)
	require.Equal(t, []string{"new"}, got.Config.Audience)

	err = s.gateway.DeleteAuthorizer(s.api.ID, s.authorizer.ID)
	require.ErrorIs(t, err, gateway.ErrConflict)
	require.ErrorContains(t, err, `route "GET /" asks it`)
	require.NoError(t, s.gateway.DeleteRoute(s.api.ID, s.route.ID))
	require.NoError(t, s.gateway.DeleteAuthorizer(s.api.ID, s.authorizer.ID))
	_, err = s.gateway.GetAuthorizer(s.api.ID, s.authorizer.ID)
	require.ErrorIs(t, err, gateway.ErrNotFound)
}

func TestTheAuthorizationOfRoutesIsChecked(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	for _, tc := range []struct {
		authorizationType, authorizer, want string
	}{
		{"CUSTOM", "", `authorization type is "CUSTOM", want NONE, AWS_IAM or JWT`},
		{"jwt", s.authorizer.ID, `authorization type is "jwt", want NONE, AWS_IAM or JWT`},
		{"JWT", "", `authorizer "": not found`},
		{"JWT", "nope", `authorizer "nope": not found`},
		{"NONE", s.authorizer.ID, "want none: only authorization type JWT has one"},
		{"", s.authorizer.ID, "want none: only authorization type JWT has one"},
		{"AWS_IAM", "", "the gateway has no credentials to check signatures with"},
	} {
		c := s.asking(tc.authorizer)
		c.AuthorizationType = tc.authorizationType
		_, err := s.gateway.UpdateRoute(s.api.ID, s.route.ID, c)
		require.ErrorContains(t, err, tc.want)
		c.Key = "GET /new"
		_, err = s.gateway.CreateRoute(s.api.ID, c)
		require.ErrorContains(t, err, tc.want)
	}
	require.Equal(t, http.StatusUnauthorized, s.getAs().status, "the route is as it was")

	c := s.asking("")
	c.AuthorizationType = "NONE"
	_, err := s.gateway.UpdateRoute(s.api.ID, s.route.ID, c)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.getAs().status, "the route is open now")
}

func TestTheThrottleComesBeforeTheCheck(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{Throttle: &gateway.Throttle{Rate: 0.001, Burst: 1}})
	require.Equal(t, http.StatusUnauthorized, s.getAs("x").status)
	s.getAs("x").requireError(t, http.StatusTooManyRequests, "Too Many Requests")
}

func TestAnExpiredTokenCanBeMade(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	token, err := s.gateway.Token(issuer, audience, nil, -time.Minute)
	require.NoError(t, err)
	require.Contains(t, s.getAs(token).header.Get("Www-Authenticate"), "the token has expired")
}
