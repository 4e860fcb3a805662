package terminal

import (
	"errors"
	"os"
	"syscall"
)

// Stream is an output whose reader may end before the writer does, as head does. What is written after that is lost, and
// no error: the work that it tells of goes on.
type Stream struct{ file *os.File }

// NewStream returns a Stream to a file, which is stdout or stderr only in a process that handles SIGPIPE.
func NewStream(file *os.File) *Stream { return &Stream{file} }

// Write writes p, or drops it where nobody reads any more.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		return len(p), nil
	}
	return n, err
}
