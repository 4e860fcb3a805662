package lambda

import (
	"context"
	"sync"
	"time"

	"cellular/local/lambda/source"
	"cellular/local/lambda/stream"
)

// The states of a mapping.
const (
	creating  = "Creating"
	enabled   = "Enabled"
	disabled  = "Disabled"
	enabling  = "Enabling"
	disabling = "Disabling"
	updating  = "Updating"
	deleting  = "Deleting"
)

// poller is what runs for an enabled mapping. See the packages stream and queue.
type poller interface {
	Run(ctx context.Context, stop <-chan struct{})
}

// mapping is an event source mapping and its poller.
type mapping struct {
	positions stream.Positions // of a stream

	changing sync.Mutex // one change at a time; guards what follows
	stop     chan struct{}
	stopped  chan struct{} // nil while there is no poller

	mu      sync.Mutex
	view    Mapping
	deleted bool
}

func (m *mapping) snapshot() Mapping {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

func (m *mapping) setState(state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view.State = state
}

// start runs a poller. The caller holds changing.
func (m *mapping) start(s *Service, p poller) error {
	stop, stopped := make(chan struct{}), make(chan struct{})
	err := s.spawn(func() {
		defer close(stopped)
		p.Run(s.ctx, stop)
	})
	if err == nil {
		m.stop, m.stopped = stop, stopped
	}
	return err
}

// halt stops the poller, if there is one, and waits until the function has finished what it works on. If the context
// ends first, the poller goes on to stop, and halt may be called again. The caller holds changing.
func (m *mapping) halt(ctx context.Context) error {
	if m.stopped == nil {
		return nil
	}
	if m.stop != nil {
		close(m.stop)
		m.stop = nil
	}
	select {
	case <-m.stopped:
		m.stopped = nil
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reporter returns what a poller calls with its results. A problem is logged when it appears, not each time that it
// is met again.
func (m *mapping) reporter(s *Service) func(error) {
	view := m.snapshot()
	log := s.sink(nameOf(view.Config.FunctionName))
	return func(problem error) {
		result := "OK"
		if problem != nil {
			result = "PROBLEM: " + problem.Error()
		}
		m.mu.Lock()
		news := m.view.LastProcessingResult != result
		m.view.LastProcessingResult = result
		m.mu.Unlock()
		if problem != nil && news && s.ctx.Err() == nil {
			format := ""
			if f, err := s.GetFunction(s.ctx, view.Config.FunctionName); err == nil {
				format = f.Config.LogFormat
			}
			log.platform(format, "eventSourceMapping", view.UUID, problem.Error())
		}
	}
}

// counter returns what a poller calls with what became of events, if the mapping is to have metrics.
func (m *mapping) counter(s *Service, config MappingConfig) source.Counter {
	if !config.CountEvents {
		return nil
	}
	id := m.snapshot().UUID
	return func(what source.Count, n int) { s.options.Observer.MappingEvents(id, string(what), n) }
}

// mappingInvoker invokes the function of a mapping.
type mappingInvoker struct {
	service  *Service
	function string
}

func (m mappingInvoker) Invoke(ctx context.Context, payload []byte) (source.Invocation, error) {
	i, err := m.service.invoke(ctx, m.function, payload)
	if err != nil {
		return source.Invocation{}, err
	}
	return source.Invocation{RequestID: i.requestID, Payload: i.result.Payload, FunctionError: i.result.FunctionError}, nil
}

func now() time.Time { return time.Now().UTC() }
