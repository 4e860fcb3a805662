// Package procfs reads from /proc what a Linux process, or the machine, used.
package procfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor times in /proc. Linux fixes it at 1/100 s for programs (USER_HZ), whatever the
// kernel's own is.
const tick = time.Second / 100

// CPU is the processor time that the process used so far, in user and kernel mode, in steps of 10 ms: utime and stime, fields 14 and 15 of /proc/PID/stat (proc_pid_stat(5)).
func CPU(pid int) (time.Duration, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	// The second field is the program's name in parentheses, and may hold anything.
	_, rest, _ := strings.Cut(string(content), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("read processor time: /proc/%d/stat is %q", pid, content)
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	if errUser != nil || errSystem != nil {
		return 0, fmt.Errorf("read processor time: /proc/%d/stat is %q", pid, content)
	}
	return time.Duration(user+system) * tick, nil
}

// PeakMemory is the most resident memory that the process had so far, in bytes: VmHWM of /proc/PID/status, which is in
// kB of 1,024 bytes.
func PeakMemory(pid int) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read peak memory: %w", err)
	}
	for line := range strings.Lines(string(content)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("read peak memory: /proc/%d/status has no VmHWM", pid)
}

// Load is how many threads ran or waited for a processor, on average over the last minute; 0 where that cannot be told.
func Load() float64 {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	var load float64
	_, _ = fmt.Sscan(string(content), &load) // what cannot be read leaves 0
	return load
}
