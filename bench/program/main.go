// Command program runs the Pulumi program once, with mocks in the engine's place, for as many cells as its argument
// says, and writes what that took as JSON. It is a process of its own so that its memory is its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"cellular/bench/internal/procfs"
	"cellular/functions"
	"cellular/internal/testkit/pulumitest"
	"cellular/stack"
)

func main() {
	if err := exec(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		os.Exit(1)
	}
}

// figures are what one run took.
type figures struct {
	Resources   int   `json:"resources"`
	Nanoseconds int64 `json:"nanoseconds"`
	PeakBytes   int64 `json:"peak_bytes"`
}

func exec(args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("want one argument, the number of cells")
	}
	cells, err := strconv.Atoi(args[0])
	if err != nil || cells < 1 {
		return fmt.Errorf("the number of cells is %q, want a whole number of at least 1", args[0])
	}
	f, err := run(cells)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(f)
}

func run(cells int) (f figures, err error) {
	config, err := cellConfig(cells)
	if err != nil {
		return figures{}, err
	}
	artifacts, remove, err := emptyArtifacts()
	if err != nil {
		return figures{}, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	program := stack.Program(stack.Options{
		Package: func(context.Context, string) (functions.Artifacts, error) { return artifacts, nil },
	})
	start := time.Now()
	recorder, err := pulumitest.RunErr(program, pulumitest.WithConfig(config))
	if err != nil {
		return figures{}, err
	}
	f = figures{Resources: len(recorder.Resources()), Nanoseconds: time.Since(start).Nanoseconds()}
	f.PeakBytes, err = procfs.PeakMemory(os.Getpid())
	return f, err
}

// cellConfig is the stack's configuration with n cells and the defaults otherwise.
func cellConfig(n int) (map[string]string, error) {
	type cell struct {
		ID   string `json:"id"`
		Wave int    `json:"wave"`
	}
	cells := make([]cell, n)
	for i := range cells {
		cells[i] = cell{ID: fmt.Sprintf("cell-%04d", i), Wave: i % 5}
	}
	encoded, err := json.Marshal(cells)
	if err != nil {
		return nil, fmt.Errorf("encode cells: %w", err)
	}
	return map[string]string{"aws:region": pulumitest.Region, "cellular:cells": string(encoded)}, nil
}

// emptyArtifacts are zip files, small ones: each function that refers to one hashes it.
func emptyArtifacts() (a functions.Artifacts, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "cellular-bench-*")
	if err != nil {
		return functions.Artifacts{}, nil, err
	}
	a = functions.Artifacts{
		Router: filepath.Join(dir, "router.zip"), Producer: filepath.Join(dir, "producer.zip"), Consumer: filepath.Join(dir, "consumer.zip"),
		Probe: filepath.Join(dir, "probe.zip"),
	}
	// The record that ends a zip file, alone: an archive without entries.
	empty := append([]byte("PK\x05\x06"), make([]byte, 18)...)
	for _, path := range []string{a.Router, a.Producer, a.Consumer, a.Probe} {
		if err := os.WriteFile(path, empty, 0o644); err != nil {
			return functions.Artifacts{}, nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return a, func() error { return os.RemoveAll(dir) }, nil
}
