package soaktest_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/cloudtest"
	"cellular/local/internal/proc"
)

const (
	faultEvery  = time.Second
	freezeOneIn = 4 // of the faults
	minFreeze   = 2 * time.Second
	maxFreeze   = 6 * time.Second // longer than a function may take: the local Lambda kills it
)

// harm counts what was done to whom.
type harm struct{ kills, freezes map[string]int }

// disturb kills or freezes a process of some function every second, and now and then the mover, until the context ends.
// Whoever is frozen then goes on.
func (w *world) disturb(ctx context.Context, t *testing.T, m *mover) harm {
	h := harm{map[string]int{}, map[string]int{}}
	beat := time.NewTicker(faultEvery)
	defer beat.Stop()
	frozen := map[int]time.Time{} // until when
	defer func() {
		for pid := range frozen {
			resume(pid)
		}
	}()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return h
		case <-beat.C:
		}
		for pid, until := range frozen {
			if time.Now().After(until) {
				resume(pid)
				delete(frozen, pid)
			}
		}
		if n%7 == 3 && m.kill() {
			h.kills["mover"]++
			continue
		}
		victims := w.victims(t)
		parts := []string{"consumer", "producer", "router"}
		part := parts[rand.N(len(parts))]
		if len(victims[part]) == 0 {
			continue
		}
		pid := victims[part][rand.N(len(victims[part]))]
		if _, already := frozen[pid]; already {
			continue
		}
		if rand.N(freezeOneIn) == 0 {
			if syscall.Kill(pid, syscall.SIGSTOP) == nil {
				frozen[pid] = time.Now().Add(minFreeze + rand.N(maxFreeze-minFreeze))
				h.freezes[part]++
			}
		} else if syscall.Kill(pid, syscall.SIGKILL) == nil {
			h.kills[part]++
		}
	}
}

// resume lets a process go on; it may have been killed meanwhile.
func resume(pid int) { _ = syscall.Kill(pid, syscall.SIGCONT) }

// victims are the processes of functions that run, by what they are.
func (w *world) victims(t *testing.T) map[string][]int {
	family, err := proc.Family(os.Getpid())
	if err != nil {
		t.Error(err)
	}
	all := map[string][]int{}
	for _, pid := range family[1:] {
		name := proc.Variable(pid, "AWS_LAMBDA_FUNCTION_NAME")
		for _, part := range []string{"consumer", "producer", "router"} {
			if strings.Contains(name, part) {
				all[part] = append(all[part], pid)
			}
		}
	}
	return all
}

// mover is the operator's process that moves a tenant. One that dies is started again until the move has ended.
type mover struct {
	killable chan *os.Process // the process that runs, if one does
	done     chan struct{}
	says     bytes.Buffer // of the last one
	err      error
}

// move begins to move a tenant.
func (w *world) move(ctx context.Context, tenant, to string) *mover {
	m := &mover{killable: make(chan *os.Process, 1), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		args := []string{"tenants", "move", tenant, "--to", to}
		for attempts := 0; attempts < 100 && ctx.Err() == nil; attempts++ {
			cmd := w.cellctl.Command(ctx, args...)
			m.says.Reset()
			cmd.Stdout, cmd.Stderr = &m.says, &m.says
			if m.err = cmd.Start(); m.err != nil {
				return
			}
			m.killable <- cmd.Process
			m.err = cmd.Wait()
			select {
			case <-m.killable:
			default:
			}
			if m.err == nil {
				return
			}
			// One that was killed before it had begun the move left none to resume.
			args = []string{"tenants", "move", tenant, "--resume"}
			if strings.Contains(m.says.String(), "no move of tenant") {
				args = []string{"tenants", "move", tenant, "--to", to}
			}
		}
	}()
	return m
}

// kill kills the process that runs, and reports whether one did.
func (m *mover) kill() bool {
	select {
	case p := <-m.killable:
		return p.Kill() == nil
	default:
		return false
	}
}

func (m *mover) await(t *testing.T) {
	t.Helper()
	cloudtest.Await(t, "the move ends", func() (struct{}, bool) {
		select {
		case <-m.done:
			return struct{}{}, true
		default:
			return struct{}{}, false
		}
	})
	var exit *exec.ExitError
	if m.err != nil {
		require.ErrorAs(t, m.err, &exit)
	}
	require.NoError(t, m.err, "cellctl: %s", &m.says)
}
