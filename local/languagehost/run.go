package languagehost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/constant"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// endGrace is how long a program that is told to end may take.
const endGrace = 2 * time.Second

// Run builds the program and runs it to its end. What is wrong before the program runs is one error of the deployment.
func (h *Host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()

	if err := h.options.Fits(req.GetStack(), req.GetConfig()); err != nil {
		return h.refuse(ctx, err)
	}
	environment, err := environmentOf(req, h.options.Engine)
	if err != nil {
		return nil, err
	}
	info := req.GetInfo()
	program, err := Build(ctx, h.group, info.GetProgramDirectory(), ".", filepath.Join(info.GetRootDirectory(), ".build", "program"))
	if err != nil {
		return h.refuse(ctx, err)
	}
	defer program.Close()
	return h.run(ctx, program, req.GetPwd(), environment)
}

// refuse has the engine show the error. The answer says that the engine knows of it already.
func (h *Host) refuse(ctx context.Context, problem error) (*pulumirpc.RunResponse, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if _, err := h.engine.Log(ctx, &pulumirpc.LogRequest{Severity: pulumirpc.LogSeverity_ERROR, Message: problem.Error()}); err != nil {
		return nil, errors.Join(problem, err)
	}
	return &pulumirpc.RunResponse{Bail: true}, nil
}

// run runs the program as it was when it was opened: another build may replace its file meanwhile.
func (h *Host) run(ctx context.Context, program *os.File, dir string, environment []string) (*pulumirpc.RunResponse, error) {
	cmd := exec.Command("/proc/self/fd/3")
	cmd.Args = []string{program.Name()}
	cmd.ExtraFiles = []*os.File{program}
	cmd.Dir, cmd.Env = dir, environment
	cmd.Stdout, cmd.Stderr = h.options.Stdout, h.options.Stderr
	p, err := h.group.Start(cmd)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Terminate(endGrace)
		return nil, fmt.Errorf("the program was ended: %w", context.Cause(ctx))
	}
	err = p.Wait()
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case cmd.ProcessState.ExitCode() == constant.ExitStatusLoggedError: // the program has told the engine why
		return &pulumirpc.RunResponse{Bail: true}, nil
	default:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program failed: %v", err)}, nil
	}
}

// environmentOf is the environment in which the SDK finds what it runs for.
func environmentOf(req *pulumirpc.RunRequest, engine string) ([]string, error) {
	config, err := json.Marshal(req.GetConfig())
	if err != nil {
		return nil, err
	}
	secrets, err := json.Marshal(req.GetConfigSecretKeys())
	if err != nil {
		return nil, err
	}
	return append(os.Environ(),
		"PULUMI_ORGANIZATION="+req.GetOrganization(),
		"PULUMI_PROJECT="+req.GetProject(),
		"PULUMI_STACK="+req.GetStack(),
		"PULUMI_ROOT_DIRECTORY="+req.GetInfo().GetRootDirectory(),
		"PULUMI_CONFIG="+string(config),
		"PULUMI_CONFIG_SECRET_KEYS="+string(secrets),
		"PULUMI_DRY_RUN="+strconv.FormatBool(req.GetDryRun()),
		"PULUMI_PARALLEL="+strconv.Itoa(int(req.GetParallel())),
		"PULUMI_MONITOR="+req.GetMonitorAddress(),
		"PULUMI_ENGINE="+engine,
	), nil
}
