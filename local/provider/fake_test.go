package provider_test

import (
	"archive/zip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/stretchr/testify/require"

	"cellular/local/awsapi"
	"cellular/local/gateway"
	"cellular/local/lambda"
	"cellular/local/provider"
	"cellular/local/scheduler"
)

// fakeLambda keeps functions and mappings, and runs nothing.
type fakeLambda struct {
	mu        sync.Mutex
	functions map[string]lambda.Function
	mappings  map[string]lambda.Mapping
	block     chan struct{} // if set, CreateFunction waits for it or for the end of its context
	blocked   chan struct{} // receives when CreateFunction waits
}

func newFakeLambda() *fakeLambda {
	return &fakeLambda{functions: map[string]lambda.Function{}, mappings: map[string]lambda.Mapping{}}
}

func (f *fakeLambda) function(c lambda.FunctionConfig) lambda.Function {
	arn := "arn:aws:lambda:us-east-1:" + account + ":function:" + c.Name
	return lambda.Function{
		Config: c, ARN: arn, InvokeARN: "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + arn + "/invocations",
		Version: "$LATEST", CodeSHA256: c.CodePath, CodeSize: 1, LastModified: time.Unix(0, 0),
	}
}

func (f *fakeLambda) CreateFunction(ctx context.Context, c lambda.FunctionConfig) (lambda.Function, error) {
	if f.block != nil {
		f.blocked <- struct{}{}
		select {
		case <-ctx.Done():
			return lambda.Function{}, ctx.Err()
		case <-f.block:
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.functions[c.Name]; ok {
		return lambda.Function{}, lambda.ErrConflict
	}
	f.functions[c.Name] = f.function(c)
	return f.functions[c.Name], nil
}

func (f *fakeLambda) UpdateFunction(_ context.Context, c lambda.FunctionConfig) (lambda.Function, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.functions[c.Name] = f.function(c)
	return f.functions[c.Name], nil
}

func (f *fakeLambda) GetFunction(_ context.Context, name string) (lambda.Function, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found, ok := f.functions[name]
	if !ok {
		return lambda.Function{}, fmt.Errorf("function %s: %w", name, lambda.ErrNotFound)
	}
	return found, nil
}

func (f *fakeLambda) DeleteFunction(ctx context.Context, name string) error {
	if _, err := f.GetFunction(ctx, name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.functions, name)
	return nil
}

func (f *fakeLambda) CreateMapping(_ context.Context, c lambda.MappingConfig) (lambda.Mapping, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("mapping-%d", len(f.mappings))
	f.mappings[id] = lambda.Mapping{UUID: id, ARN: "arn:aws:lambda:us-east-1:" + account + ":event-source-mapping:" + id, Config: c, State: "Enabled", FunctionARN: f.functions[c.FunctionName].ARN}
	return f.mappings[id], nil
}

func (f *fakeLambda) UpdateMapping(_ context.Context, id string, c lambda.MappingConfig) (lambda.Mapping, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.mappings[id]
	m.Config = c
	f.mappings[id] = m
	return m, nil
}

func (f *fakeLambda) GetMapping(_ context.Context, id string) (lambda.Mapping, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, ok := f.mappings[id]
	if !ok {
		return lambda.Mapping{}, fmt.Errorf("mapping %s: %w", id, lambda.ErrNotFound)
	}
	return m, nil
}

func (f *fakeLambda) DeleteMapping(ctx context.Context, id string) error {
	if _, err := f.GetMapping(ctx, id); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mappings, id)
	return nil
}

// newRooms are the emulator, a fake Lambda, and the real gateway.
func newRooms(t *testing.T) (provider.Rooms, *fakeLambda) {
	g := gateway.New(nil, gateway.Options{Keys: awsapi.Secrets{"key": "secret"}.Key})
	t.Cleanup(g.Close)
	fake := newFakeLambda()
	return provider.Rooms{AWS: emulated, Lambda: fake, Gateway: g, Scheduler: scheduler.New(scheduler.Options{Region: "us-east-1", Account: account})}, fake
}

// zipFile is a zip with one file of the given content.
func zipFile(t *testing.T, content string) *archive.Archive {
	path := filepath.Join(t.TempDir(), "code.zip")
	file, err := os.Create(path)
	require.NoError(t, err)
	w := zip.NewWriter(file)
	entry, err := w.Create("bootstrap")
	require.NoError(t, err)
	_, err = entry.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
	a, err := archive.FromPath(path)
	require.NoError(t, err)
	return a
}
