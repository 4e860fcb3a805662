package emulator_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
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

	tables, err := dynamodb.NewFromConfig(e.AWS("us-east-1")).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	require.NoError(t, err)
	require.Empty(t, tables.TableNames)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "POST / HTTP/1.1") }, deadline, tick, "the request log")

	e.Stop()
	_, err = net.Dial("tcp", strings.TrimPrefix(e.Endpoint(), "http://"))
	require.Error(t, err, "the port is closed")
}
