package functions

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteZip_KeepsWhatIsSealed(t *testing.T) {
	binary, path := filepath.Join(t.TempDir(), "router"), filepath.Join(t.TempDir(), "router.zip")
	require.NoError(t, os.WriteFile(binary, []byte("the binary"), 0o755))
	packed, err := pack([]byte("the binary"))
	require.NoError(t, err)
	written := func() string {
		require.NoError(t, writeZip(binary, path))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, string(packed), written())
	require.Equal(t, string(packed), written())

	// Nobody packs into these bytes, so they are there only as long as nothing is packed.
	require.NoError(t, os.WriteFile(path, []byte("other bytes"), 0o644))
	sealed, err := seal([]byte("the binary"), []byte("other bytes"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(sealOf(path), []byte(sealed), 0o644))
	require.Equal(t, "other bytes", written())

	require.NoError(t, os.WriteFile(path, []byte("a broken zip"), 0o644))
	require.Equal(t, string(packed), written())
	require.NoError(t, os.Remove(sealOf(path)))
	require.Equal(t, string(packed), written())
	require.NoError(t, os.Remove(path))
	require.Equal(t, string(packed), written(), "the seal is there, and the zip is not")

	require.NoError(t, os.WriteFile(binary, []byte("another binary"), 0o755))
	require.NotEqual(t, string(packed), written())
}
