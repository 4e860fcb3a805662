package authtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	"cellular/internal/testkit/cloudtest"
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
	client *cloudtest.Client
	cell   manifest.Cell

	secrets []string // what was sent and belongs in no log
}

// up deploys the program with that authorization.
func (s *site) up(t *testing.T, auth map[string]any) {
	out, _, err := s.cloud.Up(t.Context(), map[string]any{"cellular:router": map[string]any{"auth": auth}})
	require.NoError(t, err)
	s.client, s.cell = cloudtest.NewClient(strings.TrimSuffix(out.URL, "/")), out.Cells["solo"]
}

// post is a request that sends an event.
func (s *site) post(t *testing.T, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.client.URL+"/v1/events", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	return r
}

// get is a request that asks what became of an event, in the words of a Location header or by the event's id alone.
func (s *site) get(t *testing.T, pathAndQuery string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.client.URL+pathAndQuery, nil)
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

type reply = cloudtest.Answer

// send sends a request, and tells whether it reached the function.
func (s *site) send(t *testing.T, r *http.Request) (reply, bool) {
	a := s.client.Send(r)
	require.NoError(t, a.Err)
	id := a.Header.Get("Apigw-Requestid")
	require.NotEmpty(t, id)
	return a, s.logs.await(t, id).IntegrationStatus != "-"
}

// reach sends a request that gets as far as the router.
func (s *site) reach(t *testing.T, r *http.Request) reply {
	t.Helper()
	answer, reached := s.send(t, r)
	require.True(t, reached, "%s", answer)
	return answer
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
	return cloudtest.Await(t, "request "+id+" is in the access log", func() (entry, bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		e, ok := l.entries[id]
		return e, ok
	})
}
