package routertest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
)

func TestABodyThatIsTooLargeIsRefusedAndReachesNoCell(t *testing.T) {
	w := start(t, wide)
	tenant := w.tenant(t, w.alpha())
	const limit = 384 << 10 // of a payload, as configured
	sized := func(bytes int) string { return `"` + strings.Repeat("x", bytes-2) + `"` }

	cloudtest.RequireProblem(t, w.post(tenant, "a-byte-too-long", visit, sized(limit+1)), http.StatusRequestEntityTooLarge, "too-large")
	cloudtest.RequireProblem(t, w.post(tenant, "5-mb", visit, sized(5<<20)), http.StatusRequestEntityTooLarge, "too-large")
	w.requireNothingKept(t, tenant)

	// What Lambda does not take, API Gateway refuses in its own form.
	a := w.post(tenant, "6-mb", visit, sized(6<<20))
	require.Equal(t, http.StatusRequestEntityTooLarge, a.Status, "%s", a)
	require.True(t, json.Valid(a.Body), "%s", a)
	cloudtest.RequireNoInternals(t, a)
	w.requireNothingKept(t, tenant)

	cloudtest.RequireAccepted(t, w.post(tenant, "just-fits", visit, sized(limit)))
	require.Len(t, w.kept(t, w.alpha(), tenant)["just-fits"], limit)
}
