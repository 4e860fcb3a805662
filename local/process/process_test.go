package process_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cellular/local/process"
)

// parentVariable makes the test binary play a program that starts children and is then killed.
const parentVariable = "CELLULAR_PROCESS_TEST_PARENT"

func TestMain(m *testing.M) {
	if script := os.Getenv(parentVariable); script != "" {
		if err := parent(script); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// parent runs the script as a child with its own standard output, and waits for the end of the child or its own.
func parent(script string) error {
	group, err := process.NewGroup()
	if err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout = os.Stdout
	child, err := group.Start(cmd)
	if err != nil {
		return err
	}
	fmt.Println("registered")
	return child.Wait()
}

// family is a pipe whose write end children inherit as standard output: while one of them lives, it is open.
type family struct {
	t           *testing.T
	read, write *os.File
}

func newFamily(t *testing.T) *family {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.SetReadDeadline(time.Now().Add(30*time.Second)))
	t.Cleanup(func() { read.Close(); write.Close() })
	return &family{t: t, read: read, write: write}
}

// awaitStart returns once a member has written a line, "up" in these tests, so that signal handlers are in place.
func (f *family) awaitStart() { f.awaitLines("up") }

// awaitLines returns once the members have written these lines, in any order.
func (f *family) awaitLines(want ...string) {
	f.write.Close()
	var got []string
	for range want {
		var line []byte
		for b := make([]byte, 1); b[0] != '\n'; line = append(line, b[0]) {
			_, err := io.ReadFull(f.read, b)
			require.NoError(f.t, err)
		}
		got = append(got, strings.TrimSpace(string(line)))
	}
	require.ElementsMatch(f.t, want, got)
}

// requireExtinct fails if a member still lives after half a minute, and returns what they wrote.
func (f *family) requireExtinct() string {
	rest, err := io.ReadAll(f.read)
	require.NoError(f.t, err, "a process outlived its group")
	return string(rest)
}

// withGrandchild is a script whose process has a child of its own; both ignore SIGTERM if trap says so.
func withGrandchild(trap string) string {
	return trap + ` sh -c "` + trap + ` echo up; while :; do sleep 60; done" & while :; do sleep 60; done`
}

const ignoreTerm = `trap '' TERM;`

func newGroup(t *testing.T) *process.Group {
	group, err := process.NewGroup()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, group.Close()) })
	return group
}

func shell(out io.Writer, script string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout = out
	return cmd
}

func TestWaitTellsHowTheProcessEnded(t *testing.T) {
	group := newGroup(t)
	var out bytes.Buffer
	p, err := group.Start(shell(&out, "echo out; exit 3"))
	require.NoError(t, err)
	err = p.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 3, exit.ExitCode())
	require.Equal(t, "out\n", out.String())
	require.Equal(t, err, p.Wait(), "a second Wait says the same")
	p.Kill()
	p.Terminate(time.Minute)
}

func TestStandardInputIsEmptyUnlessGiven(t *testing.T) {
	group := newGroup(t)
	p, err := group.Start(exec.Command("cat"))
	require.NoError(t, err)
	require.NoError(t, p.Wait())

	var out bytes.Buffer
	cmd := exec.Command("cat")
	cmd.Stdin, cmd.Stdout = strings.NewReader("given"), &out
	p, err = group.Start(cmd)
	require.NoError(t, err)
	require.NoError(t, p.Wait())
	require.Equal(t, "given", out.String())
}

func TestEachChildLeadsItsOwnProcessGroup(t *testing.T) {
	group := newGroup(t)
	p, err := group.Start(shell(nil, "sleep 60"))
	require.NoError(t, err)
	pgid, err := syscall.Getpgid(p.Pid())
	require.NoError(t, err)
	require.Equal(t, p.Pid(), pgid)
}

func TestKillEndsGrandchildren(t *testing.T) {
	f := newFamily(t)
	p, err := newGroup(t).Start(shell(f.write, withGrandchild(ignoreTerm)))
	require.NoError(t, err)
	f.awaitStart()
	p.Kill()
	f.requireExtinct()
}

func TestTerminateLetsTheProcessEndItself(t *testing.T) {
	f := newFamily(t)
	p, err := newGroup(t).Start(shell(f.write, `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`))
	require.NoError(t, err)
	f.awaitStart()
	p.Terminate(time.Minute)
	require.NoError(t, p.Wait())
	require.Equal(t, "bye\n", f.requireExtinct())
}

func TestTerminateKillsAfterTheGrace(t *testing.T) {
	f := newFamily(t)
	p, err := newGroup(t).Start(shell(f.write, withGrandchild(ignoreTerm)))
	require.NoError(t, err)
	f.awaitStart()
	p.Terminate(10 * time.Millisecond)
	require.ErrorContains(t, p.Wait(), "killed")
	f.requireExtinct()
}

func TestTheEndOfAProcessEndsWhatItLeftBehind(t *testing.T) {
	f := newFamily(t)
	p, err := newGroup(t).Start(shell(f.write, "sleep 600 & echo up"))
	require.NoError(t, err)
	f.awaitStart()
	require.NoError(t, p.Wait())
	f.requireExtinct()
}

func TestWaitReturnsThoughGrandchildrenHoldTheOutput(t *testing.T) {
	var out bytes.Buffer // not a file: the group copies from a pipe that the grandchild holds open
	p, err := newGroup(t).Start(shell(&out, "sleep 600 & echo up"))
	require.NoError(t, err)
	require.ErrorIs(t, p.Wait(), exec.ErrWaitDelay)
	require.Equal(t, "up\n", out.String())
}

func TestTheEndOfTheContextKillsTheGroup(t *testing.T) {
	f := newFamily(t)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", withGrandchild(ignoreTerm))
	cmd.Stdout = f.write
	_, err := newGroup(t).Start(cmd)
	require.NoError(t, err)
	f.awaitStart()
	cancel()
	f.requireExtinct()
}

func TestCloseEndsEverything(t *testing.T) {
	group, err := process.NewGroup()
	require.NoError(t, err)
	families := []*family{newFamily(t), newFamily(t), newFamily(t)}
	for _, f := range families {
		_, err := group.Start(shell(f.write, withGrandchild(ignoreTerm)))
		require.NoError(t, err)
		f.awaitStart()
	}
	require.NoError(t, group.Close())
	for _, f := range families {
		f.requireExtinct()
	}
	require.NoError(t, group.Close(), "a second Close does nothing")
	_, err = group.Start(exec.Command("true"))
	require.ErrorIs(t, err, process.ErrClosed)
}

func TestAKilledParentLeavesNobody(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script string
		kill   func(pid int) error
	}{
		{"killed, children obey", withGrandchild(""), func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }},
		{"killed, children ignore TERM", withGrandchild(ignoreTerm), func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }},
		{"killed with its group", withGrandchild(""), func(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }},
		{"interrupted at the terminal", withGrandchild(""), func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) }},
		{"terminal closed", withGrandchild(""), func(pid int) error { return syscall.Kill(-pid, syscall.SIGHUP) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFamily(t)
			program := exec.Command(os.Args[0])
			program.Env = append(os.Environ(), parentVariable+"="+tc.script)
			program.Stdout, program.Stderr = f.write, os.Stderr
			program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			require.NoError(t, program.Start())
			f.awaitLines("up", "registered")
			require.NoError(t, tc.kill(program.Process.Pid))
			require.Error(t, program.Wait())
			f.requireExtinct()
		})
	}
}

func TestErrorsNameTheProgram(t *testing.T) {
	group := newGroup(t)
	missing := filepath.Join(t.TempDir(), "no-such-program")
	_, err := group.Start(exec.Command(missing))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "start "+missing)
}

// TestManyChildrenComeAndGo is for the race detector, and for the reaper's list.
func TestManyChildrenComeAndGo(t *testing.T) {
	group := newGroup(t)
	results := make(chan error)
	for i := range 20 {
		go func() {
			p, err := group.Start(shell(nil, "exit "+strconv.Itoa(i%2)))
			if err == nil {
				_ = p.Wait()
			}
			results <- err
		}()
	}
	for range 20 {
		require.NoError(t, <-results)
	}
}
