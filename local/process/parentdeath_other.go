//go:build unix && !linux

package process

import "syscall"

// dieWithParent does nothing where the kernel has no parent-death signal. What remains is the reaper: a child is lost
// only if we are killed in the microseconds between its start and its registration.
func dieWithParent(*syscall.SysProcAttr) {}
