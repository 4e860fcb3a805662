package lambda

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/google/uuid"
)

// CreateFunction makes a function of a zip file. Its name must be free (ErrConflict).
func (s *Service) CreateFunction(_ context.Context, config FunctionConfig) (Function, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.createFunction(config)
	if err != nil {
		return Function{}, fmt.Errorf("create function %s: %w", config.Name, err)
	}
	return f.snapshot(), nil
}

func (s *Service) createFunction(config FunctionConfig) (*function, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	_, taken := s.functions[config.Name]
	closed := s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case taken:
		return nil, fmt.Errorf("function %w", ErrConflict)
	}
	f := &function{service: s, logs: s.sink(config.Name)}
	view, next, err := s.build(f, config)
	if err != nil {
		return nil, err
	}
	f.view = view
	f.replace(next)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions[config.Name] = f
	return f, nil
}

// UpdateFunction changes code and configuration. If what an environment is made of has changed, new events get new
// environments, and those that work finish.
func (s *Service) UpdateFunction(_ context.Context, config FunctionConfig) (Function, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.updateFunction(config)
	if err != nil {
		return Function{}, fmt.Errorf("update function %s: %w", config.Name, err)
	}
	return f.snapshot(), nil
}

func (s *Service) updateFunction(config FunctionConfig) (*function, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	f, err := s.function(config.Name)
	if err != nil {
		return nil, err
	}
	view, next, err := s.build(f, config)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	before := f.view
	f.view = view
	f.mu.Unlock()
	if before.CodeSHA256 == view.CodeSHA256 && before.Config.sameEnvironment(config) {
		f.leave(next, 0)
		return f, nil
	}
	f.replace(next)
	return f, nil
}

// build unpacks a function's code into a generation that nobody uses yet.
func (s *Service) build(f *function, config FunctionConfig) (Function, *generation, error) {
	dir := filepath.Join(s.code, config.Name, uuid.NewString())
	code, err := unpack(config.CodePath, dir, config.Architecture)
	if err != nil {
		return Function{}, nil, err
	}
	role, err := arn.Parse(config.Role)
	if err != nil {
		return Function{}, nil, err
	}
	function := arn.ARN{Partition: role.Partition, Service: "lambda", Region: s.options.AWS.Region, AccountID: role.AccountID, Resource: "function:" + config.Name}.String()
	view := Function{
		Config:       config,
		ARN:          function,
		InvokeARN:    fmt.Sprintf("arn:%s:apigateway:%s:lambda:path/2015-03-31/functions/%s/invocations", role.Partition, s.options.AWS.Region, function),
		Version:      latestVersion,
		LastModified: time.Now().UTC(),
		CodeSHA256:   code.sha256,
		CodeSize:     code.size,
	}
	return view, &generation{config: config, arn: function, dir: dir, logs: f.logs}, nil
}

// GetFunction returns a function by its name or ARN.
func (s *Service) GetFunction(_ context.Context, name string) (Function, error) {
	f, err := s.function(name)
	if err != nil {
		return Function{}, fmt.Errorf("get function %s: %w", nameOf(name), err)
	}
	return f.snapshot(), nil
}

// DeleteFunction deletes a function by its name or ARN. What it works on it finishes.
func (s *Service) DeleteFunction(_ context.Context, name string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.function(name)
	if err != nil {
		return fmt.Errorf("delete function %s: %w", nameOf(name), err)
	}
	s.mu.Lock()
	delete(s.functions, nameOf(name))
	s.mu.Unlock()
	f.replace(nil)
	return nil
}

func (s *Service) function(name string) (*function, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	f, ok := s.functions[nameOf(name)]
	if !ok {
		return nil, fmt.Errorf("function %w", ErrNotFound)
	}
	return f, nil
}

func (f *function) snapshot() Function {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view
}

// nameOf returns the name of a function that is given by its name or ARN.
func nameOf(function string) string {
	parts := strings.Split(function, ":") // arn:aws:lambda:REGION:ACCOUNT:function:NAME
	if len(parts) < 7 {
		return function
	}
	return parts[6]
}

// Functions returns every function, in no order.
func (s *Service) Functions() []Function {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.functions))
	s.mu.Unlock()
	views := make([]Function, len(all))
	for i, f := range all {
		views[i] = f.snapshot()
	}
	return views
}
