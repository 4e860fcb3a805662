package process

import (
	"os/exec"
	"runtime"
)

// spawner starts every child from one OS thread that lives as long as the group: Linux sends the parent-death signal
// when the thread that forked ends, not when the process does, and Go may end any other thread.
type spawner struct {
	commands chan *exec.Cmd
	errs     chan error
}

func newSpawner() *spawner {
	s := &spawner{commands: make(chan *exec.Cmd), errs: make(chan error)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for cmd := range s.commands {
			s.errs <- cmd.Start()
		}
	}()
	return s
}

// start is called by one goroutine at a time.
func (s *spawner) start(cmd *exec.Cmd) error {
	s.commands <- cmd
	return <-s.errs
}

// close ends the thread. No child may be alive.
func (s *spawner) close() { close(s.commands) }
