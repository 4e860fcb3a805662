package main

import (
	"io"
	"os"

	"cellular/internal/operator/terminal"
	"cellular/local/console"
)

// logsTo returns where the cloud's log goes for a command that writes to stdout, readable or as it is, and what ends it. A
// terminal gets no control characters of others in either case.
func logsTo(stdout io.Writer, raw bool) (logs io.Writer, end func()) {
	onTerminal := terminal.Is(stdout)
	switch {
	case !raw:
		c := console.New(stdout, onTerminal && wantsColours(os.LookupEnv))
		return c, c.Close
	case onTerminal:
		stdout = terminal.NewWriter(stdout)
	}
	return stdout, func() {}
}

// wantsColours reports whether the environment allows colours: NO_COLOR (https://no-color.org) turns them off, set to anything,
// and so does a terminal that has none.
func wantsColours(lookup func(string) (string, bool)) bool {
	_, off := lookup("NO_COLOR")
	term, _ := lookup("TERM")
	return !off && term != "" && term != "dumb"
}
