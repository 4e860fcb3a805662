// Package functions builds the Lambda functions below it into the zip files that `pulumi up` uploads.
//
// Pulumi hashes a zip as raw bytes, so a zip that differs without a change in the source would redeploy every function
// of every cell. The build is therefore reproducible: the same source and the same Go toolchain give the same bytes,
// whatever the directory, the clock, the version control state or the user's Go settings.
package functions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The architectures that Lambda offers, by Lambda's names.
const (
	ARM64  = "arm64"
	X86_64 = "x86_64"
)

// Architecture is Lambda's name of an architecture that Go calls goarch; "" if Lambda does not offer it.
func Architecture(goarch string) string {
	return map[string]string{"arm64": ARM64, "amd64": X86_64}[goarch]
}

// Artifacts are the absolute paths of the packaged functions.
type Artifacts struct {
	Router   string
	Producer string
	Consumer string
	Probe    string
}

// mains are the functions, each a main package in a directory of that name.
var mains = []string{"functions/router", "functions/producer", "functions/consumer", "functions/probe"}

// Package builds the functions for architecture (ARM64 or X86_64) and returns their zip files, which stand in
// .build/functions/ARCHITECTURE under the module's root. The root is found from the working directory upwards.
//
// It is safe to run several times at once, in one process or several. A zip whose content has not changed is not
// written again. An error of the compiler carries the compiler's output.
func Package(ctx context.Context, architecture string) (Artifacts, error) {
	zips, err := PackageMains(ctx, architecture, filepath.Join(".build", "functions"), mains...)
	if err != nil {
		return Artifacts{}, err
	}
	return Artifacts{Router: zips[mains[0]], Producer: zips[mains[1]], Consumer: zips[mains[2]], Probe: zips[mains[3]]}, nil
}

// PackageMains builds other main packages exactly as Package builds the functions, so that they can be measured beside
// them. dirs and out are relative to the module's root. The result maps each of dirs to the absolute path of its zip
// file, which stands in out/ARCHITECTURE and has the directory's base name.
func PackageMains(ctx context.Context, architecture, out string, dirs ...string) (map[string]string, error) {
	goarch, ok := map[string]string{ARM64: "arm64", X86_64: "amd64"}[architecture]
	if !ok {
		return nil, fmt.Errorf("package functions: architecture %q is unknown, want %s or %s", architecture, ARM64, X86_64)
	}
	zips, err := packageAll(ctx, goarch, filepath.Join(out, architecture), dirs)
	if err != nil {
		return nil, fmt.Errorf("package functions for %s: %w", architecture, err)
	}
	return zips, nil
}

func packageAll(ctx context.Context, goarch, out string, dirs []string) (map[string]string, error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	out = filepath.Join(root, out)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	// Inside the output directory, so that a finished zip can be renamed into place: a reader sees the old file or
	// the new one, never half of one.
	work, err := os.MkdirTemp(out, ".build-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)

	if err := build(ctx, root, work, goarch, dirs); err != nil {
		return nil, err
	}
	zips := make(map[string]string, len(dirs))
	for _, dir := range dirs {
		name := filepath.Base(dir)
		zips[dir] = filepath.Join(out, name+".zip")
		if err := writeZip(filepath.Join(work, name), zips[dir]); err != nil {
			return nil, fmt.Errorf("zip %s: %w", name, err)
		}
	}
	return zips, nil
}

// build compiles the main packages in dirs into binaries of the directories' base names in out.
func build(ctx context.Context, root, out, goarch string, dirs []string) error {
	environment, err := buildEnvironment(ctx, root, goarch)
	if err != nil {
		return err
	}
	args := []string{
		"build", "-o", out + string(filepath.Separator),
		"-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags=-s -w -buildid=",
		"-tags=lambda.norpc", // the net/rpc transport serves the retired go1.x runtime only
	}
	for _, dir := range dirs {
		args = append(args, "./"+dir)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = root, environment
	if output, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build: %w\n%s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

// ModuleRoot returns the closest directory, from the working directory upwards, that holds the go.mod of this module.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module's root: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modulePath(string(mod)) == "cellular" {
			return dir, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("find the module's root: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the module's root: no go.mod of module cellular in %s or above it: run this inside the project's directory", start)
		}
	}
}

// modulePath is the path that a go.mod file declares; "" if it declares none.
func modulePath(mod string) string {
	for line := range strings.Lines(mod) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "module" {
			return strings.Trim(fields[1], `"`)
		}
	}
	return ""
}
