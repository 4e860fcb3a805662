package main

import (
	"flag"
	"fmt"
	"testing"
)

// setBenchmarkTime sets how long testing.Benchmark runs a function: a duration, or a number of calls with an x behind it.
// Package testing takes it from the flags of its own that a test binary has.
func setBenchmarkTime(value string) error {
	testing.Init()
	if err := flag.Set("test.benchtime", value); err != nil {
		return fmt.Errorf("set benchmark time: %w", err)
	}
	return nil
}
