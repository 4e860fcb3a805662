package gateway_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cellular/local/awsapi"
	"cellular/local/gateway"
)

// newSignedSite has routes of type AWS_IAM. AKIDLOCAL's secret is "secret".
func newSignedSite(t *testing.T, o gateway.Options, stage gateway.StageConfig) (*site, *function) {
	f := returns(`{}`)
	o.Region, o.Keys, o.Now = "eu-west-1", awsapi.Secrets{"AKIDLOCAL": "secret"}.Key, func() time.Time { return today }
	s := newSite(t, f, o, stage)
	for _, key := range []string{"POST /v1/{id}", "GET /{id}"} {
		_, err := s.gateway.CreateRoute(s.api.ID, gateway.RouteConfig{
			Key: key, Target: "integrations/" + s.integration.ID, AuthorizationType: "AWS_IAM",
		})
		require.NoError(t, err)
	}
	return s, f
}

// signing is how a request is signed; the zero value is one that passes.
type signing struct {
	key     aws.Credentials
	service string
	region  string
	at      time.Time
	body    string // that is signed, if it is another than the one sent
}

func (how signing) sign(t require.TestingT, r *http.Request) *http.Request {
	body, err := r.GetBody()
	require.NoError(t, err)
	sent, err := io.ReadAll(body)
	require.NoError(t, err)
	or := func(s, def string) string {
		if s == "" {
			return def
		}
		return s
	}
	if how.key.AccessKeyID == "" {
		how.key = aws.Credentials{AccessKeyID: "AKIDLOCAL", SecretAccessKey: "secret"}
	}
	if how.at.IsZero() {
		how.at = today
	}
	hash := sha256.Sum256([]byte(or(how.body, string(sent))))
	err = v4.NewSigner().SignHTTP(context.Background(), how.key, r, hex.EncodeToString(hash[:]),
		or(how.service, "execute-api"), or(how.region, "eu-west-1"), how.at)
	require.NoError(t, err)
	return r
}

func (s *site) post() *http.Request {
	r := s.request(http.MethodPost, "/v1/a%20b?q=1&p=%2F&q=2", "application/json", `{"x":1}`)
	r.Header.Set("X-Custom", "  two   words ")
	return r
}

func TestASignedRequestPasses(t *testing.T) {
	s, f := newSignedSite(t, gateway.Options{}, gateway.StageConfig{})
	for name, r := range map[string]*http.Request{
		"with a body":            signing{}.sign(t, s.post()),
		"without a body":         signing{}.sign(t, s.request(http.MethodGet, "/id", "", "")),
		"by a clock that is off": signing{at: today.Add(-5 * time.Minute)}.sign(t, s.post()),
		"by a clock in advance":  signing{at: today.Add(5 * time.Minute)}.sign(t, s.post()),
	} {
		before := f.calls()
		require.Equal(t, http.StatusOK, s.do(r).status, name)
		require.Equal(t, before+1, f.calls())
	}
	for name, change := range map[string]func(*http.Request){
		"a header that is not signed": func(r *http.Request) { r.Header.Set("X-Late", "1") },
		"another client":              func(r *http.Request) { r.Header.Set("User-Agent", "x") },
		"no space after commas": func(r *http.Request) {
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
		},
	} {
		r := signing{}.sign(t, s.post())
		change(r)
		require.Equal(t, http.StatusOK, s.do(r).status, name)
	}
}

func TestABadSignatureIs403AndReachesNoFunction(t *testing.T) {
	log := make(lines, 1)
	s, f := newSignedSite(t, gateway.Options{AccessLogs: func(string) io.Writer { return log }}, gateway.StageConfig{
		AccessLog: &gateway.AccessLog{Format: "$context.requestId|$context.authorizer.error"},
	})
	const (
		unsigned  = "there is no Authorization header of signature version 4"
		accessKey = "the access key is unknown"
		session   = "there is a session token, and the access key is not a temporary one"
		date      = "X-Amz-Date is not a time within 5m0s from now"
		query     = "the query string is malformed"
		scope     = "the signature's scope is not of this service, region and date"
		headers   = "the signed headers are not host, x-amz-date and headers that the request has, in order"
		forged    = "the signature does not match the request"
	)
	replace := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			was := r.Header.Get("Authorization")
			require.Contains(t, was, old)
			r.Header.Set("Authorization", strings.Replace(was, old, new, 1))
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, tc := range map[string]struct {
		how    signing
		change func(*http.Request) // after the request was signed
		why    string
	}{
		"not signed":                  {change: func(r *http.Request) { r.Header.Del("Authorization") }, why: unsigned},
		"a bearer token":              {change: set("Authorization", "Bearer a.b.c"), why: unsigned},
		"another algorithm":           {change: replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), why: unsigned},
		"no signature":                {change: replace("Signature=", "Signature"), why: unsigned},
		"a part twice":                {change: replace("Signature=", "Credential=x, Signature="), why: unsigned},
		"a part that nobody knows":    {change: replace("Signature=", "X=y, Signature="), why: unsigned},
		"two signatures":              {change: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, why: unsigned},
		"in the query string":         {change: func(r *http.Request) { presign(t, r) }, why: unsigned},
		"another access key":          {how: signing{key: aws.Credentials{AccessKeyID: "AKIDOTHER", SecretAccessKey: "secret"}}, why: accessKey},
		"an access key of nobody":     {change: replace("AKIDLOCAL", ""), why: accessKey},
		"another secret":              {how: signing{key: aws.Credentials{AccessKeyID: "AKIDLOCAL", SecretAccessKey: "secreT"}}, why: forged},
		"temporary credentials":       {how: signing{key: aws.Credentials{AccessKeyID: "AKIDLOCAL", SecretAccessKey: "secret", SessionToken: "x"}}, why: session},
		"expired":                     {how: signing{at: today.Add(-5*time.Minute - time.Second)}, why: date},
		"from the future":             {how: signing{at: today.Add(5*time.Minute + time.Second)}, why: date},
		"no date":                     {change: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, why: date},
		"a date that is none":         {change: set("X-Amz-Date", "today"), why: date},
		"an old signature, a new day": {how: signing{at: today.AddDate(0, 0, -1)}, change: set("X-Amz-Date", today.Format("20060102T150405Z")), why: scope},
		"a newer time":                {how: signing{at: today.Add(-10 * time.Minute)}, change: set("X-Amz-Date", today.Format("20060102T150405Z")), why: forged},
		"another service":             {how: signing{service: "sqs"}, why: scope},
		"another region":              {how: signing{region: "us-east-1"}, why: scope},
		"another body":                {how: signing{body: "{}"}, why: forged},
		"a body that is not signed":   {how: signing{body: "UNSIGNED-PAYLOAD"}, why: forged},
		"another method":              {change: func(r *http.Request) { r.Method = http.MethodGet; r.URL.Path, r.URL.RawPath = "/v1", "" }, why: forged},
		"another path":                {change: func(r *http.Request) { r.URL.Path = "/v1/victim" }, why: forged},
		"another query":               {change: func(r *http.Request) { r.URL.RawQuery += "&r=3" }, why: forged},
		"a query that is left out":    {change: func(r *http.Request) { r.URL.RawQuery += "&r;=3" }, why: query},
		"another host":                {change: func(r *http.Request) { r.Host = strings.Replace(r.Host, "127.0.0.1", "localhost", 1) }, why: forged},
		"another value of a header":   {change: set("X-Custom", "3 words"), why: forged},
		"a signed header is missing":  {change: func(r *http.Request) { r.Header.Del("X-Custom") }, why: headers},
		"no header is signed":         {change: replace("SignedHeaders=", "SignedHeaders=;"), why: headers},
		"host is not signed":          {change: replace("host;", ""), why: headers},
		"the date is not signed":      {change: replace("x-amz-date;", ""), why: headers},
		"headers in another order":    {change: replace("x-amz-date;x-custom", "x-custom;x-amz-date"), why: headers},
		"a header signed twice":       {change: replace("host;", "host;host;"), why: headers},
		"a signature in upper case":   {change: func(r *http.Request) { upper(r) }, why: forged},
		"a signature cut off": {change: func(r *http.Request) {
			was := r.Header.Get("Authorization")
			r.Header.Set("Authorization", was[:len(was)-1])
		}, why: forged},
	} {
		t.Run(name, func(t *testing.T) {
			r := tc.how.sign(t, s.post())
			if tc.change != nil {
				tc.change(r)
			}
			answer := s.do(r)
			_, why, _ := strings.Cut(strings.TrimSpace(log.next(t)), "|")
			answer.requireError(t, http.StatusForbidden, "Forbidden")
			require.Empty(t, answer.header.Get("Www-Authenticate"))
			require.Equal(t, tc.why, why)
		})
	}
	require.Zero(t, f.calls())
	require.Equal(t, http.StatusOK, s.do(signing{}.sign(t, s.post())).status, "the request that the bad ones were made of is good")
}

// presign moves the signature to the query string.
func presign(t *testing.T, r *http.Request) {
	r.Header = http.Header{}
	signedURL, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDLOCAL", SecretAccessKey: "secret"},
		r, "hash", "execute-api", "eu-west-1", today)
	require.NoError(t, err)
	r.URL, err = r.URL.Parse(signedURL)
	require.NoError(t, err)
}

func upper(r *http.Request) {
	before, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	r.Header.Set("Authorization", before+"Signature="+strings.ToUpper(signature)+"A")
}

// TestNoChangeAfterSigningPasses: whatever is changed of the Authorization header, the request is refused.
func TestNoChangeAfterSigningPasses(t *testing.T) {
	s, f := newSignedSite(t, gateway.Options{}, gateway.StageConfig{})
	good := signing{}.sign(t, s.request(http.MethodGet, "/id", "", "")).Header
	rapid.Check(t, func(t *rapid.T) {
		was := good.Get("Authorization")
		i := rapid.IntRange(0, len(was)-1).Draw(t, "at")
		changed := was[:i] + rapid.StringMatching(`[A-Za-z0-9/;=,-]?`).Draw(t, "character") + was[i+1:]
		if strings.ReplaceAll(changed, " ", "") == strings.ReplaceAll(was, " ", "") {
			t.Skip("the same header")
		}
		r := s.request(http.MethodGet, "/id", "", "")
		r.Header = good.Clone()
		r.Header.Set("Authorization", changed)
		require.Equal(t, http.StatusForbidden, s.do(r).status, changed)
	})
	require.Zero(t, f.calls())
}

// TestAnotherSignersRequestPasses: the signature is computed here step by step as AWS documents it, over the least that
// has to be signed, so that the check does not only agree with the SDK that it is made of.
func TestAnotherSignersRequestPasses(t *testing.T) {
	s, f := newSignedSite(t, gateway.Options{}, gateway.StageConfig{})
	r := s.request(http.MethodPost, "/v1/a%20b?b=2&a=%2F", "application/json", `{"x":1}`)
	r.Header.Set("X-Amz-Date", "20260301T120000Z")
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	canonical := strings.Join([]string{
		"POST", "/v1/a%2520b", "a=%2F&b=2", "host:" + r.Host, "x-amz-date:20260301T120000Z", "", "host;x-amz-date", hash(`{"x":1}`),
	}, "\n")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", "20260301T120000Z", "20260301/eu-west-1/execute-api/aws4_request", hash(canonical)}, "\n")
	key := []byte("AWS4secret")
	for _, part := range []string{"20260301", "eu-west-1", "execute-api", "aws4_request", toSign} {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDLOCAL/20260301/eu-west-1/execute-api/aws4_request,"+
		"SignedHeaders=host;x-amz-date,Signature="+hex.EncodeToString(key))
	require.Equal(t, http.StatusOK, s.do(r).status)
	require.Equal(t, `{"x":1}`, f.last(t).Body)
}

func TestTheFunctionLearnsThePrincipal(t *testing.T) {
	log := make(lines, 1)
	s, f := newSignedSite(t, gateway.Options{Account: "210987654321", AccessLogs: func(string) io.Writer { return log }}, gateway.StageConfig{
		AccessLog: &gateway.AccessLog{Format: "$context.requestId|$context.identity.accountId|$context.identity.user|$context.identity.caller|$context.identity.userArn"},
	})
	require.Equal(t, http.StatusOK, s.do(signing{}.sign(t, s.post())).status)
	var raw struct {
		RequestContext struct {
			Authorizer json.RawMessage `json:"authorizer"`
		} `json:"requestContext"`
	}
	require.NoError(t, json.Unmarshal(f.events[0], &raw))
	require.JSONEq(t, `{"iam":{"accessKey":"AKIDLOCAL","accountId":"210987654321","callerId":"AKIDLOCAL","cognitoIdentity":null,"principalOrgId":null,
		"userArn":"arn:aws:iam::210987654321:user/AKIDLOCAL","userId":"AKIDLOCAL"}}`, string(raw.RequestContext.Authorizer))
	require.Equal(t, "AKIDLOCAL", f.last(t).RequestContext.Authorizer.IAM.AccessKey)
	require.Regexp(t, `\|210987654321\|AKIDLOCAL\|AKIDLOCAL\|arn:aws:iam::210987654321:user/AKIDLOCAL\n$`, log.next(t))
}
