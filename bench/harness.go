package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"cellular/bench/internal/environment"
	"cellular/functions"
	"cellular/local/process"
)

// harness is what the parts share.
type harness struct {
	quick  bool
	rounds int // of the parts that take long; the others have more
	group  *process.Group
	dir    string // of unpacked functions

	mu       sync.Mutex
	packaged *packages // by the first part that needs them
}

// packages are the contestants as Lambda would get them.
type packages struct {
	router, floor function
}

// function is a packaged function.
type function struct {
	binary string // the unpacked bootstrap
	zipped int64  // size of the zip file in bytes
}

func newHarness(quick bool) (*harness, error) {
	group, err := process.NewGroup()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cellular-bench-*")
	if err != nil {
		return nil, errors.Join(err, group.Close())
	}
	h := &harness{quick: quick, rounds: 5, group: group, dir: dir}
	if quick {
		h.rounds = 1
	}
	return h, nil
}

func (h *harness) close() error {
	if h == nil {
		return nil
	}
	return errors.Join(h.group.Close(), os.RemoveAll(h.dir))
}

// pick returns full, or short in a quick run.
func pick[T any](h *harness, full, short T) T {
	if h.quick {
		return short
	}
	return full
}

// packages builds and unpacks the router and the floor, once.
func (h *harness) packages(ctx context.Context) (*packages, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.packaged != nil {
		return h.packaged, nil
	}
	architecture, ok := map[string]string{"amd64": functions.X86_64, "arm64": functions.ARM64}[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("there is no Lambda architecture for %s", runtime.GOARCH)
	}
	artifacts, err := functions.Package(ctx, architecture)
	if err != nil {
		return nil, err
	}
	const floorMain = "bench/floor"
	zips, err := functions.PackageMains(ctx, architecture, filepath.Join(".build", "bench"), floorMain)
	if err != nil {
		return nil, err
	}
	var p packages
	for path, to := range map[string]*function{artifacts.Router: &p.router, zips[floorMain]: &p.floor} {
		if *to, err = h.unpack(path); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", path, err)
		}
	}
	h.packaged = &p
	return h.packaged, nil
}

// unpack writes the one file of a function's zip where it can be run.
func (h *harness) unpack(path string) (function, error) {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return function{}, err
	}
	defer archive.Close()
	bootstrap, err := archive.Open("bootstrap")
	if err != nil {
		return function{}, err
	}
	defer bootstrap.Close()
	content, err := io.ReadAll(bootstrap)
	if err != nil {
		return function{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return function{}, err
	}
	f := function{binary: filepath.Join(h.dir, filepath.Base(path)+".bootstrap"), zipped: info.Size()}
	return f, os.WriteFile(f.binary, content, 0o755)
}

// start starts an environment of a function in front of the store at endpoint.
func (h *harness) start(f function, endpoint string, variables map[string]string) (*environment.Environment, error) {
	return environment.Start(h.group, f.binary, endpoint, variables)
}

// invoke hands a request to an environment and checks that the answer is a 202.
func invoke(ctx context.Context, e *environment.Environment, request []byte) (time.Duration, error) {
	answer, err := e.Invoke(ctx, request)
	if err != nil {
		return 0, err
	}
	if !accepted(answer.Payload) {
		return 0, fmt.Errorf("the answer is not a 202: %s", answer.Payload)
	}
	return answer.Took, nil
}
