package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// TestWorkflows_PinActionsAndMayOnlyRead demands of each workflow actions by their full commit, which nobody can move as
// one can move a tag, a token that may only read, and a bound on each job's time.
func TestWorkflows_PinActionsAndMayOnlyRead(t *testing.T) {
	paths, err := filepath.Glob(".github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct {
				Permissions    map[string]string
				TimeoutMinutes int `yaml:"timeout-minutes"`
				Steps          []struct{ Uses, Run string }
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &workflow), path)
		require.Equal(t, map[string]string{"contents": "read"}, workflow.Permissions, path)
		require.NotEmpty(t, workflow.Jobs, path)
		for name, job := range workflow.Jobs {
			require.Empty(t, job.Permissions, "%s: %s", path, name)
			require.Positive(t, job.TimeoutMinutes, "%s: %s", path, name)
			for _, step := range job.Steps {
				if step.Uses != "" {
					require.Regexp(t, pinned, step.Uses, "%s: %s", path, name)
				}
			}
		}
	}
}

// TestWorkflows_RunTheGate demands that CI runs the script that everybody runs, and nothing else.
func TestWorkflows_RunTheGate(t *testing.T) {
	text, err := os.ReadFile(".github/workflows/ci.yml")
	require.NoError(t, err)
	commands := regexp.MustCompile(`(?m)^\s*(?:- )?run: (.*)$`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, commands, 1)
	require.Equal(t, ".ci/run", commands[0][1])
}
