package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"

	"gopkg.in/yaml.v3"

	"cellular/functions"
)

// settings are the stack's configuration: full keys such as "cellular:cells", values as in a stack's YAML file.
type settings map[string]any

// readSettings reads Pulumi.local.yaml, lays overrides over it (objects are merged, everything else is replaced), and
// puts in the host's architecture, because the functions run on the host.
func readSettings(root string, overrides map[string]any) (settings, error) {
	path := filepath.Join(root, stackFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	architecture := functions.Architecture(runtime.GOARCH)
	if architecture == "" {
		return nil, fmt.Errorf("the host's architecture is %s; functions exist for amd64 and arm64", runtime.GOARCH)
	}
	merged := merge(file.Config, overrides)
	return merge(merged, map[string]any{"cellular:functions": map[string]any{"architecture": architecture}}), nil
}

// merge returns base with over laid over it. Neither is changed.
func merge(base, over map[string]any) map[string]any {
	merged := maps.Clone(base)
	if merged == nil {
		merged = map[string]any{}
	}
	for key, value := range over {
		below, ok := merged[key].(map[string]any)
		if above, isMap := value.(map[string]any); ok && isMap {
			value = merge(below, above)
		}
		merged[key] = value
	}
	return merged
}

// writeProject writes the project's settings for the engine into dir, a directory of its own: the engine adds to a
// stack's file, and the project's files are not its to change. All but the configuration is as in the project's file, so that a
// CLI in the project's own directory finds the stack as it left it, and what the engine keeps in the file here is kept.
func writeProject(root, dir string, s settings) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	project, err := os.ReadFile(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), project, 0o644); err != nil {
		return err
	}
	file, path := map[string]any{}, filepath.Join(dir, stackFile)
	for _, from := range []string{filepath.Join(root, stackFile), path} {
		text, err := os.ReadFile(from)
		if from == path && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = yaml.Unmarshal(text, &file)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
	}
	file["config"] = map[string]any(s)
	text, err := yaml.Marshal(file)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// stackFile has the settings of the stack.
const stackFile = "Pulumi." + StackName + ".yaml"

// listed is the list of keys that a program started by the Pulumi CLI finds in its environment. A program that runs
// inline has none, and could not refuse a key that it does not know.
func (s settings) listed() (string, error) {
	keys := map[string]string{}
	for key := range s {
		keys[key] = ""
	}
	text, err := json.Marshal(keys)
	return string(text), err
}
