package enginetest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"cellular/local"
)

// terminal is a shell in a directory that has read the cloud's environment.
type terminal struct {
	t        *testing.T
	env, dir string
}

// terminal opens one in the project's root.
func (o operator) terminal() terminal {
	o.t.Helper()
	env, err := o.cloud.WriteEnv(o.t.Context())
	require.NoError(o.t, err)
	return terminal{o.t, env, "../.."}
}

// pulumi runs a command of the CLI, and returns all that it prints.
func (t terminal) pulumi(args ...string) (string, error) {
	cmd := exec.CommandContext(t.t.Context(), "sh", append([]string{"-c", `. "$0" && exec pulumi --non-interactive "$@"`, t.env}, args...)...)
	cmd.Dir = t.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// settings writes a stack's file, and returns its path: the settings of the local cloud's stack, and others laid over them. The
// project's own file is not a test's to change.
func (o operator) settings(name string, over map[string]any) string {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.cloud.Dir, "project", "Pulumi."+local.StackName+".yaml"))
	require.NoError(o.t, err)
	var file struct {
		Config map[string]any `yaml:"config"`
		Salt   string         `yaml:"encryptionsalt"`
	}
	require.NoError(o.t, yaml.Unmarshal(text, &file))
	maps.Copy(file.Config, over)
	text, err = yaml.Marshal(file)
	require.NoError(o.t, err)
	path := filepath.Join(o.t.TempDir(), "Pulumi."+name+".yaml")
	require.NoError(o.t, os.WriteFile(path, text, 0o644))
	return path
}

// requireUnchangedInTerminal requires that a preview shows no change, and leaves the stack's file as it is.
func (o operator) requireUnchangedInTerminal(config map[string]any) {
	o.t.Helper()
	settings := o.settings(local.StackName, config)
	before, err := os.ReadFile(settings)
	require.NoError(o.t, err)
	out, err := o.terminal().pulumi("preview", "-s", local.StackName, "--config-file", settings, "--expect-no-changes")
	require.NoError(o.t, err, out)
	after, err := os.ReadFile(settings)
	require.NoError(o.t, err)
	require.Equal(o.t, string(before), string(after))
}

func (o operator) upInTerminal(config map[string]any) {
	o.t.Helper()
	out, err := o.terminal().pulumi("up", "-s", local.StackName, "--config-file", o.settings(local.StackName, config), "--yes", "--skip-preview")
	require.NoError(o.t, err, out)
}

// requireRefusedElsewhere requires that a new stack for another Region is refused in one line, and has nothing then.
func (o operator) requireRefusedElsewhere() {
	o.t.Helper()
	const name = "elsewhere"
	term := o.terminal()
	term.dir = filepath.Dir(o.settings(name, map[string]any{"aws:region": "eu-west-1"})) // the CLI changes a new stack's file
	project, err := os.ReadFile("../../Pulumi.yaml")
	require.NoError(o.t, err)
	require.NoError(o.t, os.WriteFile(filepath.Join(term.dir, "Pulumi.yaml"), project, 0o644))
	out, err := term.pulumi("stack", "init", name)
	require.NoError(o.t, err, out)
	out, err = term.pulumi("up", "-s", name, "--yes", "--skip-preview")
	require.Error(o.t, err)
	require.Regexp(o.t, `error: stack elsewhere is for eu-west-1 on \w+, and the local cloud has us-east-1 on \w+: set aws:region and `, out)
	out, err = term.pulumi("stack", "export", "-s", name)
	require.NoError(o.t, err, out)
	require.NotContains(o.t, out, `"resources"`)
}
