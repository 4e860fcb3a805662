// Command bench measures what Cellular promises to be cheap, each figure beside a baseline from the same run.
//
// Machines are noisy, shared and different, so no figure stands alone: a part runs its contestants in turn (A, B, A, B,
// ...), and what counts is the median, over the rounds, of the ratio of the two in one round, with its spread. A verdict
// compares that with a target. A missed target is a result, not a failure: the exit code tells whether it was measured.
//
// Linux only, because the packaged functions are Linux programs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// execute runs one command line. The table goes to stdout, progress to stderr.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := flags.String("run", "", "run the parts whose names match this regular `expression`: "+partNames())
	quick := flags.Bool("quick", false, "see that everything runs, in little time: the figures mean nothing")
	jsonPath := flags.String("json", "bench.json", "write the figures to this `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	selected, err := regexp.Compile(*pattern)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the packaged functions are Linux programs, and this is %s", runtime.GOOS)
	}
	report, failed := runParts(ctx, selected, *quick, stderr)
	if err := report.write(stdout, *jsonPath); err != nil {
		return errors.Join(err, failed)
	}
	return failed
}

// runParts runs the selected parts. A part that fails does not keep the others from running; the error joins what failed.
func runParts(ctx context.Context, selected *regexp.Regexp, quick bool, progress io.Writer) (*report, error) {
	r := newReport(quick)
	h, err := newHarness(quick)
	if err != nil {
		return r, err
	}
	var failed []error
	ran := 0
	for _, p := range parts {
		if !selected.MatchString(p.name) || ctx.Err() != nil {
			continue
		}
		ran++
		fmt.Fprintf(progress, "%-12s %s\n", p.name, p.what)
		start := time.Now()
		rows, err := p.run(ctx, h)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
			fmt.Fprintf(progress, "%-12s failed: %v\n", p.name, err)
		}
		r.add(p.name, rows)
		fmt.Fprintf(progress, "%-12s took %s\n", p.name, time.Since(start).Round(100*time.Millisecond))
	}
	if ran == 0 && ctx.Err() == nil {
		failed = append(failed, fmt.Errorf("no part matches %q, there are: %s", selected, partNames()))
	}
	return r, errors.Join(append(failed, ctx.Err(), h.close())...)
}
