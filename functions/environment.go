package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// access are the Go settings that decide where modules and the toolchain come from and where caches are. They say
// nothing about what is built, and a user behind a proxy needs them.
var access = []string{
	"GOAUTH", "GOCACHE", "GOCACHEPROG", "GOINSECURE", "GOMODCACHE", "GONOPROXY", "GONOSUMDB", "GOPATH", "GOPRIVATE",
	"GOPROXY", "GOSUMDB", "GOTMPDIR", "GOTOOLCHAIN", "GOVCS",
}

// buildEnvironment is the environment of the compiler: the process's, in which Go and C settings are fixed except
// for access. GOENV=off keeps what `go env -w` wrote from coming in by the back door.
func buildEnvironment(ctx context.Context, root, goarch string) ([]string, error) {
	settings, err := goSettings(ctx, root)
	if err != nil {
		return nil, err
	}
	environment := withoutGo()
	for name, value := range settings {
		environment = append(environment, name+"="+value)
	}
	return append(environment, "GOENV=off", "GOWORK=off", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch), nil
}

// withoutGo is the process's environment without Go and C settings, except for those named in keep.
func withoutGo(keep ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return (strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_")) && !slices.Contains(keep, name)
	})
}

// goSettings reads the user's access settings, from the environment and from what `go env -w` wrote.
func goSettings(ctx context.Context, root string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, access...)...)
	cmd.Dir, cmd.Env = root, withoutGo(append(access, "GOENV")...)
	output, err := cmd.Output()
	if err != nil {
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			return nil, fmt.Errorf("go env: %w\n%s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, fmt.Errorf("run the Go toolchain, which builds the functions: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(output, &settings); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	return settings, nil
}
