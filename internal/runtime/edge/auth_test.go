package edge_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/env"
	"cellular/internal/model/mapping"
	"cellular/internal/runtime/edge"
)

func authenticated(auth edge.Auth) func(*edge.Config) {
	return func(c *edge.Config) { c.Auth = auth }
}

var (
	byToken = authenticated(edge.Auth{Type: env.AuthJWT, TenantClaim: "tid"})
	byIAM   = authenticated(edge.Auth{Type: env.AuthIAM})
)

type authorizer = events.APIGatewayV2HTTPRequestContextAuthorizerDescription

// token is what API Gateway says of a request whose token has these claims.
func token(claims map[string]string) *authorizer {
	return &authorizer{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: claims}}
}

func principal(id string) *authorizer {
	return &authorizer{IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{CallerID: id}}
}

func verified(by *authorizer) func(*request) {
	return func(req *request) { req.RequestContext.Authorizer = by }
}

func (w *world) getWith(id, query string, by *authorizer) answer {
	w.Helper()
	req := fixture(w.T, "get.json")
	req.RawPath, req.QueryStringParameters = "/v1/events/"+id, nil
	if query != "" {
		req.QueryStringParameters = map[string]string{"tenant_id": query}
	}
	verified(by)(&req)
	return w.handle(req)
}

func TestACallerSpeaksForTheTenantOfItsTokenAlone(t *testing.T) {
	for _, c := range []struct {
		name string
		auth func(*edge.Config)
		by   *authorizer
		kind string // of the problem; "" is accepted
	}{
		{"jwt: its own tenant", byToken, token(map[string]string{"tid": "acme", "sub": "u-1"}), ""},
		{"jwt: another tenant", byToken, token(map[string]string{"tid": "globex"}), "foreign-tenant"},
		{"jwt: a tenant that is not there", byToken, token(map[string]string{"tid": "nobody"}), "foreign-tenant"},
		{"jwt: the claim in another case", byToken, token(map[string]string{"TID": "acme", "tenant_id": "acme"}), "unauthorized"},
		{"jwt: no claim", byToken, token(map[string]string{"sub": "acme"}), "unauthorized"},
		{"jwt: no claims", byToken, token(nil), "unauthorized"},
		{"jwt: an empty claim", byToken, token(map[string]string{"tid": ""}), "unauthorized"},
		{"jwt: a claim that is a list", byToken, token(map[string]string{"tid": "[acme globex]"}), "unauthorized"},
		{"jwt: a claim that is no id", byToken, token(map[string]string{"tid": "acme#order-1"}), "unauthorized"},
		{"jwt: a route without an authorizer", byToken, nil, "unauthorized"},
		{"jwt: a route with another authorizer", byToken, principal("AIDACKCEVSQ6C2EXAMPLE"), "unauthorized"},
		{"jwt: a route with a Lambda authorizer", byToken, &authorizer{Lambda: map[string]any{"tid": "acme"}}, "unauthorized"},
		{"iam: a principal", byIAM, principal("AIDACKCEVSQ6C2EXAMPLE"), ""},
		{"iam: no principal", byIAM, principal(""), "unauthorized"},
		{"iam: a route without an authorizer", byIAM, nil, "unauthorized"},
		{"iam: a route with another authorizer", byIAM, token(map[string]string{"tid": "acme"}), "unauthorized"},
		{"none: anybody", authenticated(edge.Auth{Type: env.AuthNone}), nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.auth)
			w.mapTenant("globex", "beta", mapping.Active)
			posted := w.post(order, verified(c.by))
			if c.kind == "" {
				require.Equal(t, http.StatusAccepted, posted.StatusCode, posted.Body)
				require.Equal(t, http.StatusOK, w.getWith("order-1", "acme", c.by).StatusCode)
				return
			}
			status := http.StatusForbidden
			if c.kind == "unauthorized" {
				status = http.StatusUnauthorized
			}
			w.wantProblem(posted, status, c.kind)
			w.wantProblem(w.getWith("order-1", "acme", c.by), status, c.kind)
			require.Empty(t, w.db.Calls(), "no cell and no mapping is asked")
		})
	}
}

func TestACallerWithATokenNeedNotNameItsTenantToRead(t *testing.T) {
	w := newWorld(t, byToken)
	by := token(map[string]string{"tid": "acme"})
	require.Equal(t, http.StatusAccepted, w.post(order, verified(by)).StatusCode)
	a := w.getWith("order-1", "", by)
	require.Equal(t, http.StatusOK, a.StatusCode, a.Body)
	require.Equal(t, "acme", a.body["tenant_id"])

	a = w.post(`{"type":"t","payload":1}`, verified(by))
	w.wantProblem(a, http.StatusBadRequest, "malformed-request")
	require.Contains(t, a.body["detail"], "tenant_id is missing", "a body is complete by itself")

	other := newWorld(t, byIAM)
	a = other.getWith("order-1", "", principal("AIDACKCEVSQ6C2EXAMPLE"))
	other.wantProblem(a, http.StatusBadRequest, "malformed-request")
}

func TestWhoMayNotCallLearnsNothing(t *testing.T) {
	w := newWorld(t, byToken)
	known, unknown := w.post(order), w.post(`{"tenant_id":"nobody","type":"t","payload":1}`)
	require.Equal(t, known.Body, unknown.Body)
	require.Equal(t, known.Body, w.post(`not JSON`).Body)
	require.Equal(t, known.Body, w.post(order, func(req *request) { req.RawPath = "/v1/secrets" }).Body)
	require.Equal(t, "Bearer", known.Headers["WWW-Authenticate"])

	by := verified(token(map[string]string{"tid": "globex"}))
	known, unknown = w.post(order, by), w.post(`{"tenant_id":"nobody","id":"order-1","type":"t","payload":1}`, by)
	require.Equal(t, known.Body, unknown.Body, "another tenant may exist or not")
}

func TestTheLogSaysWhoCalled(t *testing.T) {
	w := newWorld(t, byIAM)
	w.post(order, verified(principal("AROAEXAMPLE:batch")))
	require.Equal(t, "AROAEXAMPLE:batch", w.lastLine(1)["caller"])

	w = newWorld(t, byToken)
	w.post(order, verified(token(map[string]string{"tid": "globex"})))
	line := w.lastLine(1)
	require.Equal(t, "globex", line["tenant"], "the tenant that the caller is, not the one that it claims to be")
	require.Equal(t, "foreign-tenant", line["problem"])
}

func TestRefusesAConfigurationThatIsNotComplete(t *testing.T) {
	_, err := edge.New(everybodyIn("alpha"), acceptsAll{}, edge.Config{Tenants: 1}, nil)
	for _, want := range []string{
		`auth type is "", want iam, jwt or none`, "cell timeout is 0s", "payload bytes is 0", "tenant rate is 0", "breaker failures is 0",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = edge.New(everybodyIn("alpha"), acceptsAll{}, configured(authenticated(edge.Auth{Type: env.AuthJWT})), nil)
	require.EqualError(t, err, "auth of type jwt needs a tenant claim")
}
