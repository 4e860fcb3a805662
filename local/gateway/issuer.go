package gateway

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"cellular/local/loopback"
)

// Token signs a token of an issuer that the gateway stands in for: that is, one that an authorizer names. It has iss, aud,
// iat and exp, which is ttl from now; a ttl below zero gives a token that has expired. The claims are laid over these;
// one that is nil is left out. The token passes wherever the rules of an authorizer let it pass, and nowhere else.
func (g *Gateway) Token(issuer, audience string, claims map[string]any, ttl time.Duration) (string, error) {
	i, err := g.issuers.find(issuer)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	now := g.options.Now()
	all := map[string]any{"iss": issuer, "aud": audience, "iat": now.Unix(), "exp": now.Add(ttl).Unix()}
	for name, v := range claims {
		if v == nil {
			delete(all, name)
		} else {
			all[name] = v
		}
	}
	token, err := jwt.Signed(i.signer).Claims(all).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a token of %s: %w", issuer, err)
	}
	return token, nil
}

// issuer stands in for an identity provider. Its key is made at its start and is never written anywhere.
type issuer struct {
	signer    jose.Signer
	public    jose.JSONWebKeySet
	discovery string // URL of the OpenID configuration
	server    *loopback.Server
}

const keyBits = 2048 // the least that RFC 7518 allows for RS256

// newIssuer makes a key, and serves its public half on loopback as an identity provider does.
func newIssuer(name string) (*issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	id := rand.Text()
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	server, err := loopback.Serve(loopback.Options{Handler: mux})
	if err != nil {
		return nil, err
	}
	const configurationPath, keysPath = "/.well-known/openid-configuration", "/.well-known/jwks.json"
	base := server.URL()
	i := &issuer{
		signer:    signer,
		public:    jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: id, Algorithm: string(jose.RS256), Use: "sig"}}},
		discovery: base + configurationPath,
		server:    server,
	}
	mux.HandleFunc("GET "+configurationPath, serveJSON(map[string]any{
		"issuer": name, "jwks_uri": base + keysPath, "id_token_signing_alg_values_supported": []jose.SignatureAlgorithm{jose.RS256},
	}))
	mux.HandleFunc("GET "+keysPath, serveJSON(i.public))
	return i, nil
}

func serveJSON(document any) http.HandlerFunc {
	body := encode(document)
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // it fails only if the client has gone
	}
}

func (i *issuer) close() {
	_ = i.server.Close() // it has nothing to lose
}

// issuers are the issuers that authorizers name, each made once. They live as long as the gateway, so that tokens outlive
// the replacement of an authorizer.
type issuers struct {
	mu     sync.Mutex
	closed bool
	byName map[string]*issuer
}

// named returns the issuer of that name, and makes it if need be.
func (s *issuers) named(name string) (*issuer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.byName[name]; ok {
		return i, nil
	}
	if s.closed {
		return nil, errClosed
	}
	i, err := newIssuer(name)
	if err != nil {
		return nil, err
	}
	if s.byName == nil {
		s.byName = map[string]*issuer{}
	}
	s.byName[name] = i
	return i, nil
}

func (s *issuers) find(name string) (*issuer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.byName[name]; ok {
		return i, nil
	}
	if len(s.byName) == 0 {
		return nil, errors.New("no authorizer has been configured")
	}
	return nil, fmt.Errorf("issuer is %q, want one that an authorizer names: %s", name, strings.Join(sortedNames(s.byName), ", "))
}

func (s *issuers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, i := range s.byName {
		i.close()
	}
	s.byName = nil
}
