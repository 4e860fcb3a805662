package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"cellular/local/lambda/source"
)

const unhandled = "Unhandled"

// Result is what a synchronous invocation returns.
type Result struct {
	Payload       []byte
	FunctionError string // "", or "Unhandled" if the function failed; the payload then has errorMessage and errorType
}

// failure is the result of a function that failed without saying so itself.
func failure(kind, format string, args ...any) Result {
	payload, err := json.Marshal(map[string]string{"errorType": kind, "errorMessage": fmt.Sprintf(format, args...)})
	if err != nil {
		panic(err) // two strings always encode
	}
	return Result{Payload: payload, FunctionError: unhandled}
}

// invocation is one event on its way through a function.
type invocation struct {
	requestID   string
	functionARN string
	traceID     string
	payload     []byte
	deadline    time.Time
	over        chan struct{} // closed when the environment asks for another event

	answered bool // guarded by the environment's mutex, as is result until the end
	result   Result
	err      error // the function did not run

	logFormat string
	logs      *sink
}

func newInvocation(g *generation, payload []byte) *invocation {
	id := uuid.NewString()
	hex := strings.ReplaceAll(id, "-", "")
	return &invocation{
		requestID:   id,
		functionARN: g.arn,
		traceID:     fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", time.Now().Unix(), hex[:24], hex[16:]),
		payload:     payload,
		over:        make(chan struct{}),
		logFormat:   g.config.LogFormat,
		logs:        g.logs,
	}
}

// failed is the result of an invocation that Lambda itself ends. It is logged, because the function could not.
func (i *invocation) failed(kind, why string) Result {
	i.logs.platform(i.logFormat, "requestId", i.requestID, "Error: "+why)
	return failure(kind, "RequestId: %s Error: %s", i.requestID, why)
}

func (i *invocation) timedOut(after time.Duration) Result {
	return i.failed("Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", after.Seconds()))
}

// Invoke invokes a function, by its name or ARN, and waits for its result. The payload is JSON; none is {}. An error
// means that the function did not run, or that the context ended first: the function then goes on, and nobody sees what
// it returns.
func (s *Service) Invoke(ctx context.Context, name string, payload []byte) (Result, error) {
	i, err := s.invoke(ctx, name, payload)
	if err != nil {
		return Result{}, err
	}
	return i.result, nil
}

func (s *Service) invoke(ctx context.Context, name string, payload []byte) (*invocation, error) {
	i, err := s.tryInvoke(ctx, name, payload)
	if err != nil {
		return nil, fmt.Errorf("invoke function %s: %w", nameOf(name), err)
	}
	return i, nil
}

func (s *Service) tryInvoke(ctx context.Context, name string, payload []byte) (*invocation, error) {
	if len(payload) > source.MaxPayloadBytes {
		return nil, fmt.Errorf("%w: request has %d bytes, at most %d are allowed", ErrTooLarge, len(payload), source.MaxPayloadBytes)
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		return nil, errors.New("InvalidRequestContentException: the payload is not valid JSON")
	}
	f, err := s.function(name)
	if err != nil {
		return nil, err
	}
	g, e, err := f.acquire()
	if errors.Is(err, ErrThrottled) {
		s.options.Observer.Throttled(nameOf(name))
	}
	if err != nil {
		return nil, err
	}
	i := newInvocation(g, payload)
	done := make(chan struct{})
	err = s.spawn(func() {
		defer close(done)
		began := time.Now()
		s.run(f, g, e, i)
		if i.err == nil {
			s.options.Observer.Invoked(nameOf(name), time.Since(began), i.result.FunctionError != "")
		}
	})
	if err != nil {
		f.release(g, e, false)
		return nil, err
	}
	select {
	case <-done:
		return i, i.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// run takes an invocation to its end, in the environment if there is one that waits, or in a new one.
func (s *Service) run(f *function, g *generation, e *environment, i *invocation) {
	if e != nil {
		taken, healthy := e.handle(i, g.config.Timeout)
		if taken {
			f.release(g, e, healthy)
			return
		}
		s.end(e) // it ended while it was idle
	}
	e, i.err = s.start(g)
	if i.err != nil {
		f.release(g, nil, false)
		return
	}
	healthy := e.initialise(i)
	if healthy {
		var taken bool
		if taken, healthy = e.handle(i, g.config.Timeout); !taken {
			e.settle(i, e.exited(i))
		}
	}
	f.release(g, e, healthy)
}
