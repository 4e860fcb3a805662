// Package emulator gives the local cloud its AWS services: DynamoDB and its streams, SNS, SQS, SSM, IAM, Logs and STS,
// from moto's server. Lambda and API Gateway are not among them; the local cloud has its own.
//
// What is used, in this order:
//  1. the endpoint in AWS_ENDPOINT_URL, if set: nothing is started;
//  2. the pinned moto in the virtual environment DIR/venv, if it is complete;
//  3. moto_server on PATH, if it starts;
//  4. the same virtual environment, built now with python3 and pip.
//
// CELLULAR_EMULATOR=venv leaves out 1 and 3, for those who want the pinned version whatever the machine has.
//
// The emulator listens on 127.0.0.1 on a port that the kernel picks, keeps everything in memory, and starts in about a
// second. One request costs it 2 to 4 ms of one core, so expect a few hundred requests per second.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"cellular/local/process"
)

// The environment variables that choose the emulator.
const (
	EndpointVariable = "AWS_ENDPOINT_URL"  // use this endpoint and start nothing
	ModeVariable     = "CELLULAR_EMULATOR" // "venv": use the virtual environment only; unset: the order above
)

const (
	startTimeout  = time.Minute     // of a server; about a second is usual, a machine under load takes longer
	answerTimeout = 5 * time.Second // of one request to an endpoint that should be up
	stopGrace     = 2 * time.Second // after which the server is killed; it has nothing to save
)

// Options of Start.
type Options struct {
	Dir      string         // keeps the virtual environment: .local of the project
	Group    *process.Group // owns every process that is started, the installer's too
	Log      io.Writer      // receives the server's log, a line per request; nil: nowhere
	Progress func(string)   // receives a line on what takes long or was decided; nil: nobody
}

func (o Options) progress(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// Emulator is a running emulator.
type Emulator struct {
	endpoint string
	server   *process.Process // nil if it was running before us
}

// Endpoint is the URL for every service.
func (e *Emulator) Endpoint() string { return e.endpoint }

// Stop ends the server, and with it everything that it held. An endpoint that Start only found is left alone.
func (e *Emulator) Stop() {
	if e.server != nil {
		e.server.Terminate(stopGrace)
	}
}

// Start returns once the emulator answers. The context bounds the start, not the emulator's life.
func Start(ctx context.Context, o Options) (*Emulator, error) {
	e, err := start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("start the AWS emulator: %w", err)
	}
	return e, nil
}

func start(ctx context.Context, o Options) (*Emulator, error) {
	mode := os.Getenv(ModeVariable)
	if mode != "" && mode != "venv" {
		return nil, fmt.Errorf("%s is %q, want venv or nothing", ModeVariable, mode)
	}
	if endpoint := os.Getenv(EndpointVariable); endpoint != "" && mode == "" {
		return attach(ctx, endpoint)
	}
	dir, err := filepath.Abs(filepath.Join(o.Dir, "venv"))
	if err != nil {
		return nil, err
	}
	v := venv{dir: dir}
	if v.complete() {
		return serve(ctx, o, v.server()...)
	}
	if path, err := exec.LookPath("moto_server"); err == nil && mode == "" {
		e, err := serve(ctx, o, path)
		if err == nil || ctx.Err() != nil {
			return e, err
		}
		o.progress("%s does not start, so the pinned version is installed: %v", path, err)
	}
	if err := v.build(ctx, o); err != nil {
		return nil, err
	}
	return serve(ctx, o, v.server()...)
}

func attach(ctx context.Context, endpoint string) (*Emulator, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%s is %q, want a URL such as http://127.0.0.1:5000", EndpointVariable, endpoint)
	}
	if err := answers(ctx, endpoint); err != nil {
		return nil, fmt.Errorf("%s is %s, but nothing answers there (unset it to have an emulator started): %w",
			EndpointVariable, endpoint, err)
	}
	return &Emulator{endpoint: endpoint}, nil
}

// serve starts moto's server. It asks for port 0 and reads the port from the server's log, so that nobody can take the
// port between its choice and its use.
func serve(ctx context.Context, o Options, command ...string) (*Emulator, error) {
	oneAtATime, err := serialEnv(o.Dir)
	if err != nil {
		return nil, err
	}
	log := newServerLog(o.Log)
	cmd := exec.Command(command[0], append(command[1:], "-H", "127.0.0.1", "-p", "0")...)
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", oneAtATime)
	cmd.Stdout, cmd.Stderr = log, log
	server, err := o.Group.Start(cmd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not up after %s", startTimeout))
	defer cancel()
	select {
	case endpoint := <-log.endpoint:
		// The dashboard is the one page that loads no service's backend.
		if err = answers(ctx, endpoint+"/moto-api/"); err == nil {
			return &Emulator{endpoint: endpoint, server: server}, nil
		}
	case <-server.Done():
		if err = server.Wait(); err == nil {
			err = errors.New("it ended before it was up")
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	server.Kill()
	return nil, fmt.Errorf("%s: %w%s", cmd.Path, err, &log.tail)
}

// answers reports whether an HTTP server is there; what it answers says nothing that would be true of every emulator.
func answers(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, endpoint, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
