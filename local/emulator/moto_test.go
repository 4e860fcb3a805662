package emulator_test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/emulator"
	"cellular/local/process"
)

const (
	deadline = 30 * time.Second // of a condition that a test waits for
	tick     = 10 * time.Millisecond
)

// TestMotoStartsServesAndGoes runs whatever emulator this machine has, and installs one where it has none. With
// CELLULAR_EMULATOR=venv it proves the installation.
func TestMotoStartsServesAndGoes(t *testing.T) {
	if os.Getenv(emulator.ModeVariable) == "" {
		t.Setenv(emulator.EndpointVariable, "")
	}
	group, err := process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close()) })
	var log syncBuffer
	e, err := emulator.Start(t.Context(), emulator.Options{Dir: "../../.local", Group: group, Log: &log, Progress: func(s string) { t.Log(s) }})
	require.NoError(t, err)

	req, err := http.NewRequest(http.MethodPost, e.Endpoint(), strings.NewReader(`{"Limit": 1}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=s")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(resp.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"TableNames": []}`, body.String())
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "POST / HTTP/1.1") }, deadline, tick, "the request log")

	e.Stop()
	_, err = net.Dial("tcp", strings.TrimPrefix(e.Endpoint(), "http://"))
	require.Error(t, err, "the port is closed")
}
