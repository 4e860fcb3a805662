package functions

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// bootstrap is the file that the provided.al2023 runtime starts.
const bootstrap = "bootstrap"

// epoch is the time of every zip entry: the earliest that the format can hold.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// writeZip packs the binary as bootstrap into the zip file at path, unless the file is there with the same content. Packing
// takes far longer than the rest of a preview that changes nothing, so a zip whose seal says that it holds this binary is kept.
func writeZip(binary, path string) error {
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	existing, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	there := err == nil
	if sealed, err := os.ReadFile(sealOf(path)); err == nil && there {
		want, err := seal(content, existing)
		if err != nil {
			return err
		}
		if string(sealed) == want {
			return nil
		}
	}
	packed, err := pack(content)
	if err != nil {
		return err
	}
	if !there || !bytes.Equal(existing, packed) {
		// Next to the binary, in a directory that no other build uses.
		finished := filepath.Join(filepath.Dir(binary), filepath.Base(path))
		if err := os.WriteFile(finished, packed, 0o644); err != nil {
			return err
		}
		if err := os.Rename(finished, path); err != nil {
			return err
		}
	}
	sealed, err := seal(content, packed)
	if err != nil {
		return err
	}
	// Where several builds end at once, one may seal another's zip. The seal is broken then, and the next build packs again.
	return os.WriteFile(sealOf(path), []byte(sealed), 0o644)
}

// sealOf is the path of the seal of a zip file.
func sealOf(path string) string { return path + ".seal" }

// seal identifies a zip file and what it was made of: the binary, and the way of packing, which a small sample shows.
func seal(binary, packed []byte) (string, error) {
	sample, err := pack([]byte(bootstrap))
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	for _, part := range [][]byte{sample, binary, packed} {
		sum := sha256.Sum256(part)
		digest.Write(sum[:])
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
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
