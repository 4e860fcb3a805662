package awsapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"cellular/local/awsapi"
)

// world answers what is signed with a key that it knows with 418, and says who signed it.
type world struct {
	aws    aws.Config
	seen   string
	bodies []string
}

func newWorld(t *testing.T, key aws.Credentials) *world {
	w := &world{}
	keys := func(accessKey string) (awsapi.Key, bool) {
		k, ok := map[string]awsapi.Key{"user": {Secret: "one"}, "role": {Secret: "two", SessionToken: "session"}}[accessKey]
		return k, ok
	}
	server := httptest.NewServer(awsapi.Authenticate(awsapi.Verifier{Keys: keys}, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		w.seen, w.bodies = awsapi.AccessKey(r.Context()), append(w.bodies, string(body))
		require.EqualValues(t, len(body), r.ContentLength)
		awsapi.Refuse(rw, r, http.StatusTeapot, "Teapot", "short & stout")
	})))
	t.Cleanup(server.Close)
	w.aws = aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.StaticCredentialsProvider{Value: key},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return w
}

// calls are calls in the two protocols that the local cloud meets.
func (w *world) calls() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"JSON": func(ctx context.Context) error {
			_, err := dynamodb.NewFromConfig(w.aws).ListTables(ctx, &dynamodb.ListTablesInput{})
			return err
		},
		"query": func(ctx context.Context) error {
			_, err := sns.NewFromConfig(w.aws).ListTopics(ctx, &sns.ListTopicsInput{})
			return err
		},
	}
}

func TestAuthenticate_PassesOnWhatAKnownKeySigned(t *testing.T) {
	for accessKey, key := range map[string]aws.Credentials{
		"user": {AccessKeyID: "user", SecretAccessKey: "one"},
		"role": {AccessKeyID: "role", SecretAccessKey: "two", SessionToken: "session"},
	} {
		w := newWorld(t, key)
		for protocol, call := range w.calls() {
			var refused smithy.APIError
			require.ErrorAs(t, call(t.Context()), &refused, protocol)
			require.Equal(t, "Teapot", refused.ErrorCode(), protocol)
			require.Equal(t, "short & stout", refused.ErrorMessage(), protocol)
			require.Equal(t, accessKey, w.seen)
		}
		require.ElementsMatch(t, []string{"{}", "Action=ListTopics&Version=2010-03-31"}, w.bodies)
	}
}

func TestAuthenticate_RefusesEveryOtherKey(t *testing.T) {
	for name, tc := range map[string]struct {
		key  aws.Credentials
		code string
	}{
		"unknown":                {aws.Credentials{AccessKeyID: "nobody", SecretAccessKey: "one"}, "UnrecognizedClientException"},
		"another secret":         {aws.Credentials{AccessKeyID: "user", SecretAccessKey: "two"}, "InvalidSignatureException"},
		"a session too many":     {aws.Credentials{AccessKeyID: "user", SecretAccessKey: "one", SessionToken: "session"}, "UnrecognizedClientException"},
		"another session":        {aws.Credentials{AccessKeyID: "role", SecretAccessKey: "two", SessionToken: "other"}, "UnrecognizedClientException"},
		"a session that is lost": {aws.Credentials{AccessKeyID: "role", SecretAccessKey: "two"}, "UnrecognizedClientException"},
	} {
		w := newWorld(t, tc.key)
		for protocol, call := range w.calls() {
			var refused smithy.APIError
			require.ErrorAs(t, call(t.Context()), &refused, name+", "+protocol)
			require.Equal(t, tc.code, refused.ErrorCode(), name+", "+protocol)
		}
		require.Empty(t, w.seen, name)
	}
}

func TestAuthenticate_RefusesWhatIsNotSigned(t *testing.T) {
	w := newWorld(t, aws.Credentials{})
	resp, err := http.Get(*w.aws.BaseEndpoint)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	require.Equal(t, "MissingAuthenticationToken", resp.Header.Get("X-Amzn-Errortype"))
	require.Empty(t, w.seen)
}
