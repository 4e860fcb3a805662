// Package process starts child processes that do not outlive us, however we end.
//
// Each child leads a process group of its own, so that its children go with it and Ctrl-C at the terminal reaches us
// alone. A reaper, a small shell process in a session of its own, knows the group of every child that runs, and ends
// them when our end of a pipe closes; it closes even if we are killed by SIGKILL. A child that moves itself to another
// process group escapes.
//
// Linux and macOS.
package process

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// ErrClosed is returned by Start after Close.
var ErrClosed = errors.New("process group is closed")

// outputDelay bounds the wait for a child's output after the child itself ended: its own children may hold the pipe.
const outputDelay = time.Second

// Group is a set of child processes and their reaper. It is safe for concurrent use.
type Group struct {
	mu      sync.Mutex
	closed  bool
	running map[*Process]struct{}
	spawner *spawner
	reaper  *reaper
}

// NewGroup starts the reaper.
func NewGroup() (*Group, error) {
	r, err := startReaper()
	if err != nil {
		return nil, fmt.Errorf("start the reaper of child processes: %w", err)
	}
	return &Group{running: map[*Process]struct{}{}, spawner: newSpawner(), reaper: r}, nil
}

// Start starts cmd as the leader of a process group of its own, and registers it with the reaper. Standard input is
// /dev/null unless the command has one. The caller waits with Process.Wait, not with the command's own Wait. A command
// made with exec.CommandContext is killed with its whole group when the context ends.
func (g *Group) Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pgid = 0
	dieWithParent(cmd.SysProcAttr)
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = outputDelay
	}
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, ErrClosed)
	}
	if err := g.spawner.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	if err := g.reaper.add(p.Pid()); err != nil {
		p.signal(syscall.SIGKILL)
		_ = cmd.Wait() // it was killed: there is nothing more to learn
		return nil, fmt.Errorf("register %s with the reaper of child processes: %w", cmd.Path, err)
	}
	g.running[p] = struct{}{}
	go p.wait(g.forget)
	return p, nil
}

func (g *Group) forget(p *Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.running, p)
	g.reaper.remove(p.Pid())
}

// Close kills every child that still runs, waits for them, and ends the reaper.
func (g *Group) Close() error {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil
	}
	g.closed = true
	var left []*Process
	for p := range g.running {
		left = append(left, p)
	}
	g.mu.Unlock()

	for _, p := range left {
		p.signal(syscall.SIGKILL)
	}
	for _, p := range left {
		<-p.done
	}
	g.spawner.close()
	return g.reaper.close()
}

// Process is a child that Group.Start started. It is safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of the command's Wait; set before done is closed

	mu    sync.Mutex
	ended bool // the process id may belong to somebody else
}

// Pid is the id of the process and of its process group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and its output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process and returns what exec.Cmd.Wait says of it. Several callers may wait.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Kill kills the whole process group and returns when the process has ended. It may have ended before.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Terminate asks the process group to end (SIGTERM), kills it if the process still runs after the grace period, and
// returns when it has ended. What the process leaves behind in its group is killed.
func (p *Process) Terminate(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

func (p *Process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = syscall.Kill(-p.Pid(), s) // it fails only if the whole group has ended, which is what is wanted
	}
}

// wait collects the process, then kills what it left behind in its group: while any member lives, the kernel does not
// give the group's number to a new process.
func (p *Process) wait(forget func(*Process)) {
	p.err = p.cmd.Wait()
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	forget(p)
	close(p.done)
}
