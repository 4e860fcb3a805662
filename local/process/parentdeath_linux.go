package process

import "syscall"

// dieWithParent has the kernel kill the child when we die. The reaper does that too, and for the child's own children;
// this covers the moment between the start of a child and its registration, and the loss of the reaper itself.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
