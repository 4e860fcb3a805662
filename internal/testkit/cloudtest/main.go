package cloudtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"cellular/local"
	"cellular/local/gate"
	"cellular/local/gate/calls"
)

// Suite is a package of tests that share clouds.
type Suite struct {
	// Parallel is how many parallel tests run at a time; 0: as many as Go lets run.
	Parallel int
	// Calls is the golden file of the calls that the gate saw, in local/gate/calls/testdata, and Cells are the ids of all
	// cells. Empty: the calls are not kept.
	Calls string
	Cells []string
	// Audit checks what must be true of the clouds when all tests are over. It is not called if no cloud was started. Nil:
	// nothing is checked.
	Audit func(ctx context.Context, passed bool) error
}

// Main is the TestMain of a suite. It runs the tests, takes the clouds down that they started, and exits.
func Main(m *testing.M, s Suite) {
	flag.Parse()
	ctx, cancel := context.Background(), func() {}
	if timeout := flag.Lookup("test.timeout").Value.(flag.Getter).Get().(time.Duration); timeout > 0 {
		ctx, cancel = context.WithDeadline(ctx, patience(time.Now().Add(timeout)))
	}
	if s.Parallel > 0 {
		if err := flag.Set("test.parallel", strconv.Itoa(s.Parallel)); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if s.Calls != "" && len(started) > 0 {
		var made []gate.Call
		for _, c := range started {
			made = append(made, c.Calls()...)
		}
		check(calls.Save("../gate/calls/testdata/"+s.Calls, code == 0, made, started[0].AWS.Region, local.StackName, s.Cells))
	}
	if s.Audit != nil && len(started) > 0 {
		check(s.Audit(ctx, code == 0))
	}
	for _, c := range started {
		check(stop(c, code != 0))
	}
	cancel()
	os.Exit(code)
}
