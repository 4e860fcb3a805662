package edge_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/runtime/edge"
)

// The router reads an event as the library's own type does, as far as it reads it.
func TestRequestIsReadAsTheLibraryReadsIt(t *testing.T) {
	fixtures, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, fixtures)
	var seen request // a fixture for each field, or nothing would be compared
	for _, path := range fixtures {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			var got edge.Request
			require.NoError(t, json.Unmarshal(b, &got))
			var want request
			require.NoError(t, json.Unmarshal(b, &want))
			require.NoError(t, json.Unmarshal(b, &seen))

			require.Equal(t, want.RawPath, got.RawPath)
			require.Equal(t, want.QueryStringParameters, got.QueryStringParameters)
			require.Equal(t, want.Headers["content-type"], got.Headers.ContentType)
			require.Equal(t, want.Headers["idempotency-key"], got.Headers.IdempotencyKey)
			require.Equal(t, want.Headers["x-request-id"], got.Headers.RequestID)
			require.Equal(t, want.Headers["traceparent"], got.Headers.TraceParent)
			require.Equal(t, want.RequestContext.RequestID, got.RequestContext.RequestID)
			require.Equal(t, want.RequestContext.HTTP.Method, got.RequestContext.HTTP.Method)
			require.Equal(t, want.Body, got.Body)
			require.Equal(t, want.IsBase64Encoded, got.IsBase64Encoded)

			by := want.RequestContext.Authorizer
			if by == nil {
				by = new(authorizer)
			}
			callerID := ""
			if by.IAM != nil {
				callerID = by.IAM.CallerID
			}
			require.Equal(t, callerID, got.RequestContext.Authorizer.IAM.CallerID)
			require.Equal(t, by.JWT != nil, got.RequestContext.Authorizer.JWT != nil)
			if by.JWT != nil {
				require.Equal(t, by.JWT.Claims, got.RequestContext.Authorizer.JWT.Claims)
			}
		})
	}
	for _, name := range []string{"content-type", "idempotency-key", "x-request-id", "traceparent"} {
		require.Contains(t, seen.Headers, name)
	}
	require.NotEmpty(t, seen.QueryStringParameters)
	require.NotNil(t, seen.RequestContext.Authorizer.IAM)
	require.NotEmpty(t, seen.RequestContext.Authorizer.JWT.Claims)
}

func TestAnEventThatIsNoRequestIsAnError(t *testing.T) {
	w := newWorld(t)
	for _, event := range []string{``, `{"headers":`, `{"requestContext":{"http":"GET"}}`, `{"body":{}}`, `"text"`} {
		_, err := w.router.Invoke(t.Context(), []byte(event))
		require.Error(t, err, event)
	}
	require.Empty(t, w.db.Calls())
}
