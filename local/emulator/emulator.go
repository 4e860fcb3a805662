// Package emulator gives the local cloud its AWS services: DynamoDB and its streams, SNS, SQS, SSM, IAM, KMS, Logs and
// STS, from moto's server. Lambda and API Gateway are not among them; the local cloud has its own.
//
// What is used, in this order:
//  1. the endpoint in AWS_ENDPOINT_URL, if set: nothing is started;
//  2. the pinned moto in the virtual environment DIR/venv, if it is complete;
//  3. moto_server on PATH, if it starts and is a version that was tested;
//  4. the same virtual environment, built now with python3 and pip.
//
// CELLULAR_EMULATOR=venv leaves out 1 and 3, for those who want the pinned version whatever the machine has.
//
// What is started listens on a Unix socket that other users cannot reach. In front of it, and of an endpoint that was
// there, is a server on 127.0.0.1 that passes on what is signed with a known access key.
//
// The emulator keeps everything in memory, and starts in about a second. One request costs it 2 to 4 ms of one core, so
// expect a few hundred requests per second.
package emulator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"cellular/local/awsapi"
	"cellular/local/loopback"
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

	// Keys finds access keys that requests may be signed with, beside the emulator's own. Nil: there are no others.
	Keys awsapi.Keys
	// Gate is put between the requests whose signatures are good and the emulator: it passes a request on to next, or
	// answers it. awsapi.AccessKey says who sent it, and its body is in memory. Nil: every such request passes.
	Gate func(next http.Handler) http.Handler
}

func (o Options) progress(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// Emulator is a running emulator.
type Emulator struct {
	front       *loopback.Server
	credentials aws.Credentials
	server      *process.Process // nil if it was running before us
	socket      string           // directory of the server's socket; empty likewise
}

// Endpoint is the URL for every service.
func (e *Emulator) Endpoint() string { return e.front.URL() }

// AWS reaches the emulator in a Region, with the emulator's own access key.
func (e *Emulator) AWS(region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(e.Endpoint()), Credentials: credentials.StaticCredentialsProvider{Value: e.credentials},
	}
}

// Stop ends the server, and with it everything that it held. An endpoint that Start only found is left alone.
func (e *Emulator) Stop() {
	if e.front != nil {
		_ = e.front.Close() // it has nothing to lose
	}
	if e.server != nil {
		e.server.Terminate(stopGrace)
	}
	if e.socket != "" {
		_ = os.RemoveAll(e.socket) // an empty directory, if it stays
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
		return attach(ctx, o, endpoint)
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
		o.progress("%s is not used, and the pinned version is installed: %v", path, err)
	}
	if err := v.build(ctx, o); err != nil {
		return nil, err
	}
	return serve(ctx, o, v.server()...)
}

func attach(ctx context.Context, o Options, endpoint string) (*Emulator, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%s is %q, want a URL such as http://127.0.0.1:5000", EndpointVariable, endpoint)
	}
	e := &Emulator{}
	if err := e.face(ctx, o, u, (&net.Dialer{}).DialContext); err != nil {
		return nil, fmt.Errorf("%s is %s, but nothing answers there (unset it to have an emulator started): %w",
			EndpointVariable, endpoint, err)
	}
	return e, nil
}

// AccessKey is the id of the emulator's own access key. Its secret is made at the start.
const AccessKey = "local"

// face starts the server in front of the emulator, which answers already.
func (e *Emulator) face(ctx context.Context, o Options, back *url.URL, dial dialer) error {
	if err := answers(ctx, back, dial); err != nil {
		return err
	}
	e.credentials = aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: rand.Text()}
	keys := func(id string) (awsapi.Key, bool) {
		if id == AccessKey {
			return awsapi.Key{Secret: e.credentials.SecretAccessKey}, true
		}
		if o.Keys == nil {
			return awsapi.Key{}, false
		}
		return o.Keys(id)
	}
	var err error
	e.front, err = front(back, dial, keys, o.Gate)
	return err
}

// serve starts moto's server on a socket of its own.
func serve(ctx context.Context, o Options, command ...string) (*Emulator, error) {
	oneAtATime, err := serialEnv(o.Dir)
	if err != nil {
		return nil, err
	}
	// Not below o.Dir: the path of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "cellular-emulator-")
	if err != nil {
		return nil, err
	}
	e := &Emulator{socket: dir}
	socket := filepath.Join(dir, "socket")
	log := newServerLog(o.Log)
	cmd := exec.Command(command[0], append(command[1:], "-H", "unix://"+socket)...)
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", oneAtATime)
	cmd.Stdout, cmd.Stderr = log, log
	if e.server, err = o.Group.Start(cmd); err != nil {
		e.Stop()
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not up after %s", startTimeout))
	defer cancel()
	select {
	case version := <-log.running:
		if err = checkVersion(version); err != nil {
			break
		}
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
		if err = e.face(ctx, o, &url.URL{Scheme: "http", Host: "moto"}, dial); err == nil {
			return e, nil
		}
	case <-e.server.Done():
		if err = e.server.Wait(); err == nil {
			err = errors.New("it ended before it was up")
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	e.server.Kill()
	e.Stop()
	return nil, fmt.Errorf("%s: %w%s", cmd.Path, err, &log.tail)
}

// tested are the versions of moto that the tests ran with. The pinned one is among them.
var tested = []string{"5.2.1", "5.2.5"}

func checkVersion(version string) error {
	if version == "" {
		return errors.New("it does not say which moto it is; a Python that ignores PYTHONPATH leaves it as it is, and the local cloud needs it mended")
	}
	if !slices.Contains(tested, version) {
		return fmt.Errorf("it is moto %s, which was not tested with the local cloud; these were: %s", version, strings.Join(tested, ", "))
	}
	return nil
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// answers reports whether an HTTP server is there; what it answers says nothing that would be true of every emulator.
// moto's dashboard is the one page of it that loads no service's backend.
func answers(ctx context.Context, endpoint *url.URL, dial dialer) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, endpoint.JoinPath("moto-api/").String(), nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DialContext: dial, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
