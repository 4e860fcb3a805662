package stack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/configtest"
	"cellular/router"
	"cellular/stack"
)

func loadProject(t *testing.T) *workspace.Project {
	t.Helper()
	project, err := workspace.LoadProject(filepath.Join("..", "Pulumi.yaml"))
	require.NoError(t, err)
	return project
}

// projectDefaults are the defaults of Pulumi.yaml as the engine hands them to a program.
func projectDefaults(t *testing.T) map[string]string {
	t.Helper()
	raw := map[string]string{}
	for key, entry := range loadProject(t).Config {
		if entry.Default == nil {
			continue
		}
		require.NotEmpty(t, entry.Description, "%s has no description", key)
		require.NotNil(t, entry.Type, "%s has no type", key)
		value, ok := entry.Default.(string)
		if !ok {
			simple, err := workspace.SimplifyMarshalledValue(entry.Default)
			require.NoError(t, err)
			text, err := json.Marshal(simple)
			require.NoError(t, err)
			value = string(text)
		}
		raw["cellular:"+key] = value
	}
	require.NotEmpty(t, raw)
	return raw
}

// stackFile is the configuration that the engine makes of a stack's file and Pulumi.yaml.
func stackFile(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := workspace.LoadProjectStack(nil, loadProject(t), filepath.Join("..", fmt.Sprintf("Pulumi.%s.yaml", name)))
	require.NoError(t, err)
	raw := projectDefaults(t)
	for key, value := range file.Config {
		text, err := value.Value(config.NopDecrypter)
		require.NoError(t, err)
		raw[key.String()] = text
	}
	return raw
}

func TestTheDefaultsInPulumiYAMLAreThoseOfTheProgram(t *testing.T) {
	written := projectDefaults(t)
	require.Equal(t, "[]", written["cellular:cells"], "no cell comes by default")
	written["aws:region"], written["cellular:cells"] = "eu-west-1", `[{"id":"alpha"}]`
	fromFile, err := stack.Parse("dev", written)
	require.NoError(t, err)
	fromProgram, err := stack.Parse("dev", configtest.Minimal())
	require.NoError(t, err)
	require.Equal(t, fromProgram, fromFile)
}

// An object in Pulumi.yaml that leaves a field out would hide the field from its readers.
func TestPulumiYAMLShowsEveryField(t *testing.T) {
	for key, text := range projectDefaults(t) {
		var fields map[string]any
		if json.Unmarshal([]byte(text), &fields) != nil {
			continue
		}
		fields["nothing"] = 1
		wrong, err := json.Marshal(fields)
		require.NoError(t, err)
		_, err = stack.Parse("dev", configtest.Minimal(key, string(wrong)))
		delete(fields, "nothing")
		var want string
		for _, name := range sortedKeys(fields) {
			want += ", " + name
		}
		require.EqualError(t, err, fmt.Sprintf("%s.nothing: unknown key, allowed are %s", key, want[2:]))
	}
}

func TestDefaultProvidersAreDisabled(t *testing.T) {
	require.Equal(t, []any{"*"}, loadProject(t).Config["pulumi:disable-default-providers"].Value)
}

func TestTheEnvironmentsThatComeWithTheProjectAreValid(t *testing.T) {
	configs := map[string]stack.Config{}
	for _, name := range []string{"dev", "prod", "local"} {
		c, err := stack.Parse(name, stackFile(t, name))
		require.NoError(t, err, name)
		require.GreaterOrEqual(t, len(c.Cells), 2, "%s: with one cell nothing is contained", name)
		configs[name] = c
	}
	require.True(t, configs["prod"].Protect)
	require.Equal(t, router.AuthJWT, configs["prod"].Router.Auth.Type)
	require.False(t, configs["prod"].Functions.FaultInjection)
	require.False(t, configs["local"].Protect)
	require.Equal(t, router.AuthNone, configs["local"].Router.Auth.Type)
	require.True(t, configs["local"].Functions.FaultInjection)
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
