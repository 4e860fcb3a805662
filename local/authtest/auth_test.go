// Package authtest checks on the local cloud that the program's own configuration of authorization keeps out who should
// be kept out: before any function runs.
package authtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"cellular/local"
)

const (
	issuer   = "https://issuer.example.com"
	audience = "https://events.example.com"
	body     = `{"tenant_id":"nobody","type":"t","payload":{}}`
)

// site is the deployed router.
type site struct {
	cloud *local.Cloud
	logs  *accessLog
	url   string
}

// up deploys the program with that authorization.
func (s *site) up(t *testing.T, auth map[string]any) {
	out, _, err := s.cloud.Up(t.Context(), map[string]any{"cellular:router": map[string]any{"auth": auth}})
	require.NoError(t, err)
	s.url = out.URL
}

// request is a request about a tenant that has no cell: one that gets as far as the function is answered 404 there.
func (s *site) request(t *testing.T) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSuffix(s.url, "/")+"/v1/events", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	return r
}

type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a request, and tells whether it reached the function.
func (s *site) send(t *testing.T, r *http.Request) (reply, bool) {
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	id := resp.Header.Get("Apigw-Requestid")
	require.NotEmpty(t, id)
	return reply{resp.StatusCode, resp.Header, string(text)}, s.logs.await(t, id).IntegrationStatus != "-"
}

// entry is a line of the router's access log.
type entry struct {
	RequestID         string `json:"requestId"`
	IntegrationStatus string `json:"integrationStatus"` // what Lambda answered; "-" if it was not called
}

// accessLog keeps the access log, whose lines are among the functions'.
type accessLog struct {
	mu      sync.Mutex
	entries map[string]entry
}

func (l *accessLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, content, _ := strings.Cut(string(line), " | ")
	var e entry
	if json.Unmarshal([]byte(content), &e) == nil && e.IntegrationStatus != "" {
		l.entries[e.RequestID] = e
	}
	return len(line), nil
}

func (l *accessLog) await(t *testing.T, id string) entry {
	var found entry
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		e, ok := l.entries[id]
		found = e
		return ok
	}, 30*time.Second, 5*time.Millisecond, "the request %s is not in the access log", id)
	return found
}

func TestOnlyAuthorizedRequestsReachTheRouter(t *testing.T) {
	s := &site{logs: &accessLog{entries: map[string]entry{}}}
	cloud, err := local.Start(t.Context(), local.Options{
		Dir: t.TempDir(), Tools: "../../.local", Logs: s.logs, Progress: func(line string) { t.Log(line) },
		Config: map[string]any{"cellular:cells": []any{map[string]any{"id": "solo"}}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cloud.Close()) })
	s.cloud = cloud

	s.up(t, map[string]any{"type": "jwt", "issuer": issuer, "audience": []any{audience}, "tenantClaim": "tenant_id"})
	t.Run("jwt", s.testTokens)
	// The same stack, reconfigured: the routes are changed in place and the authorizer is deleted.
	s.up(t, map[string]any{"type": "iam"})
	t.Run("iam", s.testSignatures)
}

func (s *site) testTokens(t *testing.T) {
	token := func(audience string, claims map[string]any, ttl time.Duration) string {
		token, err := s.cloud.Gateway.Token(issuer, audience, claims, ttl)
		require.NoError(t, err)
		return "Bearer " + token
	}
	tenant := map[string]any{"tenant_id": "nobody"}
	good := token(audience, tenant, time.Minute)
	parts := strings.Split(good, ".")
	other := strings.Split(token(audience, map[string]any{"tenant_id": "victim"}, time.Minute), ".")
	for name, authorization := range map[string]string{
		"missing":        "",
		"malformed":      "Bearer x",
		"forged":         parts[0] + "." + other[1] + "." + parts[2],
		"unsigned":       parts[0] + "." + parts[1] + ".",
		"expired":        token(audience, tenant, -time.Second),
		"wrong audience": token("https://elsewhere.example.com", tenant, time.Minute),
		"wrong issuer":   token(audience, map[string]any{"tenant_id": "nobody", "iss": "https://issuer.example.org"}, time.Minute),
		"claimless":      token(audience, map[string]any{"iss": nil, "aud": nil, "exp": nil, "iat": nil}, time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			r := s.request(t)
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			answer, reached := s.send(t, r)
			require.Equal(t, http.StatusUnauthorized, answer.status)
			require.JSONEq(t, `{"message":"Unauthorized"}`, answer.body)
			require.Contains(t, answer.header.Get("Www-Authenticate"), "Bearer")
			require.False(t, reached)
		})
	}
	t.Run("good", func(t *testing.T) {
		r := s.request(t)
		r.Header.Set("Authorization", good)
		answer, reached := s.send(t, r)
		require.True(t, reached)
		require.Equal(t, http.StatusNotFound, answer.status, answer.body)
		require.Equal(t, "application/problem+json", answer.header.Get("Content-Type"))
	})
}

func (s *site) testSignatures(t *testing.T) {
	credentials, err := s.cloud.AWS.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	sign := func(r *http.Request, credentials aws.Credentials, service string, at time.Time) {
		hash := sha256.Sum256([]byte(body))
		require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), credentials, r, hex.EncodeToString(hash[:]), service, s.cloud.AWS.Region, at))
	}
	stranger := aws.Credentials{AccessKeyID: credentials.AccessKeyID, SecretAccessKey: "guessed"}
	for name, prepare := range map[string]func(*http.Request){
		"unsigned":        func(*http.Request) {},
		"a token":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		"another secret":  func(r *http.Request) { sign(r, stranger, "execute-api", time.Now()) },
		"another service": func(r *http.Request) { sign(r, credentials, "dynamodb", time.Now()) },
		"expired":         func(r *http.Request) { sign(r, credentials, "execute-api", time.Now().Add(-10*time.Minute)) },
		"changed": func(r *http.Request) {
			sign(r, credentials, "execute-api", time.Now())
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(body, "nobody", "victim", 1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.request(t)
			prepare(r)
			answer, reached := s.send(t, r)
			require.Equal(t, http.StatusForbidden, answer.status)
			require.JSONEq(t, `{"message":"Forbidden"}`, answer.body)
			require.False(t, reached)
		})
	}
	t.Run("good", func(t *testing.T) {
		r := s.request(t)
		sign(r, credentials, "execute-api", time.Now())
		answer, reached := s.send(t, r)
		require.True(t, reached)
		require.Equal(t, http.StatusNotFound, answer.status, answer.body)
		require.Equal(t, "application/problem+json", answer.header.Get("Content-Type"))
	})
}
