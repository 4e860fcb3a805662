package local

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"cellular/internal/model/naming"
)

// logs keeps one file per function, and copies each line to a common writer behind the name of its part.
type logs struct {
	dir string
	tee io.Writer // nil: no copy

	mu    sync.Mutex // also one line of tee at a time
	files map[string]*os.File
}

func newLogs(dir string, tee io.Writer) (*logs, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	return &logs{dir: dir, tee: tee, files: map[string]*os.File{}}, os.MkdirAll(dir, 0o755)
}

// function is the writer of the lines of a function, of the access log, or of the alarms. A file that cannot be written costs
// its lines, not the function.
func (l *logs) function(name string) io.Writer { return functionLog{l, name} }

type functionLog struct {
	logs *logs
	name string
}

func (f functionLog) Write(line []byte) (int, error) {
	l := f.logs
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tee != nil {
		fmt.Fprintf(l.tee, "%s | %s", label(f.name), line)
	}
	file, err := l.file(f.name)
	if err != nil {
		return 0, err
	}
	return file.Write(line)
}

// file opens the log of a name. The caller holds the mutex.
func (l *logs) file(name string) (*os.File, error) {
	if f, ok := l.files[name]; ok {
		return f, nil
	}
	f, err := os.Create(filepath.Join(l.dir, name+".log"))
	if err == nil {
		l.files[name] = f
	}
	return f, err
}

// open opens a log that is not a function's.
func (l *logs) open(name string) (io.Writer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file(name)
}

func (l *logs) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		_ = f.Close() // it was written line by line: there is nothing left to lose
	}
	clear(l.files)
}

// alarmLog is the log of the alarms that change.
const alarmLog = "cloudwatch"

// label names the part that a log is of: "cell alpha consumer", "router" (its function and its access log), "probe", or
// "cloudwatch".
func label(log string) string {
	switch log {
	case alarmLog:
		return log
	case naming.Stack(StackName).Probe():
		return "probe"
	}
	stem, cell, ok := strings.Cut(log, "-cell-")
	if !ok {
		return "router"
	}
	return "cell " + cell + " " + stem[strings.LastIndex(stem, "-")+1:]
}
