package local

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A cloud that is killed leaves its file behind, and the next one must not lead a shell to what is gone.
func TestTheFileOfAKilledCloudIsRemoved(t *testing.T) {
	c := &Cloud{Dir: t.TempDir()}
	require.NoError(t, c.removeEnv(), "there is none yet")
	require.NoError(t, os.WriteFile(c.path(envFile), nil, 0o644))
	require.NoError(t, c.removeEnv())
	require.NoFileExists(t, c.path(envFile))
}

func TestAShellThatIsPointedToACloudStartsNoOther(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:4711")
	_, err := Start(t.Context(), Options{Dir: t.TempDir()})
	require.ErrorContains(t, err, "http://127.0.0.1:4711")
	require.ErrorContains(t, err, "unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_LAMBDA")
}

// Start of a whole cloud is what other tests do; this one reads its environment as a user's shell does.
func TestAShellReadsTheEnvironment(t *testing.T) {
	text := exports("/the cloud/bin", []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_SESSION_TOKEN=", "CELLCTL_STACK=local"})
	cmd := exec.Command("sh", "-c", text+`env | grep -e '^AWS_' -e '^CELLCTL_' -e '^PATH=' | sort`)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_SESSION_TOKEN=of another key"}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, []string{"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_SESSION_TOKEN=", "CELLCTL_STACK=local", "PATH=/the cloud/bin:" + os.Getenv("PATH")},
		strings.Split(strings.TrimSpace(string(out)), "\n"))
}
