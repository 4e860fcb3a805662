package main

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/cmd/internal/cli"
)

// marker is an environment variable of the command under test. Most of its children inherit it.
const marker = "LOCALCLOUD_TEST_RUN"

// patience bounds every wait of these tests; a machine under load is slow.
const patience = 2 * time.Minute

// started is a localcloud that runs as a process of its own.
type started struct {
	t      *testing.T
	cmd    *osexec.Cmd
	dir    string // its --dir
	stdout *lines
	stderr *lines
	exited chan struct{}
}

func buildLocalcloud(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "localcloud")
	out, err := osexec.Command("go", "build", "-o", path, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

func startLocalcloud(t *testing.T, binary, dir string, args ...string) *started {
	t.Helper()
	s := newLocalcloud(t, binary, dir, args...)
	s.start()
	return s
}

// newLocalcloud returns a localcloud that start starts.
func newLocalcloud(t *testing.T, binary, dir string, args ...string) *started {
	s := &started{t: t, dir: dir, stdout: &lines{}, stderr: &lines{}, exited: make(chan struct{})}
	s.cmd = osexec.Command(binary, append(args, "--dir", dir)...)
	s.cmd.Env = append(os.Environ(), marker+"="+dir)
	s.cmd.Stderr = s.stderr
	s.cmd.Stdout = s.stdout
	return s
}

func (s *started) start() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Start())
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // the exit code is read from the process's state
	}()
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it has ended, unless the test failed
		<-s.exited
	})
}

// until waits for a condition while the process runs.
func (s *started) until(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-s.exited:
			s.t.Fatalf("localcloud ended before: %s\n%s", what, s.stderr)
		case <-deadline:
			s.t.Fatalf("not within %s: %s\n%s", patience, what, s.stderr)
		}
	}
}

func (s *started) says(text string) func() bool {
	return func() bool { return strings.Contains(s.stderr.String(), text) }
}

// end sends a signal and returns the exit code; -1 if the signal ended the process.
func (s *started) end(signal os.Signal) int {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(signal))
	return s.wait()
}

func (s *started) wait() int {
	s.t.Helper()
	select {
	case <-s.exited:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		s.t.Fatalf("localcloud did not end within %s\n%s", patience, s.stderr)
		return 0
	}
}

// leavesNothing requires that no process of the run is there any more; with its processes, its ports are gone.
func (s *started) leavesNothing() {
	s.t.Helper()
	var left []string
	require.Eventually(s.t, func() bool {
		left = processesOf(s.dir)
		return len(left) == 0
	}, 30*time.Second, 50*time.Millisecond, "%s", lazy{&left})
}

type lazy struct{ left *[]string }

func (l lazy) String() string { return "left behind:\n" + strings.Join(*l.left, "\n") }

// processesOf finds the processes that have the run's marker, or run in, or from, its directory.
func processesOf(dir string) []string {
	var found []string
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		environment, _ := os.ReadFile(filepath.Join(p, "environ"))
		cwd, _ := os.Readlink(filepath.Join(p, "cwd"))
		exe, _ := os.Readlink(filepath.Join(p, "exe"))
		if bytes.Contains(environment, []byte(marker+"="+dir)) || strings.HasPrefix(cwd, dir) || strings.HasPrefix(exe, dir) {
			command, _ := os.ReadFile(filepath.Join(p, "cmdline"))
			found = append(found, fmt.Sprintf("%s %s", filepath.Base(p), bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
		}
	}
	return found
}

func (s *started) routerURL() *url.URL {
	s.t.Helper()
	match := regexp.MustCompile(`router answers at (http://[0-9.:]+)`).FindStringSubmatch(s.stderr.String())
	require.NotNil(s.t, match, s.stderr.String())
	u, err := url.Parse(match[1])
	require.NoError(s.t, err)
	return u
}

func TestARunningCloudIsNamedAndLeavesNothingBehind(t *testing.T) {
	binary := buildLocalcloud(t)
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, cli.ExitInterrupted}, {syscall.SIGTERM, cli.ExitInterrupted}, {syscall.SIGKILL, -1}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			s := startLocalcloud(t, binary, t.TempDir(), "up")
			s.until("it is up", s.says("Ctrl-C takes everything down"))
			require.NotEmpty(t, processesOf(s.dir), "the search finds what runs")
			router := s.routerURL()

			second := startLocalcloud(t, binary, s.dir, "up")
			require.Equal(t, cli.ExitFailure, second.wait())
			require.Contains(t, second.stderr.String(), fmt.Sprintf("process %d, its router answers at %s", s.cmd.Process.Pid, router))

			require.Equal(t, c.code, s.end(c.signal), "%s", s.stderr)
			if c.code == cli.ExitInterrupted {
				require.Contains(t, s.stderr.String(), "\neverything is down\nlocalcloud: interrupted\n")
			}
			s.leavesNothing()
			_, err := net.DialTimeout("tcp", router.Host, time.Second)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		})
	}
}

func TestAnInterruptedDeploymentLeavesNothingBehind(t *testing.T) {
	binary := buildLocalcloud(t)
	for _, c := range []struct {
		signal  syscall.Signal
		command string
		code    int
	}{{syscall.SIGINT, "demo", cli.ExitInterrupted}, {syscall.SIGTERM, "demo", cli.ExitInterrupted}, {syscall.SIGKILL, "up", -1}} {
		t.Run(c.command+" "+c.signal.String(), func(t *testing.T) {
			s := startLocalcloud(t, binary, t.TempDir(), c.command)
			s.until("the engine deploys functions", func() bool {
				functions, _ := filepath.Glob(filepath.Join(s.dir, "lambda", "functions", "*"))
				return len(functions) > 0
			})
			require.Equal(t, c.code, s.end(c.signal), "%s", s.stderr)
			if c.code == cli.ExitInterrupted {
				require.Regexp(t, `  take down +\S+ s  everything is down\n$`, s.stdout.String())
			}
			s.leavesNothing()
		})
	}
}

func TestAPortInUseIsNamedAndNothingIsLeftBehind(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)

	s := startLocalcloud(t, buildLocalcloud(t), t.TempDir(), "up", "--port", port)
	require.Equal(t, cli.ExitFailure, s.wait())
	require.Contains(t, s.stderr.String(), port)
	require.Contains(t, s.stderr.String(), "in use")
	s.leavesNothing()
}

// lines collects what a process writes, while others read it.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
