// Package lambda is the local cloud's Lambda: it runs the packaged `bootstrap` binaries, the same that AWS would run, as
// warm processes behind the Runtime API, and polls the streams and queues of event source mappings.
//
// What AWS does and a cell relies on is done here too: one event at a time in an execution environment, environments
// added up to the concurrency limit and throttling beyond it, processes killed at the timeout, payload quotas, and
// mappings that batch, filter, bisect, retry, age, eject and report partial failures (packages stream and queue).
//
// What it does not do: freeze an idle environment or end it for its age, limit memory and CPU, isolate the file system,
// publish versions, or invoke asynchronously.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cellular/local/lambda/source"
	"cellular/local/loopback"
	"cellular/local/process"
)

// What callers may test for with errors.Is.
var (
	ErrNotFound  = errors.New("not found")
	ErrConflict  = errors.New("already exists")
	ErrThrottled = source.ErrThrottled // the function is at its concurrency limit
	ErrTooLarge  = errors.New("RequestEntityTooLargeException")
	ErrClosed    = errors.New("the local Lambda is closed")
)

// defaultConcurrency bounds the environments of a function that reserves no concurrency: each is a process.
const defaultConcurrency = 10

// Options of New.
type Options struct {
	AWS            aws.Config                      // region, credentials and endpoint of what the mappings poll
	Group          *process.Group                  // owns the functions' processes
	Dir            string                          // the unpacked code goes below it, in a directory that New empties
	Logs           func(function string) io.Writer // gets each line that a function writes, in one Write; nil: nowhere
	Env            map[string]string               // environment of every function, beside its own; wins over it
	MaxConcurrency int                             // environments of a function that reserves no concurrency; 0: 10
	Roles          Roles                           // what the functions' roles may do; nil: functions and mappings act as AWS's credentials do
	Observer       Observer                        // is told what Lambda's metrics are made of; nil: nobody
}

// Observer is told of each invocation. Its methods return at once.
type Observer interface {
	// Invoked tells of an invocation that ran, for how long, and whether the function failed.
	Invoked(function string, took time.Duration, failed bool)
	// Throttled tells of an invocation that did not run, because the function is at its concurrency limit.
	Throttled(function string)
	// IteratorAge tells how old the last record of a stream's batch is when the function is invoked with it.
	IteratorAge(function string, age time.Duration)
	// MappingEvents tells what became of events of a mapping that counts them: metric is the name of one in package source.
	MappingEvents(mappingID, metric string, n int)
}

// nobody is the observer where there is none.
type nobody struct{}

func (nobody) Invoked(string, time.Duration, bool) {}
func (nobody) Throttled(string)                    {}
func (nobody) IteratorAge(string, time.Duration)   {}
func (nobody) MappingEvents(string, string, int)   {}

// Roles is how functions and event source mappings act as the functions' roles.
type Roles interface {
	// Assume returns credentials of a role for a session of that name.
	Assume(roleARN, session string) (aws.Credentials, error)
	// Authorize returns an error if the role may not do something.
	Authorize(roleARN, session, action, resource string) error
}

// Service is the local Lambda. It is safe for concurrent use.
type Service struct {
	options Options
	code    string           // directory of the unpacked code
	server  *loopback.Server // of the Runtime API

	ctx    context.Context // done at Close
	cancel context.CancelFunc
	work   sync.WaitGroup // invocations and pollers

	changing sync.Mutex // one change of a function at a time

	mu           sync.Mutex
	closed       bool
	functions    map[string]*function
	sinks        map[string]*sink        // by function; a name that is used again has the same log
	environments map[string]*environment // by token
	mappings     map[string]*mapping     // by UUID
}

// New starts the Runtime API on a loopback port.
func New(o Options) (*Service, error) {
	s, err := newService(o)
	if err != nil {
		return nil, fmt.Errorf("start the local Lambda: %w", err)
	}
	return s, nil
}

func newService(o Options) (*Service, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("functions are Linux binaries and this is %s; run the local cloud in a Linux container or virtual machine", runtime.GOOS)
	}
	if o.AWS.Region == "" {
		return nil, errors.New("the AWS configuration has no region")
	}
	if o.MaxConcurrency == 0 {
		o.MaxConcurrency = defaultConcurrency
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Logs == nil {
		o.Logs = func(string) io.Writer { return io.Discard }
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	code := filepath.Join(dir, "functions")
	if err := os.RemoveAll(code); err != nil {
		return nil, fmt.Errorf("remove what an earlier run left: %w", err)
	}
	if err := os.MkdirAll(code, 0o755); err != nil {
		return nil, err
	}
	s := &Service{
		options:      o,
		code:         code,
		functions:    map[string]*function{},
		sinks:        map[string]*sink{},
		environments: map[string]*environment{},
		mappings:     map[string]*mapping{},
	}
	if s.server, err = loopback.Serve(loopback.Options{Handler: s.runtimeAPI()}); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Close ends the pollers and kills the functions, without waiting for what they work on; the context bounds the wait
// for their end. The code that was unpacked is removed.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var children []*process.Process
	for _, e := range s.environments {
		if e.child != nil {
			children = append(children, e.child)
		}
	}
	s.mu.Unlock()

	s.cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, child := range children {
			child.Kill()
		}
		s.work.Wait()
	}()
	var errs []error
	select {
	case <-ended:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("wait for functions and pollers to end: %w", context.Cause(ctx)))
	}
	errs = append(errs, s.server.Close(), os.RemoveAll(s.code))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the local Lambda: %w", err)
	}
	return nil
}

// spawn runs work that Close waits for.
func (s *Service) spawn(work func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.work.Go(work)
	return nil
}
