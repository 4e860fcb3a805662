package functions

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// bootstrap is the file that the provided.al2023 runtime starts.
const bootstrap = "bootstrap"

// epoch is the time of every zip entry: the earliest that the format can hold.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// writeZip packs the binary as bootstrap into the zip file at path, unless the file is there with the same content.
func writeZip(binary, path string) error {
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	packed, err := pack(content)
	if err != nil {
		return err
	}
	existing, err := os.ReadFile(path)
	if err == nil && bytes.Equal(existing, packed) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// Next to the binary, in a directory that no other build uses.
	finished := filepath.Join(filepath.Dir(binary), filepath.Base(path))
	if err := os.WriteFile(finished, packed, 0o644); err != nil {
		return err
	}
	return os.Rename(finished, path)
}

// pack returns a zip with content as its only entry: bootstrap, executable, with a fixed time.
func pack(content []byte) ([]byte, error) {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	header := &zip.FileHeader{Name: bootstrap, Method: zip.Deflate, Modified: epoch}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(content); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
