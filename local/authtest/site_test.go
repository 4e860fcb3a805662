package authtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"cellular/internal/model/manifest"
	"cellular/local"
)

const (
	issuer   = "https://issuer.example.com"
	audience = "https://events.example.com"
	claim    = "tenant_id"
)

// refusedBody is of a request about a tenant that has no cell: one that gets as far as the function is answered 404 there.
const refusedBody = `{"tenant_id":"nobody","type":"t","payload":{}}`

// site is the deployed router.
type site struct {
	cloud  *local.Cloud
	logs   *accessLog
	tables *dynamodb.Client
	url    string

	mappingTable string
	cell         manifest.Cell

	secrets []string // what was sent and belongs in no log
}

// up deploys the program with that authorization.
func (s *site) up(t *testing.T, auth map[string]any) {
	out, _, err := s.cloud.Up(t.Context(), map[string]any{"cellular:router": map[string]any{"auth": auth}})
	require.NoError(t, err)
	s.url, s.mappingTable, s.cell = out.URL, out.MappingTable, out.Cells["solo"]
}

// post is a request that sends an event.
func (s *site) post(t *testing.T, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSuffix(s.url, "/")+"/v1/events", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// get is a request that asks what became of an event, in the words of a Location header or by the event's id alone.
func (s *site) get(t *testing.T, pathAndQuery string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(s.url, "/")+pathAndQuery, nil)
	require.NoError(t, err)
	return r
}

// bearer makes a token's Authorization header.
func (s *site) bearer(t *testing.T, audience string, claims map[string]any, ttl time.Duration) string {
	t.Helper()
	token, err := s.cloud.Gateway.Token(issuer, audience, claims, ttl)
	require.NoError(t, err)
	_, signed, _ := strings.Cut(token, ".") // the header is no secret
	claimsPart, signature, _ := strings.Cut(signed, ".")
	s.secrets = append(s.secrets, signature)
	if len(claimsPart) > 16 { // few characters may be in a log by chance
		s.secrets = append(s.secrets, claimsPart)
	}
	return "Bearer " + token
}

// sign signs a request with the cloud's credentials.
func (s *site) sign(t *testing.T, r *http.Request, body string) {
	t.Helper()
	credentials, err := s.cloud.AWS.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	s.signAs(t, r, body, credentials, "execute-api", time.Now())
}

func (s *site) signAs(t *testing.T, r *http.Request, body string, by aws.Credentials, service string, at time.Time) {
	t.Helper()
	hash := sha256.Sum256([]byte(body))
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), by, r, hex.EncodeToString(hash[:]), service, s.cloud.AWS.Region, at))
	_, signature, found := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	require.True(t, found)
	s.secrets = append(s.secrets, signature)
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, r.body) }

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

// reach sends a request that gets as far as the router.
func (s *site) reach(t *testing.T, r *http.Request) reply {
	t.Helper()
	answer, reached := s.send(t, r)
	require.True(t, reached, "%s", answer)
	return answer
}

// await polls until a condition holds, which may fail the test.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(2 * time.Minute)
	for !holds() {
		select {
		case <-late:
			t.Fatal("not within two minutes: " + what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// requireProblem checks the form of a refusal by the router.
func requireProblem(t *testing.T, a reply, status int, kind string) {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.Contains(t, a.body, `"urn:cellular:problem:`+kind+`"`)
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
