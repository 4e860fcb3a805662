package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

func TestAMistypedCommandIsAnsweredWithTheOneThatWasMeant(t *testing.T) {
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{"cell", "list"}, "cellctl: unknown command \"cell\" (did you mean 'cellctl cells'?); see 'cellctl --help'\n"},
		{[]string{"cells", "drian", "c01", "--evacuate"}, "cellctl: unknown command \"drian\" (did you mean 'cellctl cells drain'?); see 'cellctl cells --help'\n"},
		{[]string{"docter"}, "cellctl: unknown command \"docter\" (did you mean 'cellctl doctor'?); see 'cellctl --help'\n"},
		{[]string{"tenants", "asign", "acme"}, "cellctl: unknown command \"asign\" (did you mean 'cellctl tenants assign'?); see 'cellctl tenants --help'\n"},
		{[]string{"help", "docter"}, "cellctl: unknown command \"docter\" (did you mean 'cellctl doctor'?); see 'cellctl --help'\n"},
		{[]string{"help", "tenants", "mvoe"}, "cellctl: unknown command \"mvoe\" (did you mean 'cellctl tenants move'?); see 'cellctl tenants --help'\n"},
		{[]string{"cells", "list", "--outptu", "json"}, "cellctl: unknown flag: --outptu (did you mean --output?); see 'cellctl cells list --help'\n"},
		{[]string{"event", "show", "acme", "e"}, "cellctl: unknown command \"event\" (did you mean 'cellctl events'?); see 'cellctl --help'\n"},
		{[]string{"tenants", "evacuate"}, "cellctl: unknown command \"evacuate\"; see 'cellctl tenants --help'\n"},
	} {
		_, stderr, code := run(t, c.args...)
		require.Equal(t, cli.ExitUsage, code, c.args)
		require.Equal(t, c.stderr, stderr)
	}
}

// A cell that is not there is no mistake in the form of a command line: every command says so with the same code and words.
func TestACellThatIsNotThereIsTheSameToEveryCommand(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.does("tenants", "assign", "acme", "--cell", "c01")
		for _, args := range [][]string{
			{"cells", "show", "canari"}, {"cells", "activate", "canari"}, {"cells", "drain", "canari"}, {"cells", "drain", "canari", "--evacuate"}, {"cells", "retire", "canari"},
			{"tenants", "assign", "beta", "--cell", "canari"}, {"tenants", "list", "--cell", "canari"}, {"tenants", "move", "acme", "--to", "canari"},
			{"dlq", "list", "--cell", "canari"}, {"dlq", "list", "--cell", "canari", "--tenant", "acme", "--event", "e"}, {"dlq", "show", "x", "--cell", "canari"}, {"dlq", "redrive", "--cell", "canari"}, {"dlq", "drop", "--all", "--cell", "canari"},
			{"replay", "--cell", "canari"}, {"restore", "cell", "canari", "--at", "1999-12-31T23:00:00Z"}, {"probe", "canari"},
		} {
			_, stderr, code := w.run(append(args, "--yes")...)
			require.Equal(t, exitRefused, code, "%v: %s", args, stderr)
			require.Contains(t, stderr, "unknown cell \"canari\" (did you mean canary?): stack dev has canary, c01, c02; 'cellctl cells list' shows them\n", args)
		}
	})
}

func TestACloudThatHasBeenTakenDownIsSaidToBe(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	gone := server.URL
	server.Close()
	for _, args := range lookups {
		stderr := pointedTo(t, gone, args...)
		require.Regexp(t, "^cellctl: .*connection refused\nNothing answers at "+gone+", which AWS_ENDPOINT_URL names. If that was a local cloud, it has been taken down: "+
			"'make local' starts one, .*\n$", stderr, args)
	}
}

// DynamoDB's client warns, on the process's own stderr, of an answer without a checksum.
func TestTheSDKSaysNothingOfItsOwn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","message":"not you"}`)
	}))
	defer server.Close()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	was := os.Stderr
	os.Stderr = write
	said := pointedTo(t, server.URL, "doctor")
	os.Stderr = was
	require.NoError(t, write.Close())
	text, err := io.ReadAll(read)
	require.NoError(t, err)
	require.Empty(t, string(text), said)
}

// pointedTo runs a command against an endpoint in the place of AWS, and returns what it says on stderr.
func pointedTo(t *testing.T, endpoint string, args ...string) (stderr string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_MAX_ATTEMPTS": "1", envStack: "dev",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
	_, stderr, code := run(t, args...)
	require.Equal(t, cli.ExitFailure, code, stderr)
	return stderr
}
