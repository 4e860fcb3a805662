package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"cellular/local/lambda"
	"cellular/local/process"
)

// built is the function of testdata, built and packaged once for all tests.
var built struct {
	dir, binary, zip string
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentVariable); dir != "" {
		playParent(dir)
		return
	}
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "lambda-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	built.dir, built.binary, built.zip = dir, filepath.Join(dir, "bootstrap"), filepath.Join(dir, "function.zip")
	build := exec.Command("go", "build", "-o", built.binary, "./testdata/function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the test's function: %w\n%s", err, out)
	}
	binary, err := os.ReadFile(built.binary)
	if err != nil {
		return 0, err
	}
	if err := writeZip(built.zip, "bootstrap", 0o755, binary); err != nil {
		return 0, err
	}
	defer stopEmulator()
	return m.Run(), nil
}

func writeZip(path, name string, mode os.FileMode, content []byte) error {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	header := &zip.FileHeader{Name: name, Method: zip.Store}
	header.SetMode(mode)
	w, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, buffer.Bytes(), 0o644)
}

// architecture of this machine, in AWS's words.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return lambda.ARM64
	}
	return lambda.X8664
}

// config is a function that works.
func config(name string) lambda.FunctionConfig {
	return lambda.FunctionConfig{
		Name:                name,
		Role:                "arn:aws:iam::123456789012:role/worker",
		Handler:             "bootstrap",
		Runtime:             "provided.al2023",
		Architecture:        architecture(),
		CodePath:            built.zip,
		Timeout:             5 * time.Second,
		ReservedConcurrency: -1,
	}
}

// logs keeps the lines of each function.
type logs struct {
	mu    sync.Mutex
	lines map[string][]string
}

func (l *logs) writer(function string) io.Writer { return logWriter{l, function} }

func (l *logs) of(function string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines[function]...)
}

// count returns how many lines of a function start with the text.
func (l *logs) count(function, start string) int {
	n := 0
	for _, line := range l.of(function) {
		if strings.HasPrefix(line, start) {
			n++
		}
	}
	return n
}

type logWriter struct {
	logs     *logs
	function string
}

func (w logWriter) Write(p []byte) (int, error) {
	w.logs.mu.Lock()
	defer w.logs.mu.Unlock()
	w.logs.lines[w.function] = append(w.logs.lines[w.function], string(p))
	return len(p), nil
}

type bench struct {
	*lambda.Service
	logs *logs
	dir  string
}

func newBench(t *testing.T, change ...func(*lambda.Options)) *bench {
	t.Helper()
	group, err := process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close()) })
	b := &bench{logs: &logs{lines: map[string][]string{}}, dir: t.TempDir()}
	options := lambda.Options{
		AWS:   awsConfig(),
		Group: group,
		Dir:   b.dir,
		Logs:  b.logs.writer,
		Env:   map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
	}
	for _, c := range change {
		c(&options)
	}
	b.Service, err = lambda.New(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	return b
}

// awsConfig reaches nothing.
func awsConfig() aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("key", "secret", ""),
		BaseEndpoint: aws.String("http://127.0.0.1:1"),
	}
}

func (b *bench) create(t *testing.T, c lambda.FunctionConfig) lambda.Function {
	t.Helper()
	f, err := b.CreateFunction(t.Context(), c)
	require.NoError(t, err)
	return f
}

// response is what the function of testdata answers.
type response struct {
	Pid         int
	Invocations int
	RequestID   string
	ARN         string
	Remaining   int64
	Text        string
	Env         []string
}

func (b *bench) invoke(t *testing.T, name, payload string) response {
	t.Helper()
	result, err := b.Invoke(t.Context(), name, []byte(payload))
	require.NoError(t, err)
	require.Empty(t, result.FunctionError, "%s", result.Payload)
	var r response
	require.NoError(t, json.Unmarshal(result.Payload, &r))
	return r
}

// invokeFails returns the type and the message of the error that the function ends with.
func (b *bench) invokeFails(t *testing.T, name, payload string) (kind, message string) {
	t.Helper()
	result, err := b.Invoke(t.Context(), name, []byte(payload))
	require.NoError(t, err)
	require.Equal(t, "Unhandled", result.FunctionError, "%s", result.Payload)
	var e struct{ ErrorType, ErrorMessage string }
	require.NoError(t, json.Unmarshal(result.Payload, &e))
	return e.ErrorType, e.ErrorMessage
}

// eventually waits for a condition.
func eventually(t *testing.T, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, 10*time.Millisecond, append([]any{what}, args...)...)
}
