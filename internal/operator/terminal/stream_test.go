package terminal_test

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"cellular/internal/operator/terminal"
)

func TestStream_LosesWhatNobodyReadsAndReportsOtherErrors(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	stream := terminal.NewStream(write)
	_, err = io.WriteString(stream, "read")
	require.NoError(t, err)
	got := make([]byte, 4)
	_, err = io.ReadFull(read, got)
	require.NoError(t, err)
	require.Equal(t, "read", string(got))

	require.NoError(t, read.Close())
	n, err := io.WriteString(stream, "lost")
	require.NoError(t, err)
	require.Equal(t, 4, n)

	require.NoError(t, write.Close())
	_, err = io.WriteString(stream, "not written")
	require.ErrorIs(t, err, os.ErrClosed)
}
