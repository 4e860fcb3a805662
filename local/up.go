package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/manifest"
	"cellular/stack"
)

// parallel bounds the engine's operations at a time. The emulator is one process; more than this only queue up in it.
const parallel = 16

// Outputs are the outputs of the program's stack.
type Outputs struct {
	URL          string                   `json:"url"` // of the router
	MappingTable string                   `json:"mappingTable"`
	Cells        map[string]manifest.Cell `json:"cells"`
}

// Changes is the number of resources per operation of the engine: create, update, delete, replace, same.
type Changes map[string]int

// Up deploys the program with the cloud's configuration, overrides laid over it. A failure leaves deployed what was
// deployed before it, and a later Up goes on from there.
func (c *Cloud) Up(ctx context.Context, overrides map[string]any) (Outputs, Changes, error) {
	return c.up(ctx, overrides)
}

// UpRefresh is Up that looks at every resource first, as 'pulumi up --refresh' does: what somebody deleted or changed past the
// engine is made again what the program says.
func (c *Cloud) UpRefresh(ctx context.Context, overrides map[string]any) (Outputs, Changes, error) {
	return c.up(ctx, overrides, optup.Refresh())
}

func (c *Cloud) up(ctx context.Context, overrides map[string]any, more ...optup.Option) (Outputs, Changes, error) {
	s, log, err := c.stack(ctx, overrides)
	if err != nil {
		return Outputs{}, nil, err
	}
	options := append(more, optup.Parallel(parallel), optup.ProgressStreams(log), optup.ErrorProgressStreams(log), optup.SuppressProgress())
	result, err := s.Up(ctx, options...)
	if err != nil {
		return Outputs{}, nil, fmt.Errorf("pulumi up: %w", brief(ctx, err))
	}
	changes := Changes{}
	if result.Summary.ResourceChanges != nil {
		changes = *result.Summary.ResourceChanges
	}
	plain := map[string]any{}
	for name, output := range result.Outputs {
		plain[name] = output.Value
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return Outputs{}, nil, err
	}
	var out Outputs
	if err := json.Unmarshal(text, &out); err != nil {
		return Outputs{}, nil, fmt.Errorf("read the stack's outputs: %w", err)
	}
	c.operators.stale.Store(true) // also where nothing was published: what is gone is not the operators' any more
	if err := c.grantOperator(ctx); err != nil {
		return Outputs{}, nil, err
	}
	return out, changes, c.lock.write(holder{PID: os.Getpid(), URL: out.URL})
}

// Preview says what Up would change.
func (c *Cloud) Preview(ctx context.Context, overrides map[string]any) (Changes, error) {
	s, log, err := c.stack(ctx, overrides)
	if err != nil {
		return nil, err
	}
	result, err := s.Preview(ctx, optpreview.Parallel(parallel), optpreview.ProgressStreams(log), optpreview.ErrorProgressStreams(log), optpreview.SuppressProgress())
	if err != nil {
		return nil, fmt.Errorf("pulumi preview: %w", brief(ctx, err))
	}
	changes := Changes{}
	for operation, n := range result.ChangeSummary {
		changes[string(operation)] = n
	}
	return changes, nil
}

// Destroy deletes every resource of the stack.
func (c *Cloud) Destroy(ctx context.Context) (Changes, error) {
	s, log, err := c.stack(ctx, nil)
	if err != nil {
		return nil, err
	}
	result, err := s.Destroy(ctx, optdestroy.Parallel(parallel), optdestroy.ProgressStreams(log), optdestroy.ErrorProgressStreams(log), optdestroy.SuppressProgress())
	if err != nil {
		return nil, fmt.Errorf("pulumi destroy: %w", brief(ctx, err))
	}
	changes := Changes{}
	if result.Summary.ResourceChanges != nil {
		changes = *result.Summary.ResourceChanges
	}
	return changes, nil
}

// State is the engine's record of the stack's resources.
func (c *Cloud) State(ctx context.Context) (apitype.DeploymentV3, error) {
	s, _, err := c.stack(ctx, nil)
	if err != nil {
		return apitype.DeploymentV3{}, err
	}
	exported, err := s.Export(ctx)
	if err != nil {
		return apitype.DeploymentV3{}, fmt.Errorf("pulumi stack export: %w", brief(ctx, err))
	}
	var d apitype.DeploymentV3
	if err := json.Unmarshal(exported.Deployment, &d); err != nil {
		return apitype.DeploymentV3{}, fmt.Errorf("read the stack's state: %w", err)
	}
	return d, nil
}

// stack prepares the engine's workspace. The engine's own words go to the log.
func (c *Cloud) stack(ctx context.Context, overrides map[string]any) (auto.Stack, io.Writer, error) {
	s, log, err := c.workspace(ctx, merge(c.settings, overrides))
	if err != nil {
		return auto.Stack{}, nil, fmt.Errorf("prepare the Pulumi stack: %w", err)
	}
	return s, log, nil
}

func (c *Cloud) workspace(ctx context.Context, s settings) (auto.Stack, io.Writer, error) {
	log, err := c.logs.open("engine")
	if err != nil {
		return auto.Stack{}, nil, err
	}
	dir, state := c.path("project"), c.path("state")
	_, err = os.Stat(filepath.Join(dir, stackFile))
	first := errors.Is(err, os.ErrNotExist)
	if err := errors.Join(writeProject(c.root, dir, s), os.MkdirAll(state, 0o755)); err != nil {
		return auto.Stack{}, nil, err
	}
	keys, err := s.listed()
	if err == nil {
		err = os.Setenv(pulumi.EnvConfig, keys)
	}
	if err != nil {
		return auto.Stack{}, nil, err
	}
	w, err := auto.NewLocalWorkspace(ctx,
		auto.Pulumi(command{c.engine, c.group}),
		auto.Program(stack.Program(stack.Options{Package: c.packages.Package})),
		auto.WorkDir(dir),
		auto.EnvVars(c.engineEnv()))
	if err != nil {
		return auto.Stack{}, nil, err
	}
	if first {
		created, err := auto.NewStack(ctx, StackName, w)
		return created, log, err
	}
	selected, err := auto.SelectStack(ctx, StackName, w)
	return selected, log, err
}
