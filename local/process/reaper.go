package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// reaperScript is what outlives us. It reads "+PGID" and "-PGID" from its standard input. End of file means that we
// closed the pipe or died, by SIGKILL even, because nobody else holds the other end: it then asks every process group
// that is still registered to end, gives them two seconds (20 x 0.1 s), and kills those left. It is POSIX sh, so that
// it needs nothing that a Linux or macOS machine does not have.
const reaperScript = `
trap '' HUP INT QUIT TERM
groups=
while read -r line; do
	id=${line#?}
	case $line in
	+*) groups="$groups $id" ;;
	-*) left=
		for g in $groups; do [ "$g" = "$id" ] || left="$left $g"; done
		groups=$left ;;
	esac
done
for g in $groups; do kill -s TERM -- "-$g"; done
tries=0
while [ $tries -lt 20 ]; do
	left=
	for g in $groups; do kill -s 0 -- "-$g" && left="$left $g"; done
	groups=$left
	[ -n "$groups" ] || exit 0
	sleep 0.1
	tries=$((tries + 1))
done
for g in $groups; do kill -s KILL -- "-$g"; done
exit 0
`

// reaper is the process that runs reaperScript.
type reaper struct {
	cmd  *exec.Cmd
	pipe *os.File // our end; close-on-exec, so no child keeps the reaper waiting
}

func startReaper() (*reaper, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := exec.Command("/bin/sh", "-c", reaperScript)
	cmd.Dir = "/" // holds on to no directory that the user may want to remove
	cmd.Stdin = read
	// A session of its own: neither Ctrl-C nor the closing of the terminal, which end us, may end the reaper.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil, err
	}
	return &reaper{cmd: cmd, pipe: write}, nil
}

// add registers a process group. A line is far below PIPE_BUF, so concurrent writes do not mix.
func (r *reaper) add(pgid int) error {
	_, err := fmt.Fprintf(r.pipe, "+%d\n", pgid)
	return err
}

// remove takes a process group off the list, so that its number can be used again by somebody else.
func (r *reaper) remove(pgid int) {
	// It fails only if somebody killed the reaper; then there is no list either.
	_, _ = fmt.Fprintf(r.pipe, "-%d\n", pgid)
}

// close lets the reaper do its work and waits for it.
func (r *reaper) close() error {
	r.pipe.Close()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("reaper: %w", err)
	}
	return nil
}
