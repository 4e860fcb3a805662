package languagehost

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"cellular/local/process"
)

// Build builds the main package pkg, seen from dir, into the file out, and opens that. A file that is up to date stays as it is,
// which takes a second; several may build the same at a time, in one process or several.
//
// The flags are those of the Makefile: a program built with others would not share its packages with what is there.
func Build(ctx context.Context, group *process.Group, dir, pkg, out string) (*os.File, error) {
	f, err := build(ctx, group, dir, pkg, out)
	if err != nil {
		return nil, fmt.Errorf("build the program of %s: %w", filepath.Join(dir, pkg), err)
	}
	return f, nil
}

func build(ctx context.Context, group *process.Group, dir, pkg, out string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return nil, err
	}
	// The compiler writes the file in place where it cannot rename: nobody may open it meanwhile.
	lock, err := os.OpenFile(out+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := flock(lock); err != nil {
		return nil, &fs.PathError{Op: "lock", Path: lock.Name(), Err: err}
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", out, pkg)
	cmd.Dir = dir
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	p, err := group.Start(cmd)
	if err != nil {
		return nil, err
	}
	if err := p.Wait(); err != nil {
		return nil, errors.New(strings.TrimSpace(output.String() + "\n" + err.Error()))
	}
	return os.Open(out)
}

// flock waits for the lock, which goes with the file, however its holder ends.
func flock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
