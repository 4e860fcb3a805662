package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const localSettings = `config:
  aws:region: us-east-1
  cellular:cells:
    - id: alpha
  cellular:functions:
    architecture: none
    timeout: 10s
encryptionsalt: v1:project
`

func projectRoot(t *testing.T) string {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.yaml"), []byte("name: cellular\nruntime: go\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.local.yaml"), []byte(localSettings), 0o644))
	return root
}

func TestOverridesMergeObjectsAndReplaceTheRest(t *testing.T) {
	s, err := readSettings(projectRoot(t), map[string]any{
		"cellular:cells":     []any{map[string]any{"id": "beta"}},
		"cellular:functions": map[string]any{"timeout": "2s", "memory": 512},
	})
	require.NoError(t, err)
	require.Equal(t, "us-east-1", s["aws:region"])
	require.Equal(t, []any{map[string]any{"id": "beta"}}, s["cellular:cells"])
	functions := s["cellular:functions"].(map[string]any)
	require.Equal(t, "2s", functions["timeout"])
	require.Equal(t, 512, functions["memory"])
	require.Contains(t, []string{"x86_64", "arm64"}, functions["architecture"], "the host's architecture takes the place of the file's")
}

func TestTheProjectsOwnFilesAreNotTouched(t *testing.T) {
	root, dir := projectRoot(t), filepath.Join(t.TempDir(), "project")
	s, err := readSettings(root, nil)
	require.NoError(t, err)
	require.NoError(t, writeProject(root, dir, s))

	// What pulumi knows the stack by is that of the project's file, so that it may be used there, too.
	path := filepath.Join(dir, "Pulumi.local.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "encryptionsalt: v1:project\n")

	// The engine changes the stack's file, and finds it again after the next write.
	require.NoError(t, os.WriteFile(path, []byte("encryptionsalt: v1:salt\n"), 0o644))
	require.NoError(t, writeProject(root, dir, merge(s, map[string]any{"cellular:protect": true})))

	var file map[string]any
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	require.Equal(t, "v1:salt", file["encryptionsalt"])
	require.Equal(t, true, file["config"].(map[string]any)["cellular:protect"])

	original, err := os.ReadFile(filepath.Join(root, "Pulumi.local.yaml"))
	require.NoError(t, err)
	require.Equal(t, localSettings, string(original))
}

func TestASecondCloudIsToldWhoHasTheDirectory(t *testing.T) {
	dir := t.TempDir()
	first, err := acquire(dir)
	require.NoError(t, err)
	_, err = acquire(dir)
	require.ErrorContains(t, err, "it is still starting")

	require.NoError(t, first.write(holder{PID: 4711, URL: "http://127.0.0.1:8080"}))
	_, err = acquire(dir)
	require.ErrorContains(t, err, "process 4711, its router answers at http://127.0.0.1:8080")

	require.NoError(t, first.release())
	second, err := acquire(dir)
	require.NoError(t, err)
	require.NoError(t, second.release())
}

func TestAnEngineErrorIsReducedToItsDiagnostics(t *testing.T) {
	whole := errors.New(`failed to run update: exit status 255
code: 255
stdout: Updating (local):
 +  aws:sqs:Queue cell-beta-queue creating (0s) error: taken
Diagnostics:
  aws:sqs:Queue (cell-beta-queue):
    error: create queue: taken

Resources:
    + 3 created
stderr: `)
	err := brief(t.Context(), whole)
	require.EqualError(t, err, "aws:sqs:Queue (cell-beta-queue):\nerror: create queue: taken")
	require.ErrorIs(t, err, whole)

	other := errors.New("no diagnostics here")
	require.Equal(t, other, brief(t.Context(), other))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, brief(ctx, whole), context.Canceled)
}

func TestALogLineStandsBehindTheNameOfItsCell(t *testing.T) {
	require.Equal(t, "cell alpha consumer", label("local-consumer-cell-alpha"))
	require.Equal(t, "router", label("local-global-edge-router"))
}

func TestThePinnedEngineIsTheOneOfTheToolsModule(t *testing.T) {
	v, err := pinnedVersion("..")
	require.NoError(t, err)
	require.True(t, v.GTE(oldestEngine), "tools/go.mod pins %s", v)

	_, err = pinnedVersion(t.TempDir())
	require.Error(t, err)
}
