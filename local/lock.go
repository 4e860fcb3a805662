package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lock keeps a second cloud out of a directory. The kernel releases it when the holder is gone, however it went.
type lock struct{ file *os.File }

// holder is what the lock file says of the cloud that holds it.
type holder struct {
	PID int    `json:"pid"`
	URL string `json:"url,omitempty"` // of the router, once it is up
}

// acquire takes the lock of dir, or fails with an error that says who has it.
func acquire(dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		l := &lock{f}
		if err = l.write(holder{PID: os.Getpid()}); err == nil {
			return l, nil
		}
	} else if errors.Is(err, syscall.EWOULDBLOCK) {
		err = runsAlready(f, dir)
	}
	return nil, errors.Join(err, f.Close())
}

func runsAlready(f *os.File, dir string) error {
	var h holder
	text, err := io.ReadAll(f)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return fmt.Errorf("a local cloud runs in %s already; stop it first", dir)
	}
	where := "it is still starting"
	if h.URL != "" {
		where = "its router answers at " + h.URL
	}
	return fmt.Errorf("a local cloud runs in %s already: process %d, %s; use it, or stop it with Ctrl-C or 'kill %d'", dir, h.PID, where, h.PID)
}

func (l *lock) write(h holder) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(text, 0)
	return err
}

// release gives the directory free.
func (l *lock) release() error { return l.file.Close() }
