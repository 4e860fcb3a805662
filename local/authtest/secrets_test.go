package authtest

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/ledger"
	"cellular/internal/testkit/cloudtest"
)

// testLogs looks for whatever was sent and is nobody's business in everything that was logged, at the level debug. It is
// the last test: tokens, signatures and the payloads of accepted and refused events have been sent before.
func (s *site) testLogs(t *testing.T) {
	s.sendWhatFails(t)
	require.NotEmpty(t, s.secrets)
	logged := s.awaitLogged(t, "the-last")
	for _, secret := range s.secrets {
		at := strings.Index(logged, secret)
		require.Negative(t, at, "%q was logged: %s", secret, logged[max(0, at-200):max(0, at)])
	}
	for _, known := range []string{"private", "foreign-tenant", "malformed-request", "id-conflict", "too-large", "rejected"} {
		require.Contains(t, logged, known, "what the logs are for")
	}
}

// sendWhatFails sends events that the router refuses, or the consumer: a log that explains a failure is the likeliest to
// repeat what failed.
func (s *site) sendWhatFails(t *testing.T) {
	signed := func(body string, header ...string) reply {
		r := s.post(t, body)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		s.sign(t, r, body)
		return s.reach(t, r)
	}
	ask := func(path string) *http.Request {
		r := s.get(t, path)
		s.sign(t, r, "")
		return r
	}
	secret := func(text string) string {
		s.secrets = append(s.secrets, text)
		return text
	}
	visit := func(id, payload string) string {
		return `{"tenant_id":"acme","id":"` + id + `","type":"visit","payload":` + payload + `}`
	}

	cloudtest.RequireProblem(t, signed(visit("used", `1`)+secret("trailing-secret")), http.StatusBadRequest, "malformed-request")
	cloudtest.RequireProblem(t, signed(`{"`+secret("secret-field")+`":1}`), http.StatusBadRequest, "malformed-request")
	cloudtest.RequireProblem(t, signed(visit(secret("secret id"), `1`)), http.StatusBadRequest, "malformed-request")
	cloudtest.RequireProblem(t, signed(visit("used", `1`), "Idempotency-Key", secret("secret key")), http.StatusBadRequest, "malformed-request")
	cloudtest.RequireProblem(t, signed(visit("used", `1`), "Content-Type", secret("text/secret")), http.StatusUnsupportedMediaType, "unsupported-media-type")
	cloudtest.RequireProblem(t, signed(visit("used", `"`+secret("large-secret")+strings.Repeat("x", 1<<20)+`"`)), http.StatusRequestEntityTooLarge, "too-large")
	cloudtest.RequireProblem(t, signed(visit("own", `"`+secret("conflicting-secret")+`"`)), http.StatusConflict, "id-conflict")

	order := `{"order_id":"` + secret("secret-order") + `","customer":"` + secret("secret-customer") + `","lines":` + secret("3141592653589") + `}`
	a := signed(`{"tenant_id":"acme","id":"bad-order","type":"order.placed","payload":` + order + `}`)
	cloudtest.RequireAccepted(t, a)
	s.awaitStatus(t, ledger.Failed, func() *http.Request { return ask(a.Header.Get("Location")) })

	cloudtest.RequireProblem(t, s.reach(t, ask("/v1/events/the-last?tenant_id=acme&token="+secret("secret-in-query"))), http.StatusNotFound, "unknown-event")
}

// awaitLogged returns everything that was logged, as soon as some text was.
func (s *site) awaitLogged(t *testing.T, text string) string {
	return cloudtest.Await(t, "the logs have "+text, func() (all string, ok bool) {
		files, err := filepath.Glob(filepath.Join(s.cloud.Dir, "logs", "*"))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			all += string(content)
		}
		return all, strings.Contains(all, text)
	})
}
