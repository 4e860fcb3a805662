package routertest_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

func TestAnIDIsUsedForOneContent(t *testing.T) {
	w := start(t, wide)
	tenant := w.tenant(t, w.alpha())
	const payload = `{"page":1,"from":"a/b"}`
	first := w.post(tenant, "e-1", visit, payload)
	cloudtest.RequireAccepted(t, first)

	for name, same := range map[string]string{
		"the same text":    payload,
		"in another order": `{"from":"a/b","page":1}`,
		"with white space": `{ "page" : 1, "from" : "a/b" }`,
		"with escapes":     `{"page":1,"from":"a\/\u0062"}`,
	} {
		t.Run("again "+name, func(t *testing.T) {
			a := w.post(tenant, "e-1", visit, same)
			cloudtest.RequireAccepted(t, a)
			require.Equal(t, string(first.Body), string(a.Body))
			require.Equal(t, first.Header.Get("Location"), a.Header.Get("Location"))
			require.Equal(t, "true", a.Header.Get("Idempotent-Replayed"))
		})
	}
	for name, other := range map[string]struct{ eventType, payload string }{
		"another payload":            {visit, `{"page":2,"from":"a/b"}`},
		"a number written otherwise": {visit, `{"page":10e-1,"from":"a/b"}`},
		"more payload":               {visit, `{"page":1,"from":"a/b","to":null}`},
		"text for a number":          {visit, `{"page":"1","from":"a/b"}`},
		"no payload":                 {visit, `null`},
		"another type":               {"visits", payload},
		"another type, in case":      {"Visit", payload},
	} {
		t.Run(name, func(t *testing.T) {
			cloudtest.RequireProblem(t, w.post(tenant, "e-1", other.eventType, other.payload), http.StatusConflict, "id-conflict")
		})
	}
	require.Equal(t, map[string]string{"e-1": payload}, w.kept(t, w.alpha(), tenant), "the first content stays")

	other := w.tenant(t, w.alpha())
	cloudtest.RequireAccepted(t, w.post(other, "e-1", "visits", `null`)) // an id is the tenant's own
}

func TestOfConcurrentContentsOfOneIDOneWins(t *testing.T) {
	w := start(t, wide)
	tenant := w.tenant(t, w.alpha())
	contents := []string{`{"page":1}`, `{"page":2}`}
	answers := make([]answer, 40)
	var clients sync.WaitGroup
	for i := range answers {
		clients.Go(func() { answers[i] = w.post(tenant, "e-1", visit, contents[i%2]) })
	}
	clients.Wait()

	kept := w.kept(t, w.alpha(), tenant)
	require.Len(t, kept, 1)
	require.Contains(t, contents, kept["e-1"])
	firsts := 0
	for i, a := range answers {
		if contents[i%2] != kept["e-1"] {
			cloudtest.RequireProblem(t, a, http.StatusConflict, "id-conflict")
			continue
		}
		cloudtest.RequireAccepted(t, a)
		require.JSONEq(t, `{"id":"e-1","cell":"alpha","status":"accepted"}`, string(a.Body))
		if a.Header.Get("Idempotent-Replayed") == "" {
			firsts++
		}
	}
	require.Equal(t, 1, firsts, "one of them wrote the event, the others found it")
}

// An answer that gets lost on its way from the cell leaves a written event behind.
func TestAnEventWhoseAnswerGotLostIsAcceptedOnce(t *testing.T) {
	unnamed := func(tenant string) []byte {
		return fmt.Appendf(nil, `{"tenant_id":%q,"type":%q,"payload":{"page":1}}`, tenant, visit)
	}
	t.Run("the router tries again", func(t *testing.T) {
		w := start(t, wide)
		tenant := w.tenant(t, w.alpha())
		losing := w.wire.tapWrites(t, w.alpha().DataTable, loseAnswers(1))
		a := w.send(unnamed(tenant))
		cloudtest.RequireAccepted(t, a)
		require.Equal(t, 2, losing.seen())
		require.Empty(t, a.Header.Get("Idempotent-Replayed"), "the client has sent it once")
		require.Equal(t, map[string]string{a.Field("id"): `{"page":1}`}, w.kept(t, w.alpha(), tenant))
	})
	t.Run("the client tries again", func(t *testing.T) {
		w := start(t, wide)
		tenant := w.tenant(t, w.alpha())
		losing := w.wire.tapWrites(t, w.alpha().DataTable, loseAnswers(2))
		refused := w.send(unnamed(tenant))
		cloudtest.RequireProblem(t, refused, http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, 2, losing.seen(), "the router tries once more, and no more")
		key := refused.Header.Get("Idempotency-Key")
		require.NotEmpty(t, key)

		a := w.send(unnamed(tenant), "Idempotency-Key", key)
		cloudtest.RequireAccepted(t, a)
		require.Equal(t, key, a.Field("id"))
		require.Equal(t, "true", a.Header.Get("Idempotent-Replayed"))
		require.Equal(t, map[string]string{key: `{"page":1}`}, w.kept(t, w.alpha(), tenant))
	})
}
