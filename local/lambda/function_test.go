package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/lambda"
	"cellular/local/process"
)

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestFunctionRunsWithLambdasContext(t *testing.T) {
	b := newBench(t)
	f := b.create(t, config("worker"))
	require.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:worker", f.ARN)
	require.Equal(t, "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"+f.ARN+"/invocations", f.InvokeARN)
	require.Equal(t, "$LATEST", f.Version)
	require.NotEmpty(t, f.CodeSHA256)
	require.Positive(t, f.CodeSize)

	r := b.invoke(t, "worker", `{"text":"hello"}`)
	require.Equal(t, "hello", r.Text)
	require.Equal(t, f.ARN, r.ARN)
	require.NotEmpty(t, r.RequestID)
	require.InDelta(t, 5000, r.Remaining, 1000, "the deadline is the timeout")
	require.Equal(t, r.Pid, b.invoke(t, f.ARN, `{}`).Pid, "an ARN does as well as a name")
}

func TestFunctionGetsLambdasEnvironmentAndNothingOfOurs(t *testing.T) {
	t.Setenv("HOST_SECRET", "ours")
	b := newBench(t)
	c := config("worker")
	c.MemoryMB, c.LogGroup, c.LogFormat, c.LogLevel = 256, "/cellular/worker", "JSON", "DEBUG"
	c.Env = map[string]string{"CELL_ID": "alpha"}
	b.create(t, c)
	vars := map[string]string{}
	for _, v := range b.invoke(t, "worker", `{"do":"env"}`).Env {
		name, value, _ := strings.Cut(v, "=")
		vars[name] = value
	}
	require.Contains(t, vars["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:")
	require.Contains(t, vars["AWS_LAMBDA_LOG_STREAM_NAME"], "$LATEST/")
	require.FileExists(t, filepath.Join(vars["LAMBDA_TASK_ROOT"], "bootstrap"))
	for _, varies := range []string{"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_TASK_ROOT", "_X_AMZN_TRACE_ID"} {
		delete(vars, varies)
	}
	require.Equal(t, map[string]string{
		"PATH":                            os.Getenv("PATH"),
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"_HANDLER":                        "bootstrap",
		"AWS_REGION":                      "us-east-1",
		"AWS_DEFAULT_REGION":              "us-east-1",
		"AWS_ACCESS_KEY_ID":               "key",
		"AWS_SECRET_ACCESS_KEY":           "secret",
		"AWS_LAMBDA_FUNCTION_NAME":        "worker",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/cellular/worker",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_LEVEL":            "DEBUG",
		"CELL_ID":                         "alpha",
		"AWS_ENDPOINT_URL":                "http://127.0.0.1:1",
	}, vars)
}

// What Lambda drops by its level it drops with all that is in it, such as metrics.
func TestFunction_LogsLinesFromItsLogLevelOn(t *testing.T) {
	lines := []string{
		`{"level":"trace","n":1}`, `{"level":"DEBUG","n":2}`, `{"level":"INFO","n":3}`, `{"n":4,"_aws":{}}`, `{"level":7,"n":5}`, `{"level":"loud","n":6}`,
		`words, n 7`, `{"level":"warn","n":8}`, `{"level":"ERROR","n":9}`, `{"level":"FATAL","n":10}`,
	}
	text, err := json.Marshal(strings.Join(lines, "\n"))
	require.NoError(t, err)
	for level, want := range map[string][]string{
		"TRACE": lines, "DEBUG": lines[1:], "INFO": lines[2:], "WARN": lines[7:], "ERROR": lines[8:], "FATAL": lines[9:], "": lines,
	} {
		b := newBench(t)
		c := config("worker")
		if c.LogLevel = level; level != "" {
			c.LogFormat = "JSON"
		}
		b.create(t, c)
		b.invoke(t, "worker", fmt.Sprintf(`{"do":"log","text":%s}`, text))
		last := want[len(want)-1] + "\n"
		eventually(t, func() bool { return b.logs.count("worker", last) > 0 }, "the last line")
		var got []string
		for _, line := range b.logs.of("worker") {
			if line = strings.TrimSuffix(line, "\n"); slices.Contains(lines, line) {
				got = append(got, line)
			}
		}
		require.Equal(t, want, got, level)
	}
}

func TestFunctionStaysWarm(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	first := b.invoke(t, "worker", `{}`)
	for n := 2; n <= 5; n++ {
		r := b.invoke(t, "worker", `{}`)
		require.Equal(t, first.Pid, r.Pid)
		require.Equal(t, n, r.Invocations)
	}
}

func TestFunctionScalesToItsConcurrencyAndIsThrottledBeyond(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	c.ReservedConcurrency = 3
	b.create(t, c)
	var (
		mu        sync.Mutex
		pids      = map[int]bool{}
		throttled int
		wg        sync.WaitGroup
	)
	for range 5 {
		wg.Go(func() {
			result, err := b.Invoke(t.Context(), "worker", []byte(`{"millis":1500}`))
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, lambda.ErrThrottled) {
				throttled++
				return
			}
			var r response
			if err == nil {
				err = json.Unmarshal(result.Payload, &r)
			}
			if err != nil {
				t.Error(err)
			}
			pids[r.Pid] = true
		})
	}
	wg.Wait()
	require.Equal(t, 2, throttled)
	require.Len(t, pids, 3, "each environment has one event at a time")
	require.Contains(t, pids, b.invoke(t, "worker", `{}`).Pid, "an environment that is idle is used again")
}

func TestFunctionWithoutReservationHasTheBoundOfTheService(t *testing.T) {
	b := newBench(t, func(o *lambda.Options) { o.MaxConcurrency = 1 })
	b.create(t, config("worker"))
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		_, _ = b.Invoke(t.Context(), "worker", []byte(`{"millis":1000}`))
	}()
	eventually(t, func() bool { return b.logs.count("worker", "working") == 1 }, "the environment is busy")
	_, err := b.Invoke(t.Context(), "worker", nil)
	require.ErrorIs(t, err, lambda.ErrThrottled)
	<-busy
	b.invoke(t, "worker", `{}`)
}

func TestFunctionWithNoConcurrencyIsThrottled(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	c.ReservedConcurrency = 0
	b.create(t, c)
	_, err := b.Invoke(t.Context(), "worker", nil)
	require.ErrorIs(t, err, lambda.ErrThrottled)
	require.ErrorContains(t, err, "invoke function worker: TooManyRequestsException")
	var throttled interface{ Throttled() bool }
	require.ErrorAs(t, err, &throttled)
}

func TestFunctionIsKilledAtItsTimeout(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	c.Timeout = time.Second
	b.create(t, c)
	pid := b.invoke(t, "worker", `{}`).Pid
	start := time.Now()
	kind, message := b.invokeFails(t, "worker", `{"do":"hang"}`)
	require.Equal(t, "Sandbox.Timedout", kind)
	require.Regexp(t, `^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$`, message)
	require.Less(t, time.Since(start), 5*time.Second)
	require.False(t, alive(pid))
	require.Equal(t, 1, b.invoke(t, "worker", `{}`).Invocations, "the next event gets a new environment")
	require.Equal(t, 1, b.logs.count("worker", "requestId: "), "the timeout is in the log")
}

func TestFunctionThatExitsFailsItsEventAlone(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	kind, message := b.invokeFails(t, "worker", `{"do":"exit","size":7}`)
	require.Equal(t, "Runtime.ExitError", kind)
	require.Regexp(t, `^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 7$`, message)

	_, message = b.invokeFails(t, "worker", `{"do":"exit"}`)
	require.Regexp(t, `Error: Runtime exited without providing a reason$`, message)
	b.invoke(t, "worker", `{}`)
}

func TestFunctionErrorIsUnhandledAndKeepsTheEnvironment(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	pid := b.invoke(t, "worker", `{}`).Pid
	kind, message := b.invokeFails(t, "worker", `{"do":"fail","text":"no stock"}`)
	require.Equal(t, "errorString", kind)
	require.Equal(t, "no stock", message)
	require.Equal(t, pid, b.invoke(t, "worker", `{}`).Pid)
}

func TestFunctionPanicIsReportedAndEndsTheEnvironment(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	pid := b.invoke(t, "worker", `{}`).Pid
	_, message := b.invokeFails(t, "worker", `{"do":"panic","text":"bad pointer"}`)
	require.Equal(t, "bad pointer", message)
	require.NotEqual(t, pid, b.invoke(t, "worker", `{}`).Pid)
}

func TestFunctionThatCannotStartIsReported(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	c.Env = map[string]string{"INIT": "crash"}
	b.create(t, c)
	for range 2 {
		kind, message := b.invokeFails(t, "worker", `{}`)
		require.Equal(t, "Runtime.ExitError", kind)
		require.Contains(t, message, "exit status 3")
	}
	require.Equal(t, 2, b.logs.count("worker", "cannot start"))
}

func TestFunctionThatDiedWhileIdleIsStartedAgain(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	pid := b.invoke(t, "worker", `{}`).Pid
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	eventually(t, func() bool { return !alive(pid) }, "the process is gone")
	eventually(t, func() bool { // an event that meets it in the moment of its death fails with it
		result, err := b.Invoke(t.Context(), "worker", nil)
		return err == nil && result.FunctionError == ""
	}, "a new environment takes its place")
	require.NotEqual(t, pid, b.invoke(t, "worker", `{}`).Pid)
}

func TestFunctionPayloadsAreBounded(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	_, err := b.Invoke(t.Context(), "worker", []byte(`{"text":"`+strings.Repeat("x", 6<<20)+`"}`))
	require.ErrorIs(t, err, lambda.ErrTooLarge)
	require.ErrorContains(t, err, "at most 6291456 are allowed")

	result, err := b.Invoke(t.Context(), "worker", []byte(`{"do":"large","size":6000000}`))
	require.NoError(t, err)
	require.Len(t, result.Payload, 6_000_002)

	kind, message := b.invokeFails(t, "worker", `{"do":"large","size":6300000}`)
	require.Equal(t, "Function.ResponseSizeTooLarge", kind)
	require.Contains(t, message, "6291556 bytes")
	b.invoke(t, "worker", `{}`)

	_, err = b.Invoke(t.Context(), "worker", []byte(`not json`))
	require.ErrorContains(t, err, "not valid JSON")
}

func TestFunctionGoesOnWhenItsCallerLeaves(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	c.ReservedConcurrency = 1
	b.create(t, c)
	pid := b.invoke(t, "worker", `{}`).Pid
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := b.Invoke(ctx, "worker", []byte(`{"millis":1000}`))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = b.Invoke(t.Context(), "worker", nil)
	require.ErrorIs(t, err, lambda.ErrThrottled, "it still works")
	eventually(t, func() bool {
		_, err = b.Invoke(t.Context(), "worker", nil)
		return err == nil
	}, "it becomes free")
	r := b.invoke(t, "worker", `{}`)
	require.Equal(t, pid, r.Pid)
	require.Equal(t, 4, r.Invocations)
}

func TestFunctionUpdateStartsFreshEnvironmentsAndLetsWorkFinish(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	b.create(t, c)
	old := b.invoke(t, "worker", `{}`).Pid

	finished := make(chan lambda.Result)
	go func() {
		result, _ := b.Invoke(t.Context(), "worker", []byte(`{"millis":1500,"text":"old"}`))
		finished <- result
	}()
	eventually(t, func() bool { return b.logs.count("worker", "working") == 1 }, "the environment is busy")
	idle := b.invoke(t, "worker", `{}`).Pid
	require.NotEqual(t, old, idle)

	c.Env = map[string]string{"VERSION": "2"}
	_, err := b.UpdateFunction(t.Context(), c)
	require.NoError(t, err)
	require.False(t, alive(idle), "idle environments end with the update")
	r := b.invoke(t, "worker", `{"do":"env"}`)
	require.Contains(t, r.Env, "VERSION=2")
	require.Equal(t, 1, r.Invocations)
	require.NoError(t, json.Unmarshal((<-finished).Payload, &r))
	require.Equal(t, old, r.Pid)
	require.Equal(t, "old", r.Text)
	eventually(t, func() bool { return !alive(old) }, "the old environment ends after its work")
	require.Eventually(t, func() bool {
		dirs, err := os.ReadDir(filepath.Join(b.dir, "functions", "worker"))
		return err == nil && len(dirs) == 1
	}, 10*time.Second, 10*time.Millisecond, "the old code is removed")
}

func TestFunctionUpdateThatChangesNothingKeepsTheEnvironments(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	b.create(t, c)
	pid := b.invoke(t, "worker", `{}`).Pid
	c.Tags, c.ReservedConcurrency = map[string]string{"Cell": "alpha"}, 7
	f, err := b.UpdateFunction(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, 7, f.Config.ReservedConcurrency)
	require.Equal(t, pid, b.invoke(t, "worker", `{}`).Pid)
}

func TestFunctionUpdateOfCodeIsUsed(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	before := b.create(t, c)
	b.invoke(t, "worker", `{}`)
	c.CodePath = filepath.Join(t.TempDir(), "script.zip")
	require.NoError(t, writeZip(c.CodePath, "bootstrap", 0o755, []byte("#!/bin/sh\necho I am the new one\nexit 4\n")))
	after, err := b.UpdateFunction(t.Context(), c)
	require.NoError(t, err)
	require.NotEqual(t, before.CodeSHA256, after.CodeSHA256)
	_, message := b.invokeFails(t, "worker", `{}`)
	require.Contains(t, message, "exit status 4")
	require.Equal(t, []string{"I am the new one\n"}, b.logs.of("worker")[:1])
}

func TestFunctionThatIsDeletedIsGone(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	pid := b.invoke(t, "worker", `{}`).Pid
	require.NoError(t, b.DeleteFunction(t.Context(), "worker"))
	require.False(t, alive(pid))
	_, err := b.Invoke(t.Context(), "worker", nil)
	require.ErrorIs(t, err, lambda.ErrNotFound)
	_, err = b.GetFunction(t.Context(), "worker")
	require.ErrorIs(t, err, lambda.ErrNotFound)
	require.ErrorIs(t, b.DeleteFunction(t.Context(), "worker"), lambda.ErrNotFound)
	_, err = b.UpdateFunction(t.Context(), config("worker"))
	require.ErrorIs(t, err, lambda.ErrNotFound)
	b.create(t, config("worker"))
	b.invoke(t, "worker", `{}`)
}

func TestFunctionNameIsTakenOnce(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	_, err := b.CreateFunction(t.Context(), config("worker"))
	require.ErrorIs(t, err, lambda.ErrConflict)
	require.ErrorContains(t, err, "create function worker: function already exists")
}

func TestFunctionLogsLineByLine(t *testing.T) {
	b := newBench(t)
	c := config("worker")
	c.LogFormat = "JSON"
	b.create(t, c)
	b.invoke(t, "worker", `{"do":"log","text":"first\nsecond"}`)
	require.NoError(t, b.DeleteFunction(t.Context(), "worker"))
	lines := b.logs.of("worker")
	require.Len(t, lines, 4)
	require.Equal(t, []string{"first\n", "second\n"}, lines[:2])
	require.JSONEq(t, `"structured"`, jsonField(t, lines[2], "message"))
	require.Equal(t, "no end of line\n", lines[3])
}

func jsonField(t *testing.T, line, name string) string {
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
	return string(fields[name])
}

func TestFunctionCodeThatCannotRunIsRefused(t *testing.T) {
	b := newBench(t)
	binary, err := os.ReadFile(built.binary)
	require.NoError(t, err)
	foreign := append([]byte(nil), binary...)
	foreign[18], foreign[19] = 0xf3, 0 // e_machine: RISC-V
	other := lambda.ARM64
	if architecture() == lambda.ARM64 {
		other = lambda.X8664
	}
	for name, c := range map[string]struct {
		entry        string
		mode         os.FileMode
		content      []byte
		architecture string
		want         string
	}{
		"no bootstrap":               {"main", 0o755, binary, architecture(), "there is no file named bootstrap"},
		"not executable":             {"bootstrap", 0o644, binary, architecture(), "bootstrap is not executable"},
		"neither binary nor script":  {"bootstrap", 0o755, []byte("hello"), architecture(), "neither a Linux binary nor a script"},
		"foreign machine":            {"bootstrap", 0o755, foreign, architecture(), "bootstrap is built for EM_RISCV"},
		"not the function's machine": {"bootstrap", 0o755, binary, other, "but the function's architecture is " + other},
		"leads out":                  {"../bootstrap", 0o755, binary, architecture(), "leads out of the function's directory"},
		"symbolic link":              {"bootstrap", 0o777 | os.ModeSymlink, []byte("/bin/sh"), architecture(), "neither a file nor a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			f := config("worker")
			f.Architecture, f.CodePath = c.architecture, filepath.Join(t.TempDir(), "function.zip")
			require.NoError(t, writeZip(f.CodePath, c.entry, c.mode, c.content))
			_, err := b.CreateFunction(t.Context(), f)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "create function worker: code "+f.CodePath)
			left, err := filepath.Glob(filepath.Join(b.dir, "functions", "worker", "*"))
			require.NoError(t, err)
			require.Empty(t, left, "nothing stays behind")
		})
	}
}

func TestFunctionConfigurationThatAWSRefusesIsRefusedAsAWhole(t *testing.T) {
	b := newBench(t)
	_, err := b.CreateFunction(t.Context(), lambda.FunctionConfig{
		Name: "two words", Role: "admin", Runtime: "go1.x", Architecture: "sparc", Timeout: 90 * time.Minute, MemoryMB: 64,
		ReservedConcurrency: -2, LogLevel: "DEBUG", Tracing: "On",
		Env: map[string]string{"AWS_REGION": "x", "1st": "x", "BIG": strings.Repeat("x", 5000)},
	})
	for _, want := range []string{
		`name is "two words"`, `role is "admin"`, "handler is empty", `runtime is "go1.x"`, `architecture is "sparc"`, "code path is empty",
		"timeout is 1h30m0s", "memory is 64 MB", "reserved concurrency is -2", "log levels need", `tracing is "On"`,
		"AWS_REGION is reserved", `"1st"`, "at most 4096",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestCloseKillsEverything(t *testing.T) {
	b := newBench(t)
	b.create(t, config("worker"))
	idle := b.invoke(t, "worker", `{}`).Pid
	failed := make(chan lambda.Result, 1)
	go func() {
		result, _ := b.Invoke(context.Background(), "worker", []byte(`{"do":"hang"}`))
		failed <- result
	}()
	eventually(t, func() bool { return b.logs.count("worker", "working") == 1 }, "the environment is busy")
	busy, idle := idle, b.invoke(t, "worker", `{}`).Pid
	require.NotEqual(t, busy, idle)
	start := time.Now()
	require.NoError(t, b.Close(t.Context()))
	require.Less(t, time.Since(start), 4*time.Second)
	require.False(t, alive(idle))
	require.False(t, alive(busy))
	require.Equal(t, "Unhandled", (<-failed).FunctionError)
	_, err := b.Invoke(t.Context(), "worker", nil)
	require.ErrorIs(t, err, lambda.ErrClosed)
	_, err = b.CreateFunction(t.Context(), config("other"))
	require.ErrorIs(t, err, lambda.ErrClosed)
	require.NoDirExists(t, filepath.Join(b.dir, "functions"))
}

const parentVariable = "CELLULAR_LAMBDA_TEST_PARENT"

// playParent runs a function until somebody kills this process. It prints the function's response.
func playParent(dir string) {
	group, err := process.NewGroup()
	if err == nil {
		var s *lambda.Service
		if s, err = lambda.New(lambda.Options{AWS: awsConfig(), Group: group, Dir: dir}); err == nil {
			c := config("worker")
			c.CodePath = filepath.Join(dir, "function.zip")
			c.Env = map[string]string{"INIT": "child", "PIPE": filepath.Join(dir, "pipe")}
			if _, err = s.CreateFunction(context.Background(), c); err == nil {
				var result lambda.Result
				result, err = s.Invoke(context.Background(), "worker", nil)
				fmt.Println(string(result.Payload))
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

func TestAKilledParentLeavesNoFunctionBehind(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Link(built.zip, filepath.Join(dir, "function.zip")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	pipe, err := os.OpenFile(filepath.Join(dir, "pipe"), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer pipe.Close()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	var r response
	err = json.NewDecoder(out).Decode(&r)
	require.NoError(t, errors.Join(parent.Process.Signal(syscall.SIGKILL), err))
	_ = parent.Wait() // it was killed

	require.Positive(t, r.Pid)
	require.NoError(t, pipe.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err = pipe.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the function and its child have ended")
}
