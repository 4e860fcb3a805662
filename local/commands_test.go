package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/local/process"
)

// commands links the commands of a cloud with an engine, and lists them with what they are.
func commands(t *testing.T, e Engine) map[string]string {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	group, err := process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close()) })
	c := &Cloud{Dir: t.TempDir(), root: root, engine: e, group: group}
	require.NoError(t, os.MkdirAll(c.path(commandDir), 0o755))
	require.NoError(t, os.Symlink("/gone", filepath.Join(c.path(commandDir), "pulumi")), "of an earlier cloud")
	require.NoError(t, c.linkCommands(t.Context()))
	found := map[string]string{}
	entries, err := os.ReadDir(c.path(commandDir))
	require.NoError(t, err)
	for _, entry := range entries {
		found[entry.Name()], err = os.Readlink(filepath.Join(c.path(commandDir), entry.Name()))
		require.NoError(t, err)
	}
	return found
}

// installed is a CLI as an installation has it: by a link elsewhere, with these commands beside the CLI itself.
func installed(t *testing.T, beside ...string) Engine {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "pulumi")
	for _, name := range append(beside, "pulumi") {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o755))
	}
	require.NoError(t, os.Symlink(filepath.Join(dir, "pulumi"), link))
	return Engine{Path: link}
}

func TestCommands_HaveALanguageHostWhereTheCLIHasNone(t *testing.T) {
	ours, err := filepath.Abs("../.build/bin/pulumi-language-go")
	require.NoError(t, err)

	built := Engine{Path: "/built/pulumi-3.276.0", Built: true}
	require.Equal(t, map[string]string{"pulumi": built.Path, "pulumi-language-go": ours}, commands(t, built))
	require.FileExists(t, ours)

	bare := installed(t)
	require.Equal(t, map[string]string{"pulumi": bare.Path, "pulumi-language-go": ours}, commands(t, bare))

	whole := installed(t, "pulumi-language-go")
	require.Equal(t, map[string]string{"pulumi": whole.Path}, commands(t, whole))
}
