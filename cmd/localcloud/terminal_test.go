package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A library that asks the terminal for its colours would write control sequences before anything else.
func TestNothingIsWrittenToATerminalButTheCommandsOutput(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	defer master.Close()
	var unlock, number int32
	require.NoError(t, ioctl(master, syscall.TIOCSPTLCK, &unlock))
	require.NoError(t, ioctl(master, syscall.TIOCGPTN, &number))
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)

	cmd := osexec.Command(buildLocalcloud(t), "up", "--help")
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); name != "CI" && name != "TERM" {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	// The library asks the terminal in whose foreground it runs, and no other.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	terminal.Close()
	written, err := io.ReadAll(master)
	if !errors.Is(err, syscall.EIO) { // what a master reads when its terminal has been closed
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Wait())
	shown := strings.ReplaceAll(string(written), "\r\n", "\n") // a terminal ends lines so
	require.True(t, strings.HasPrefix(shown, newUp().Long), "%.80q", shown)
	require.NotContains(t, string(written), "\x1b")
}

func ioctl(f *os.File, request uintptr, value *int32) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(value))); errno != 0 {
		return errno
	}
	return nil
}
