// Package authtest checks on the local cloud who the program's own configuration of authorization keeps out, and where:
// the HTTP API refuses callers that prove nothing before any function runs, and the router refuses those that speak for a
// tenant that is not theirs before any cell is reached.
package authtest

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local"
)

func TestOnlyAuthorizedRequestsReachTheRouter(t *testing.T) {
	s := &site{logs: &accessLog{entries: map[string]entry{}}}
	s.cloud = cloudtest.New(t, local.Options{Logs: s.logs, Config: map[string]any{"cellular:cells": cloudtest.Cells("solo")}})
	s.tables = dynamodb.NewFromConfig(s.cloud.AWS)

	s.up(t, map[string]any{"type": "jwt", "issuer": issuer, "audience": []any{audience}, "tenantClaim": claim})
	s.place(t, "acme", "victim")
	t.Run("tokens", s.testTokens)
	t.Run("tenants of tokens", s.testTenantsOfTokens)
	// The same stack, reconfigured: the routes are changed in place and the authorizer is deleted.
	s.up(t, map[string]any{"type": "iam"})
	t.Run("signatures", s.testSignatures)
	t.Run("tenants of signers", s.testTenantsOfSigners)

	t.Run("logs", s.testLogs)
}

func (s *site) testTokens(t *testing.T) {
	tenant := map[string]any{claim: "nobody"}
	good := s.bearer(t, audience, tenant, time.Minute)
	parts := strings.Split(good, ".")
	other := strings.Split(s.bearer(t, audience, map[string]any{claim: "victim"}, time.Minute), ".")
	for name, authorization := range map[string]string{
		"missing":        "",
		"malformed":      "Bearer x",
		"forged":         parts[0] + "." + other[1] + "." + parts[2],
		"unsigned":       parts[0] + "." + parts[1] + ".",
		"expired":        s.bearer(t, audience, tenant, -time.Second),
		"wrong audience": s.bearer(t, "https://elsewhere.example.com", tenant, time.Minute),
		"wrong issuer":   s.bearer(t, audience, map[string]any{claim: "nobody", "iss": "https://issuer.example.org"}, time.Minute),
		"claimless":      s.bearer(t, audience, map[string]any{"iss": nil, "aud": nil, "exp": nil, "iat": nil}, time.Minute),
	} {
		t.Run(name, func(t *testing.T) {
			r := s.post(t, refusedBody)
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			answer, reached := s.send(t, r)
			require.Equal(t, http.StatusUnauthorized, answer.Status)
			require.JSONEq(t, `{"message":"Unauthorized"}`, string(answer.Body))
			require.Contains(t, answer.Header.Get("Www-Authenticate"), "Bearer")
			require.False(t, reached)
		})
	}
	t.Run("good", func(t *testing.T) {
		r := s.post(t, refusedBody)
		r.Header.Set("Authorization", good)
		cloudtest.RequireProblem(t, s.reach(t, r), http.StatusNotFound, "unknown-tenant")
	})
}

func (s *site) testSignatures(t *testing.T) {
	credentials, err := s.cloud.AWS.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	stranger := aws.Credentials{AccessKeyID: credentials.AccessKeyID, SecretAccessKey: "guessed"}
	for name, prepare := range map[string]func(*http.Request){
		"unsigned":        func(*http.Request) {},
		"a token":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") },
		"another secret":  func(r *http.Request) { s.signAs(t, r, refusedBody, stranger, "execute-api", time.Now()) },
		"another service": func(r *http.Request) { s.signAs(t, r, refusedBody, credentials, "dynamodb", time.Now()) },
		"expired": func(r *http.Request) {
			s.signAs(t, r, refusedBody, credentials, "execute-api", time.Now().Add(-10*time.Minute))
		},
		"changed": func(r *http.Request) {
			s.sign(t, r, refusedBody)
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(refusedBody, "nobody", "victim", 1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.post(t, refusedBody)
			prepare(r)
			answer, reached := s.send(t, r)
			require.Equal(t, http.StatusForbidden, answer.Status)
			require.JSONEq(t, `{"message":"Forbidden"}`, string(answer.Body))
			require.False(t, reached)
		})
	}
	t.Run("a role", func(t *testing.T) {
		as, err := s.cloud.Operator().Credentials.Retrieve(t.Context())
		require.NoError(t, err)
		r := s.post(t, refusedBody)
		s.signAs(t, r, refusedBody, as, "execute-api", time.Now())
		answer, reached := s.send(t, r)
		require.Equal(t, http.StatusForbidden, answer.Status, "its policies do not let it call the API")
		require.False(t, reached)
		s.allow(t, "local-cellctl-operator", "execute-api:Invoke", "arn:aws:execute-api:us-east-1:123456789012:*/*/POST/v1/events")
		r = s.post(t, refusedBody)
		s.signAs(t, r, refusedBody, as, "execute-api", time.Now())
		cloudtest.RequireProblem(t, s.reach(t, r), http.StatusNotFound, "unknown-tenant")
	})
	t.Run("good", func(t *testing.T) {
		r := s.post(t, refusedBody)
		s.sign(t, r, refusedBody)
		cloudtest.RequireProblem(t, s.reach(t, r), http.StatusNotFound, "unknown-tenant")
	})
}

// allow gives a role one more right.
func (s *site) allow(t *testing.T, role, action, resource string) {
	t.Helper()
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}]}`
	_, err := iam.NewFromConfig(s.cloud.AWS).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &role, PolicyName: aws.String("more"), PolicyDocument: &document,
	})
	require.NoError(t, err)
}
