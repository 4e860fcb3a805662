package cli

import (
	"os"
	"os/signal"
	"syscall"

	"cellular/internal/operator/terminal"
)

// Outputs returns the process's stdout and stderr, to which a command may write though their readers have ended: by default
// the first such write ends the process, whatever it is in the midst of.
func Outputs() (stdout, stderr *terminal.Stream) {
	// Not signal.Ignore, which children would inherit. Nobody receives: a write says all that the signal does.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return terminal.NewStream(os.Stdout), terminal.NewStream(os.Stderr)
}
