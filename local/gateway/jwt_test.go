package gateway_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/local/gateway"
)

const (
	issuer   = "https://issuer.example.com"
	audience = "https://events.example.com"
)

// today is when the tests of authorization take place.
var today = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// tokenSite is a site with the route "GET /", which asks an authorizer.
type tokenSite struct {
	*site
	function   *function
	authorizer gateway.Authorizer
	route      gateway.Route
}

func newTokenSite(t *testing.T, o gateway.Options, stage gateway.StageConfig) tokenSite {
	f := returns(`{}`)
	o.Now = func() time.Time { return today }
	s := newSite(t, f, o, stage)
	authorizer, err := s.gateway.CreateAuthorizer(s.api.ID, jwtAuthorizer())
	require.NoError(t, err)
	route, err := s.gateway.CreateRoute(s.api.ID, s.asking(authorizer.ID))
	require.NoError(t, err)
	return tokenSite{s, f, authorizer, route}
}

func jwtAuthorizer() gateway.AuthorizerConfig {
	return gateway.AuthorizerConfig{
		Name: "jwt", Type: "JWT", IdentitySources: []string{"$request.header.Authorization"},
		Issuer: issuer, Audience: []string{"https://other.example.com", audience},
	}
}

// asking is a route that asks an authorizer.
func (s *site) asking(authorizerID string) gateway.RouteConfig {
	return gateway.RouteConfig{
		Key: "GET /", Target: "integrations/" + s.integration.ID, AuthorizationType: "JWT", AuthorizerID: authorizerID,
	}
}

// token is a token that passes, but for the claims.
func (s *site) token(claims map[string]any) string {
	token, err := s.gateway.Token(issuer, audience, claims, time.Minute)
	require.NoError(s.t, err)
	return token
}

func (s *site) getAs(authorization ...string) reply {
	r := s.request(http.MethodGet, "/", "", "")
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	return s.do(r)
}

// keys are the public keys of the authorizer's issuer, as anyone can fetch them.
func (s tokenSite) keys() jose.JSONWebKeySet {
	var configuration struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	var keys jose.JSONWebKeySet
	fetch(s.t, s.authorizer.Discovery, &configuration)
	require.Equal(s.t, issuer, configuration.Issuer)
	require.NotContains(s.t, string(fetch(s.t, configuration.JWKSURI, &keys)), `"d"`, "the private key stays where it is")
	require.Len(s.t, keys.Keys, 1)
	return keys
}

func fetch(t *testing.T, url string, document any) []byte {
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(body, document))
	return body
}

// good are the claims of a token that passes if the issuer signs it.
func good() map[string]any {
	return map[string]any{"iss": issuer, "aud": audience, "exp": today.Add(time.Minute).Unix()}
}

// signed is a token that the test signs itself.
func signed(t *testing.T, algorithm jose.SignatureAlgorithm, key any, o *jose.SignerOptions) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, o)
	require.NoError(t, err)
	token, err := jwt.Signed(signer).Claims(good()).Serialize()
	require.NoError(t, err)
	return token
}

func segment(t *testing.T, v any) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

func TestAGoodTokenPasses(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	for name, authorization := range map[string]string{
		"with Bearer":                 "Bearer " + s.token(nil),
		"in lower case":               "bearer  " + s.token(nil),
		"without Bearer":              s.token(nil),
		"one audience of several":     s.token(map[string]any{"aud": []string{"x", audience}}),
		"a client id and no audience": s.token(map[string]any{"aud": nil, "client_id": audience}),
		"an audience and a client id": s.token(map[string]any{"client_id": "x"}),
		"without the time of issue":   s.token(map[string]any{"iat": nil}),
		"valid since now":             s.token(map[string]any{"nbf": today.Unix()}),
		"expires in a second":         s.token(map[string]any{"exp": today.Unix() + 1}),
	} {
		t.Run(name, func(t *testing.T) {
			before := s.function.calls()
			require.Equal(t, http.StatusOK, s.getAs(authorization).status)
			require.Equal(t, before+1, s.function.calls())
		})
	}
}

func TestABadTokenIs401AndReachesNoFunction(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	public := s.keys().Keys[0]
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	withID := (&jose.SignerOptions{}).WithHeader("kid", public.KeyID)
	der, err := x509.MarshalPKIXPublicKey(public.Key)
	require.NoError(t, err)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	passes := s.token(nil)
	head, rest, _ := strings.Cut(passes, ".")
	_, signature, _ := strings.Cut(rest, ".")

	const (
		malformed = "the token is not a JWT that is signed with RSA"
		unknown   = "the token is signed by a key that the issuer does not have"
		forged    = "the signature is invalid"
		claims    = "the claims are malformed"
		noIssuer  = "issuer does not match"
		noAud     = "the token does not have a valid audience"
		immortal  = "the token does not expire"
		expired   = "the token has expired"
		early     = "the token is not valid yet"
		future    = "the token was issued in the future"
	)
	for name, tc := range map[string]struct{ token, why string }{
		"garbage":                             {"garbage", malformed},
		"three parts of garbage":              {"a.b.c", malformed},
		"another scheme":                      {"Basic dTpw", malformed},
		"more than a token":                   {"Bearer " + passes + " x", malformed},
		"cut off":                             {head + "." + strings.Split(rest, ".")[0], malformed},
		"without a signature":                 {head + "." + segment(t, good()) + ".", forged},
		"alg none":                            {segment(t, map[string]any{"alg": "none", "kid": public.KeyID}) + "." + segment(t, good()) + ".", malformed},
		"alg none with a signature":           {segment(t, map[string]any{"alg": "none", "kid": public.KeyID}) + "." + segment(t, good()) + "." + signature, malformed},
		"HS256 with the public key":           {signed(t, jose.HS256, publicPEM, withID), malformed},
		"HS256 with the public key as bytes":  {signed(t, jose.HS256, der, withID), malformed},
		"another key":                         {signed(t, jose.RS256, stranger, nil), unknown},
		"another key by the issuer's id":      {signed(t, jose.RS256, stranger, withID), forged},
		"another key that the token brings":   {signed(t, jose.RS256, stranger, &jose.SignerOptions{EmbedJWK: true}), unknown},
		"another key by its id and brought":   {signed(t, jose.RS256, stranger, (&jose.SignerOptions{EmbedJWK: true}).WithHeader("kid", public.KeyID)), forged},
		"the signature of another token":      {head + "." + segment(t, good()) + "." + signature, forged},
		"an algorithm that API Gateway lacks": {signed(t, jose.PS256, stranger, withID), malformed},
		"a tenant changed":                    {head + "." + segment(t, map[string]any{"iss": issuer, "aud": audience, "exp": today.Unix() + 60, "tenant_id": "victim"}) + "." + signature, forged},

		"another issuer":                  {s.token(map[string]any{"iss": "https://issuer.example.org"}), noIssuer},
		"the issuer with a slash":         {s.token(map[string]any{"iss": issuer + "/"}), noIssuer},
		"no issuer":                       {s.token(map[string]any{"iss": nil}), noIssuer},
		"another audience":                {s.token(map[string]any{"aud": "https://events.example.org"}), noAud},
		"no audience":                     {s.token(map[string]any{"aud": nil}), noAud},
		"an empty audience":               {s.token(map[string]any{"aud": ""}), noAud},
		"no audience of several":          {s.token(map[string]any{"aud": []string{"x", "y"}}), noAud},
		"another audience, but client id": {s.token(map[string]any{"aud": "x", "client_id": audience}), noAud},
		"no audience, another client id":  {s.token(map[string]any{"aud": nil, "client_id": "x"}), noAud},
		"does not expire":                 {s.token(map[string]any{"exp": nil}), immortal},
		"no claims at all":                {s.token(map[string]any{"iss": nil, "aud": nil, "exp": nil, "iat": nil}), noIssuer},
		"expired":                         {s.token(map[string]any{"exp": today.Unix() - 1}), expired},
		"expires now":                     {s.token(map[string]any{"exp": today.Unix()}), expired},
		"not valid yet":                   {s.token(map[string]any{"nbf": today.Unix() + 1}), early},
		"issued in the future":            {s.token(map[string]any{"iat": today.Unix() + 1}), future},
		"exp of another type":             {s.token(map[string]any{"exp": "never"}), claims},
		"aud of another type":             {s.token(map[string]any{"aud": 7}), claims},
		"iss of another type":             {s.token(map[string]any{"iss": []string{issuer}}), claims},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.getAs(tc.token)
			answer.requireError(t, http.StatusUnauthorized, "Unauthorized")
			require.Equal(t, `Bearer scope="" error="invalid_token" error_description="`+tc.why+`"`, answer.header.Get("Www-Authenticate"))
		})
	}
	for name, authorization := range map[string][]string{"no header": nil, "an empty header": {""}, "Bearer alone": {"Bearer "}} {
		t.Run(name, func(t *testing.T) {
			answer := s.getAs(authorization...)
			answer.requireError(t, http.StatusUnauthorized, "Unauthorized")
			require.Equal(t, "Bearer", answer.header.Get("Www-Authenticate"))
		})
	}
	t.Run("two tokens", func(t *testing.T) {
		s.getAs(passes, passes).requireError(t, http.StatusUnauthorized, "Unauthorized")
	})
	t.Run("in the query string", func(t *testing.T) {
		s.get("/?Authorization="+passes).requireError(t, http.StatusUnauthorized, "Unauthorized")
	})
	require.Zero(t, s.function.calls())
	require.Equal(t, http.StatusOK, s.getAs(passes).status, "the token that the bad ones were made of is good")
}

// TestNobodyElseMakesATokenThatPasses: no change of the signed part of a token, and no text, is let through.
func TestNobodyElseMakesATokenThatPasses(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	passes := s.token(map[string]any{"tenant_id": "acme"})
	signedPart := strings.LastIndex(passes, ".")
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~]{0,60}`).Draw(t, "text")
		if rapid.Bool().Draw(t, "change") {
			i := rapid.IntRange(0, signedPart).Draw(t, "at")
			changed := passes[:i] + rapid.StringMatching(`[A-Za-z0-9_.=-]?`).Draw(t, "character") + passes[i+1:]
			if changed == passes {
				t.Skip("the same token")
			}
			text = changed
		}
		require.Equal(t, http.StatusUnauthorized, s.getAs(text).status, text)
	})
	require.Zero(t, s.function.calls())
}

func TestATokenIsJudgedByTheClock(t *testing.T) {
	now := today
	s := newSite(t, returns(`{}`), gateway.Options{Now: func() time.Time { return now }}, gateway.StageConfig{})
	authorizer, err := s.gateway.CreateAuthorizer(s.api.ID, jwtAuthorizer())
	require.NoError(t, err)
	_, err = s.gateway.CreateRoute(s.api.ID, s.asking(authorizer.ID))
	require.NoError(t, err)
	token := s.token(nil)
	now = today.Add(59 * time.Second)
	require.Equal(t, http.StatusOK, s.getAs(token).status)
	now = today.Add(time.Minute)
	require.Equal(t, http.StatusUnauthorized, s.getAs(token).status)
	now = today.Add(-time.Second)
	require.Equal(t, http.StatusUnauthorized, s.getAs(token).status)
}

func TestTheFunctionLearnsTheClaims(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	require.Equal(t, http.StatusOK, s.getAs(s.token(map[string]any{
		"tenant_id": "acme", "groups": []string{"a", "b"}, "n": int64(1e15), "admin": true, "address": map[string]any{"city": "x"},
	})).status)
	var raw struct {
		RequestContext struct {
			Authorizer map[string]json.RawMessage `json:"authorizer"`
		} `json:"requestContext"`
	}
	require.NoError(t, json.Unmarshal(s.function.events[0], &raw))
	require.Len(t, raw.RequestContext.Authorizer, 1)
	require.JSONEq(t, `{"scopes":null,"claims":{"iss":"`+issuer+`","aud":"`+audience+`","iat":"1772366400","exp":"1772366460",
		"tenant_id":"acme","groups":"[a b]","n":"1000000000000000","admin":"true","address":"map[city:x]"}}`,
		string(raw.RequestContext.Authorizer["jwt"]))
	require.Equal(t, "acme", s.function.last(t).RequestContext.Authorizer.JWT.Claims["tenant_id"])
}

func TestTheIssuerServesTheKeysOfItsTokens(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	require.Regexp(t, `^http://127\.0\.0\.1:[0-9]+/\.well-known/openid-configuration$`, s.authorizer.Discovery)
	token, err := jwt.ParseSigned(s.token(nil), []jose.SignatureAlgorithm{jose.RS256})
	require.NoError(t, err)
	var claims jwt.Claims
	require.NoError(t, token.Claims(s.keys(), &claims))
	require.Equal(t, issuer, claims.Issuer)

	s.gateway.Close()
	_, err = http.Get(s.authorizer.Discovery)
	require.Error(t, err, "it ends with the gateway")
	_, err = s.gateway.Token(issuer, audience, nil, time.Minute)
	require.Error(t, err)
	_, err = s.gateway.CreateAuthorizer(s.api.ID, jwtAuthorizer())
	require.ErrorContains(t, err, "the gateway is closed")
}

func TestIssuersHaveKeysOfTheirOwn(t *testing.T) {
	s := newTokenSite(t, gateway.Options{}, gateway.StageConfig{})
	_, err := newGateway(t, gateway.Options{}).Token(issuer, audience, nil, time.Minute)
	require.ErrorContains(t, err, "no authorizer has been configured")
	_, err = s.gateway.Token("https://other.example.com", audience, nil, time.Minute)
	require.ErrorContains(t, err, `issuer is "https://other.example.com", want one that an authorizer names: `+issuer)

	c := jwtAuthorizer()
	c.Issuer = "https://other.example.com"
	other, err := s.gateway.CreateAuthorizer(s.api.ID, c)
	require.NoError(t, err)
	require.NotEqual(t, s.authorizer.Discovery, other.Discovery)
	token, err := s.gateway.Token(c.Issuer, audience, map[string]any{"iss": issuer}, time.Minute)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, s.getAs(token).status)
	require.Zero(t, s.function.calls())

	same, err := s.gateway.CreateAuthorizer(s.api.ID, jwtAuthorizer())
	require.NoError(t, err)
	require.Equal(t, s.authorizer.Discovery, same.Discovery)
}

func TestTheAccessLogTellsTheOwnerWhoWasRefusedAndWhy(t *testing.T) {
	log := make(lines, 10)
	s := newTokenSite(t, gateway.Options{AccessLogs: func(string) io.Writer { return log }}, gateway.StageConfig{AccessLog: &gateway.AccessLog{
		Format: "$context.requestId|$context.status|$context.error.message|$context.authorizer.error|$context.authorizer.claims.tenant_id",
	}})
	s.getAs(s.token(map[string]any{"aud": "x"}))
	require.Regexp(t, `\|401\|Unauthorized\|the token does not have a valid audience\|-\n$`, log.next(t))
	s.getAs(s.token(map[string]any{"tenant_id": "ac\"me"}))
	require.Regexp(t, `\|200\|-\|-\|ac\\"me\n$`, log.next(t))
}
