package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
)

// measureProgram runs the Pulumi program, with mocks in the engine's place, for more and more cells.
func measureProgram(ctx context.Context, h *harness) ([]row, error) {
	binary := filepath.Join(h.dir, "program")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "cellular/bench/program")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, output)
	}
	few := &size{cells: 3}
	base := &size{cells: 30}
	many := &size{cells: pick(h, 300, 40)}
	most := &size{cells: pick(h, 1000, 50)}
	var contestants []func() error
	for _, s := range []*size{few, base, many, most} {
		contestants = append(contestants, func() error { return s.run(ctx, binary) })
	}
	if err := interleave(ctx, h.rounds, contestants...); err != nil {
		return nil, err
	}

	var rows []row
	for _, s := range []*size{few, many, most} {
		var t *target
		if s == most {
			t = ratioAtMost(1.2)
		}
		scaled := base.time.times(float64(s.cells) / float64(base.cells))
		rows = append(rows, newRow(fmt.Sprintf("program, %d cells: time", s.cells), nanoseconds, s.time, "in proportion to 30 cells", scaled, t).
			noted("With mocks in the place of the engine and AWS, which keep all that is registered: %d resources for %d cells. The target is for the growth of the time per cell.", most.resources, most.cells))
	}
	memory := func(s *size) string { return fmt.Sprintf("program, %d cells: peak memory", s.cells) }
	line := fmt.Sprintf("on the line through %d and %d cells", few.cells, many.cells)
	return append(rows,
		newRow(memory(base), byteSize, base.memory, fmt.Sprintf("%d cells", few.cells), few.memory, nil),
		newRow(memory(many), byteSize, many.memory, fmt.Sprintf("%d cells", few.cells), few.memory, nil),
		newRow(memory(most), byteSize, most.memory, line, extend(few, many, most), ratioAtMost(1.2)),
	), nil
}

// size are the figures of the program with a number of cells.
type size struct {
	cells        int
	resources    int
	time, memory series
}

func (s *size) run(ctx context.Context, binary string) error {
	output, err := exec.CommandContext(ctx, binary, strconv.Itoa(s.cells)).Output()
	if err != nil {
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			return fmt.Errorf("%d cells: %w\n%s", s.cells, err, exit.Stderr)
		}
		return err
	}
	var f struct {
		Resources   int   `json:"resources"`
		Nanoseconds int64 `json:"nanoseconds"`
		PeakBytes   int64 `json:"peak_bytes"`
	}
	if err := json.Unmarshal(output, &f); err != nil {
		return fmt.Errorf("%d cells: decode %q: %w", s.cells, output, err)
	}
	s.resources = f.Resources
	s.time = append(s.time, float64(f.Nanoseconds))
	s.memory = append(s.memory, float64(f.PeakBytes))
	return nil
}

// extend is the memory that to would take if it lay on the line through a and b, by round.
func extend(a, b, to *size) series {
	line := make(series, len(a.memory))
	for i := range line {
		slope := (b.memory[i] - a.memory[i]) / float64(b.cells-a.cells)
		line[i] = a.memory[i] + slope*float64(to.cells-a.cells)
	}
	return line
}
