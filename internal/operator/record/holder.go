package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"cellular/internal/model/openwork"
	"cellular/internal/model/wait"
)

// Holder is the name of this process, as records have it: HOST:PID.
func Holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// Gone reports whether a holder was a process of this host that is there no more. It knows nothing of other hosts.
func Gone(holder string) bool {
	host, err := os.Hostname()
	if err != nil {
		return false
	}
	process, local := strings.CutPrefix(holder, host+":")
	pid, err := strconv.Atoi(process)
	return local && err == nil && pid > 0 && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// Held reports whether a process other than the one that asks seems to be at work (openwork.AtWork).
func Held(holder, asks string, quiet time.Duration, gone func(holder string) bool) bool {
	return holder != asks && openwork.AtWork(holder, quiet, gone)
}

// While it waits for a holder, Await looks every heldEvery. It waits a little longer than HolderTimeout, after which the work
// is taken over.
const (
	heldPatience = HolderTimeout + 5*time.Second
	heldEvery    = time.Second
)

// ErrAlive is the error for work that another process is at work on, and shows that it is alive.
var ErrAlive = errors.New("the process at work on it is alive")

// Await carries on work that another process may be at work on, for which carry's error is held. It waits until that process
// is taken to be dead, and carries on then, or until it shows that it is alive, or to be so to carry for longer than anybody
// waits: the error is ErrAlive then. It calls waiting once, with carry's first error, and returns the work as carry left it.
func Await[Work any](
	ctx context.Context, held error, lastSeen func(Work) time.Time, waiting func(error), carry func() (Work, error),
) (Work, error) {
	var first time.Time
	for deadline := time.Now().Add(heldPatience); ; {
		work, err := carry()
		if !errors.Is(err, held) {
			return work, err
		}
		switch {
		case first.IsZero():
			first = lastSeen(work)
			waiting(err)
		case lastSeen(work).After(first), !time.Now().Before(deadline):
			return work, fmt.Errorf("%w: %w", ErrAlive, err)
		}
		if err := wait.For(ctx, heldEvery); err != nil {
			return work, err
		}
	}
}
