package lambda

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"cellular/local/process"
)

// initTimeout bounds the time from the start of a process to its first request for an event, as on AWS.
const initTimeout = 10 * time.Second

// environment is an execution environment: one process of a function that gets one event at a time.
type environment struct {
	token  string           // its path in the Runtime API; a secret of its process
	child  *process.Process // nil until it was started
	output *lines
	hand   chan *invocation // to the request for the next event
	ready  chan struct{}    // closed by the first such request

	mu        sync.Mutex
	isReady   bool
	current   *invocation
	initError []byte // what the runtime said was wrong with its start
}

// start starts the process of an environment. It is ready, or failed, some time later.
func (s *Service) start(g *generation) (*environment, error) {
	token := rand.Text()
	vars, err := s.variables(s.ctx, g.config, token, g.dir)
	if err != nil {
		return nil, err
	}
	e := &environment{
		token:  token,
		output: &lines{to: g.logs, logged: g.config.logged},
		hand:   make(chan *invocation),
		ready:  make(chan struct{}),
	}
	s.mu.Lock()
	s.environments[token] = e // before the process asks for its first event
	s.mu.Unlock()
	child, err := s.exec(g.dir, vars, e.output)

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.environments, token)
		return nil, err
	}
	e.child = child
	if s.closed { // Close did not see the process
		go child.Kill()
	}
	return e, nil
}

// exec starts the bootstrap. Another child that is being started at the moment may hold the file open that was written
// a moment ago, and then it cannot be executed yet.
func (s *Service) exec(dir string, vars []string, output *lines) (*process.Process, error) {
	for try := 1; ; try++ {
		cmd := exec.Command(filepath.Join(dir, bootstrap))
		cmd.Dir, cmd.Env = dir, vars
		cmd.Stdout, cmd.Stderr = output, output
		child, err := s.options.Group.Start(cmd)
		if !errors.Is(err, syscall.ETXTBSY) || try == 20 {
			return child, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// end kills the process, if it still runs.
func (s *Service) end(e *environment) {
	e.child.Kill()
	_ = e.output.Close() // it cannot fail
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.environments, e.token)
}

// next is the runtime's request for an event. It ends the invocation that the environment worked on.
func (e *environment) next(ctx context.Context) (*invocation, error) {
	e.mu.Lock()
	if e.current != nil {
		if !e.current.answered {
			e.mu.Unlock()
			return nil, errors.New("the invocation before has no response yet")
		}
		close(e.current.over)
		e.current = nil
	}
	if !e.isReady {
		e.isReady = true
		close(e.ready)
	}
	e.mu.Unlock()
	select {
	case i := <-e.hand:
		e.mu.Lock()
		defer e.mu.Unlock()
		e.current = i
		return i, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answer is the runtime's response, or error, for an event.
func (e *environment) answer(requestID string, result Result) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.current.requestID != requestID {
		return fmt.Errorf("%s is not the invocation that this environment works on", requestID)
	}
	if e.current.answered {
		return fmt.Errorf("invocation %s has a response already", requestID)
	}
	e.current.answered, e.current.result = true, result
	return nil
}

func (e *environment) failInit(payload []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.initError = payload
}

// settle decides an invocation in an environment that will not finish it: a response that came stands.
func (e *environment) settle(i *invocation, otherwise Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = nil
	if !i.answered {
		i.answered, i.result = true, otherwise
	}
}

// initialise waits until the process asks for its first event. It returns false, with the invocation decided, if the
// process does not get that far.
func (e *environment) initialise(i *invocation) bool {
	timer := time.NewTimer(initTimeout)
	defer timer.Stop()
	select {
	case <-e.ready:
		return true
	case <-timer.C:
		e.child.Kill()
		e.settle(i, i.timedOut(initTimeout))
	case <-e.child.Done():
		e.settle(i, e.exited(i))
	}
	return false
}

// handle lets the function work on an event. taken is false if the process ended before it got the event; healthy is
// true if the environment can take another one.
func (e *environment) handle(i *invocation, timeout time.Duration) (taken, healthy bool) {
	select {
	case <-e.child.Done(): // the request that waits for an event may not know yet
		return false, false
	default:
	}
	i.deadline = time.Now().Add(timeout)
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case e.hand <- i:
	case <-e.child.Done():
		return false, false
	}
	select {
	case <-i.over:
		return true, true
	case <-timer.C:
		e.child.Kill()
		e.settle(i, i.timedOut(timeout))
	case <-e.child.Done():
		e.settle(i, e.exited(i))
	}
	return true, false
}

// exited is the result of an invocation whose process ended before it answered.
func (e *environment) exited(i *invocation) Result {
	e.mu.Lock()
	initError := e.initError
	e.mu.Unlock()
	if initError != nil {
		return Result{Payload: initError, FunctionError: unhandled}
	}
	why := "Runtime exited without providing a reason"
	if err := e.child.Wait(); err != nil {
		why = "Runtime exited with error: " + err.Error()
	}
	return i.failed("Runtime.ExitError", why)
}
