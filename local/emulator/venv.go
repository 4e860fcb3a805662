package emulator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// requirements pin what is installed, by hashes. What has no wheel would be built with tools that nobody has pinned.
//
//go:embed requirements.txt
var requirements string

// installTimeout bounds each step of an installation. Ten seconds is usual; a slow network takes minutes.
const installTimeout = 15 * time.Minute

// minPython is the oldest minor version of Python 3 that the pinned moto supports.
const minPython = 10

// venv is a Python virtual environment with the pinned moto.
type venv struct{ dir string }

func (v venv) python() string { return filepath.Join(v.dir, "bin", "python") }

// server is the command that runs moto's server. It goes past the script bin/moto_server, because the first line of a
// script has a length limit and takes no spaces.
func (v venv) server() []string { return []string{v.python(), "-m", "moto.server"} }

// marker is written after everything else, and holds what was installed: an installation that was killed, or that is
// of another version, never counts as complete.
func (v venv) marker() string { return filepath.Join(v.dir, "installed.txt") }

func (v venv) complete() bool {
	installed, err := os.ReadFile(v.marker())
	if err != nil || string(installed) != requirements {
		return false
	}
	_, err = os.Stat(v.python()) // a link to a Python that may have been removed since
	return err == nil
}

// build makes the environment from nothing, unless somebody else has just done so.
func (v venv) build(ctx context.Context, o Options) error {
	unlock, err := lock(ctx, v.dir+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if v.complete() {
		return nil
	}
	python, err := findPython(ctx, o)
	if err != nil {
		return err
	}
	o.progress("installing the AWS emulator in %s (once; about 150 MB)", v.dir)
	if err := os.RemoveAll(v.dir); err != nil {
		return err
	}
	if out, err := run(ctx, o, python, "-m", "venv", v.dir); err != nil {
		return fmt.Errorf("create a virtual environment: %w%s\n%s", err, out, pythonNeeded)
	}
	wanted := filepath.Join(v.dir, "requirements.txt")
	if err := os.WriteFile(wanted, []byte(requirements), 0o644); err != nil {
		return err
	}
	pip := []string{v.python(), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r", wanted}
	if out, err := run(ctx, o, pip...); err != nil {
		return fmt.Errorf("install moto: %s: %w%s", strings.Join(pip, " "), err, out)
	}
	return os.Rename(wanted, v.marker())
}

var pythonNeeded = fmt.Sprintf("Python 3.%d or later with venv is needed (on Debian and Ubuntu: apt install python3-venv); "+
	"or put moto_server on PATH, or set %s", minPython, EndpointVariable)

func findPython(ctx context.Context, o Options) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, pythonNeeded)
	}
	out, err := run(ctx, o, python, "-c", "import sys; print(*sys.version_info[:2])")
	if err != nil {
		return "", fmt.Errorf("%s: %w%s\n%s", python, err, out, pythonNeeded)
	}
	var major, minor int
	if _, err := fmt.Sscan(out.String(), &major, &minor); err != nil {
		return "", fmt.Errorf("%s does not tell its version:%s\n%s", python, out, pythonNeeded)
	}
	if major != 3 || minor < minPython {
		return "", fmt.Errorf("%s is Python %d.%d\n%s", python, major, minor, pythonNeeded)
	}
	return python, nil
}

// run runs a command and returns the end of its output.
func run(ctx context.Context, o Options, command ...string) (*tail, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, installTimeout, fmt.Errorf("not done after %s", installTimeout))
	defer cancel()
	out := &tail{}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	p, err := o.Group.Start(cmd)
	if err != nil {
		return out, err
	}
	if err := p.Wait(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return out, err
	}
	return out, nil
}

// lock waits for the exclusive lock on a file, which the kernel releases if we die.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for the lock on %s: %w", path, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
