package authtest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/model/event"
	"cellular/internal/model/ledger"
	"cellular/internal/testkit/cloudtest"
)

// place maps tenants to the one cell: what keeps them apart is the router alone.
func (s *site) place(t *testing.T, tenants ...string) {
	for _, tenant := range tenants {
		cloudtest.Place(t, s.tables, tenant, s.cell)
	}
}

// has tells whether the cell has an event.
func (s *site) has(t *testing.T, tenant, id string) bool {
	item, err := cloudtest.Item(t.Context(), s.tables, s.cell.DataTable, event.Key(tenant, id))
	require.NoError(t, err)
	return item != nil
}

// An event's payload has a text in it that belongs in no log.
func (s *site) event(tenant, id, eventType string) string {
	secret := fmt.Sprintf("payload-of-%s-%s", tenant, id)
	s.secrets = append(s.secrets, secret)
	return fmt.Sprintf(`{"tenant_id":%q,"id":%q,"type":%q,"payload":{"secret":%q}}`, tenant, id, eventType, secret)
}

// awaitStatus asks for an event until it has that status. Each request has to be authorized anew.
func (s *site) awaitStatus(t *testing.T, status ledger.Status, ask func() *http.Request) {
	t.Helper()
	cloudtest.Await(t, "the event is "+string(status), func() (reply, bool) {
		a := s.reach(t, ask())
		return a, a.Status == http.StatusOK && a.Field("status") == string(status)
	})
}

func (s *site) testTenantsOfTokens(t *testing.T) {
	acme := s.bearer(t, audience, map[string]any{claim: "acme"}, time.Hour)
	victim := s.bearer(t, audience, map[string]any{claim: "victim"}, time.Hour)
	as := func(token string, r *http.Request) *http.Request {
		r.Header.Set("Authorization", token)
		return r
	}
	accept := func(t *testing.T, token, tenant, id string) {
		a := s.reach(t, as(token, s.post(t, s.event(tenant, id, "visit"))))
		cloudtest.RequireAccepted(t, a)
	}

	t.Run("its own tenant", func(t *testing.T) {
		accept(t, acme, "acme", "own")
		s.awaitStatus(t, ledger.Processed, func() *http.Request { return as(acme, s.get(t, "/v1/events/own?tenant_id=acme")) })
		s.awaitStatus(t, ledger.Processed, func() *http.Request { return as(acme, s.get(t, "/v1/events/own")) }) // the token says whose
	})
	t.Run("another tenant", func(t *testing.T) {
		accept(t, victim, "victim", "private")
		for name, r := range map[string]*http.Request{
			"a new event":     s.post(t, s.event("victim", "foreign", "visit")),
			"a used id":       s.post(t, s.event("victim", "private", "visit")),
			"an event":        s.get(t, "/v1/events/private?tenant_id=victim"),
			"no event":        s.get(t, "/v1/events/missing?tenant_id=victim"),
			"no tenant":       s.get(t, "/v1/events/missing?tenant_id=nobody"),
			"for no tenant":   s.post(t, s.event("nobody", "foreign", "visit")),
			"in another case": s.get(t, "/v1/events/own?tenant_id=ACME"),
		} {
			t.Run(name, func(t *testing.T) {
				a := s.reach(t, as(acme, r))
				cloudtest.RequireProblem(t, a, http.StatusForbidden, "foreign-tenant")
				require.Empty(t, a.Header.Get("X-Cell-Id"), "where the other tenant is")
				require.NotContains(t, string(a.Body), s.cell.ID)
			})
		}
		require.False(t, s.has(t, "victim", "foreign"), "what was refused reaches no cell")
		a := s.reach(t, as(acme, s.get(t, "/v1/events/private")))
		cloudtest.RequireProblem(t, a, http.StatusNotFound, "unknown-event") // of the caller's own tenant
		a = s.reach(t, as(acme, s.get(t, "/v1/events/private?tenant_id=acme&tenant_id=victim")))
		cloudtest.RequireProblem(t, a, http.StatusBadRequest, "malformed-request") // "acme,victim" is no tenant
	})
	for name, claims := range map[string]map[string]any{
		"no tenant":           {},
		"an empty tenant":     {claim: ""},
		"a list of tenants":   {claim: []string{"acme"}},
		"another claim":       {"tenant": "acme"},
		"a claim in capitals": {"TENANT_ID": "acme"},
		"no tenant's id":      {claim: "acme#own"},
	} {
		t.Run("a token with "+name, func(t *testing.T) {
			token := s.bearer(t, audience, claims, time.Hour)
			for _, r := range []*http.Request{s.post(t, s.event("acme", "nobodys", "visit")), s.get(t, "/v1/events/own?tenant_id=acme")} {
				a := s.reach(t, as(token, r))
				cloudtest.RequireProblem(t, a, http.StatusUnauthorized, "unauthorized")
				require.Equal(t, "Bearer", a.Header.Get("Www-Authenticate"))
			}
			require.False(t, s.has(t, "acme", "nobodys"))
		})
	}
}

// Those who sign requests are the operator's services, which speak for any tenant.
func (s *site) testTenantsOfSigners(t *testing.T) {
	for _, tenant := range []string{"acme", "victim"} {
		body := s.event(tenant, "signed", "visit")
		r := s.post(t, body)
		s.sign(t, r, body)
		a := s.reach(t, r)
		cloudtest.RequireAccepted(t, a)
		require.True(t, s.has(t, tenant, "signed"))
		s.awaitStatus(t, ledger.Processed, func() *http.Request {
			r := s.get(t, a.Header.Get("Location"))
			s.sign(t, r, "")
			return r
		})
	}
}
