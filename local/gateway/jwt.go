package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	strict "github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
)

// tokenRules are the rules of a JWT authorizer.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
type tokenRules struct {
	issuer   string
	audience []string
	keys     jose.JSONWebKeySet // public keys of the issuer
}

// tokenCaller is what a function learns of a token.
type tokenCaller struct {
	Claims map[string]string `json:"claims"` // their values as text: a list is "[a b]"
	Scopes []string          `json:"scopes"` // those that the route asks for; null: routes here ask for none
}

// algorithms are those of RSA, as in API Gateway. Neither "none" nor a secret that two sides share is among them, so that
// no public key can be taken for such a secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// What can be wrong with a token. A client is told; the texts hold nothing that it sent. Those of the issuer and the
// audience are API Gateway's words, which publishes no list of the others.
var (
	errNoToken        = errors.New("token not provided")
	errMalformedToken = errors.New("the token is not a JWT that is signed with RSA")
	errUnknownKey     = errors.New("the token is signed by a key that the issuer does not have")
	errSignature      = errors.New("the signature is invalid")
	errClaims         = errors.New("the claims are malformed")
	errIssuer         = errors.New("issuer does not match")
	errAudience       = errors.New("the token does not have a valid audience")
	errNoExpiry       = errors.New("the token does not expire")
	errExpired        = errors.New("the token has expired")
	errNotYetValid    = errors.New("the token is not valid yet")
	errIssuedInFuture = errors.New("the token was issued in the future")
)

// verify checks a token and returns its claims. Times are compared without leeway; every token has to expire.
func (rules tokenRules) verify(authorization []string, now time.Time) (*tokenCaller, error) {
	text := bearer(authorization)
	if text == "" {
		return nil, errNoToken
	}
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		return nil, errMalformedToken
	}
	// Only a key of the issuer counts, not one that the token brings along.
	id := token.Headers[0].KeyID
	keys := rules.keys.Key(id)
	if id == "" || len(keys) == 0 {
		return nil, errUnknownKey
	}
	var raw json.RawMessage
	if err := token.Claims(keys[0].Key, &raw); err != nil {
		return nil, errSignature
	}
	var claims struct {
		jwt.Claims
		ClientID string `json:"client_id"`
	}
	// The library's decoder tells apart the case of names, and refuses a name that appears twice.
	if err := strict.Unmarshal(raw, &claims); err != nil {
		return nil, errClaims
	}
	all, err := claimTexts(raw)
	if err != nil {
		return nil, errClaims
	}
	audience := claims.Audience
	if _, ok := all["aud"]; !ok {
		audience = jwt.Audience{claims.ClientID}
	}
	switch {
	case claims.Issuer != rules.issuer:
		return nil, errIssuer
	case !slices.ContainsFunc(rules.audience, audience.Contains):
		return nil, errAudience
	case claims.Expiry == nil:
		return nil, errNoExpiry
	case !now.Before(claims.Expiry.Time()):
		return nil, errExpired
	case claims.NotBefore != nil && now.Before(claims.NotBefore.Time()):
		return nil, errNotYetValid
	case claims.IssuedAt != nil && now.Before(claims.IssuedAt.Time()):
		return nil, errIssuedInFuture
	}
	return &tokenCaller{Claims: all}, nil
}

// bearer returns the token of an Authorization header, which has the scheme Bearer in front or nothing. A header that is
// sent twice is one value, which is no token.
func bearer(authorization []string) string {
	text := strings.TrimSpace(strings.Join(authorization, ","))
	if scheme, token, ok := strings.Cut(text, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if strings.EqualFold(text, "Bearer") {
		return ""
	}
	return text
}

// claimTexts returns all claims as API Gateway hands them to a function: numbers as they are written, lists and objects
// as Go prints them.
func claimTexts(raw []byte) (map[string]string, error) {
	var claims map[string]any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&claims); err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(claims))
	for name, v := range claims {
		texts[name] = fmt.Sprint(v)
	}
	return texts, nil
}
