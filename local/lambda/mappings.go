package lambda

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/google/uuid"
)

// CreateMapping connects an event source with a function and, if it is enabled, starts to poll. Function and source must
// exist; one function has at most one mapping of a source (ErrConflict).
func (s *Service) CreateMapping(ctx context.Context, config MappingConfig) (Mapping, error) {
	m, err := s.createMapping(ctx, config)
	if err != nil {
		return Mapping{}, fmt.Errorf("create event source mapping of %s and function %s: %w", config.EventSourceARN, nameOf(config.FunctionName), err)
	}
	return m.snapshot(), nil
}

func (s *Service) createMapping(ctx context.Context, config MappingConfig) (*mapping, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	f, err := s.GetFunction(ctx, config.FunctionName)
	if err != nil {
		return nil, err
	}
	account, err := arn.Parse(f.ARN)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	account.Resource = "event-source-mapping:" + id
	m := &mapping{view: Mapping{
		UUID:                 id,
		ARN:                  account.String(),
		FunctionARN:          f.ARN,
		Config:               config,
		State:                creating,
		LastModified:         now(),
		LastProcessingResult: "No records processed",
	}}
	m.changing.Lock()
	defer m.changing.Unlock()
	if err := s.addMapping(m); err != nil {
		return nil, err
	}
	p, err := s.poller(ctx, m, config)
	if err == nil {
		err = s.settleMapping(m, p, config)
	}
	if err != nil {
		s.removeMapping(m)
		return nil, err
	}
	return m, nil
}

func (s *Service) addMapping(m *mapping) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.mappings {
		view := other.snapshot()
		if view.FunctionARN == m.view.FunctionARN && view.Config.EventSourceARN == m.view.Config.EventSourceARN {
			return fmt.Errorf("mapping %s %w; update or delete it", view.UUID, ErrConflict)
		}
	}
	s.mappings[m.view.UUID] = m
	return nil
}

func (s *Service) removeMapping(m *mapping) {
	m.mu.Lock()
	m.deleted = true
	m.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mappings, m.view.UUID)
}

// settleMapping starts the poller of an enabled mapping and sets the state that a change leads to.
func (s *Service) settleMapping(m *mapping, p poller, config MappingConfig) error {
	if !config.Enabled {
		m.setState(disabled)
		return nil
	}
	if err := m.start(s, p); err != nil {
		return err
	}
	m.setState(enabled)
	return nil
}

// GetMapping returns a mapping by its UUID.
func (s *Service) GetMapping(_ context.Context, id string) (Mapping, error) {
	m, err := s.mapping(id)
	if err != nil {
		return Mapping{}, fmt.Errorf("get event source mapping %s: %w", id, err)
	}
	return m.snapshot(), nil
}

// Mappings returns every mapping, in no order.
func (s *Service) Mappings() []Mapping {
	s.mu.Lock()
	defer s.mu.Unlock()
	views := make([]Mapping, 0, len(s.mappings))
	for _, m := range s.mappings {
		views = append(views, m.snapshot())
	}
	return views
}

// UpdateMapping changes, enables or disables a mapping. It lets the function finish what it works on, then goes on where
// the mapping was. Event source, starting position and function cannot change.
func (s *Service) UpdateMapping(ctx context.Context, id string, config MappingConfig) (Mapping, error) {
	m, err := s.updateMapping(ctx, id, config)
	if err != nil {
		return Mapping{}, fmt.Errorf("update event source mapping %s: %w", id, err)
	}
	return m.snapshot(), nil
}

func (s *Service) updateMapping(ctx context.Context, id string, config MappingConfig) (*mapping, error) {
	m, err := s.mapping(id)
	if err != nil {
		return nil, err
	}
	if config, err = config.complete(); err != nil {
		return nil, err
	}
	m.changing.Lock()
	defer m.changing.Unlock()
	before := m.snapshot()
	switch {
	case m.isDeleted():
		return nil, fmt.Errorf("event source mapping %w", ErrNotFound)
	case config.EventSourceARN != before.Config.EventSourceARN:
		return nil, fmt.Errorf("the event source cannot change from %s to %s", before.Config.EventSourceARN, config.EventSourceARN)
	case config.StartingPosition != before.Config.StartingPosition:
		return nil, fmt.Errorf("the starting position cannot change from %s to %s", before.Config.StartingPosition, config.StartingPosition)
	case nameOf(config.FunctionName) != nameOf(before.Config.FunctionName):
		return nil, fmt.Errorf("the function cannot change from %s to %s here", nameOf(before.Config.FunctionName), nameOf(config.FunctionName))
	}
	p, err := s.poller(ctx, m, config)
	if err != nil {
		return nil, err
	}
	switch {
	case config.Enabled == before.Config.Enabled:
		m.setState(updating)
	case config.Enabled:
		m.setState(enabling)
	default:
		m.setState(disabling)
	}
	if err := m.halt(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.view.Config = config
	m.view.LastModified = now()
	m.mu.Unlock()
	return m, s.settleMapping(m, p, config)
}

// DeleteMapping deletes a mapping by its UUID. It returns when the function has finished what it works on and nothing
// is polled any more.
func (s *Service) DeleteMapping(ctx context.Context, id string) error {
	if err := s.deleteMapping(ctx, id); err != nil {
		return fmt.Errorf("delete event source mapping %s: %w", id, err)
	}
	return nil
}

func (s *Service) deleteMapping(ctx context.Context, id string) error {
	m, err := s.mapping(id)
	if err != nil {
		return err
	}
	m.changing.Lock()
	defer m.changing.Unlock()
	if m.isDeleted() {
		return fmt.Errorf("event source mapping %w", ErrNotFound)
	}
	m.setState(deleting)
	if err := m.halt(ctx); err != nil {
		return err
	}
	s.removeMapping(m)
	return nil
}

func (s *Service) mapping(id string) (*mapping, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	m, ok := s.mappings[id]
	if !ok {
		return nil, fmt.Errorf("event source mapping %w", ErrNotFound)
	}
	return m, nil
}

func (m *mapping) isDeleted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.deleted
}
