package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/blang/semver"

	"cellular/local/process"
)

// oldestEngine is the oldest Pulumi CLI that is used from PATH: the minor version of the SDK that the program is built
// with. An older one may lack what that SDK asks of it.
var oldestEngine = semver.MustParse("3.276.0")

// Engine is a Pulumi CLI.
type Engine struct {
	Path    string
	Version semver.Version
	Built   bool // it is the one that tools/go.mod pins, and not one that somebody installed
}

// FindEngine returns the Pulumi CLI to use: the one that tools/go.mod pins if it was built before, else `pulumi` on
// PATH if it is recent enough, else the pinned one, built now into .build/bin, which takes minutes the first time.
// root is the project's root.
func FindEngine(ctx context.Context, root string, group *process.Group, progress func(string)) (Engine, error) {
	e, err := findEngine(ctx, root, group, progress)
	if err != nil {
		return Engine{}, fmt.Errorf("find the Pulumi engine: %w", err)
	}
	return e, nil
}

func findEngine(ctx context.Context, root string, group *process.Group, progress func(string)) (Engine, error) {
	pinned, err := pinnedVersion(root)
	if err != nil {
		return Engine{}, err
	}
	built := filepath.Join(root, ".build", "bin", "pulumi-"+pinned.String())
	if _, err := os.Stat(built); err == nil {
		return Engine{Path: built, Version: pinned, Built: true}, nil
	}
	if path, err := exec.LookPath("pulumi"); err == nil {
		v, err := engineVersion(ctx, path)
		if err == nil && v.Major == oldestEngine.Major && v.GTE(oldestEngine) {
			return Engine{Path: path, Version: v}, nil
		}
		progress(fmt.Sprintf("%s is not usable (it has to be version %s or later of major %d): the pinned version is built instead", path, oldestEngine, oldestEngine.Major))
	}
	progress(fmt.Sprintf("building the Pulumi engine v%s from tools/, once; this takes some minutes", pinned))
	return Engine{Path: built, Version: pinned, Built: true}, buildEngine(ctx, root, built, pinned, group)
}

// buildEngine builds the CLI beside its final path and renames it, so that a build cut short leaves no engine.
func buildEngine(ctx context.Context, root, path string, v semver.Version, group *process.Group) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(path), ".engine-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	out := filepath.Join(work, "pulumi")
	// A CLI that is built from its module has no version, and the Automation API needs one: the linker sets it.
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out,
		"-ldflags", "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v"+v.String(), engineModule+"/cmd/pulumi")
	cmd.Dir = filepath.Join(root, "tools")
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	p, err := group.Start(cmd)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		return fmt.Errorf("build the Pulumi engine from tools/: %w\n%s", err, output.String())
	}
	return os.Rename(out, path)
}

const engineModule = "github.com/pulumi/pulumi/pkg/v3"

var engineRequirement = regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(engineModule) + ` v(\S+)`)

// pinnedVersion is the version that tools/go.mod requires.
func pinnedVersion(root string) (semver.Version, error) {
	mod, err := os.ReadFile(filepath.Join(root, "tools", "go.mod"))
	if err != nil {
		return semver.Version{}, err
	}
	match := engineRequirement.FindSubmatch(mod)
	if match == nil {
		return semver.Version{}, errors.New("tools/go.mod does not require " + engineModule)
	}
	return semver.Parse(string(match[1]))
}

func engineVersion(ctx context.Context, path string) (semver.Version, error) {
	out, err := exec.CommandContext(ctx, path, "version").Output()
	if err != nil {
		return semver.Version{}, err
	}
	return semver.ParseTolerant(strings.TrimSpace(string(out)))
}
