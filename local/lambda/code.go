package lambda

import (
	"archive/zip"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

const bootstrap = "bootstrap"

// packaged is the unpacked code of a function.
type packaged struct {
	sha256 string // of the zip file, in base64
	size   int64  // of the zip file
}

// unpack unpacks a function's zip file into a new directory and checks that its bootstrap can run here.
func unpack(path, dir, architecture string) (packaged, error) {
	code, err := unzip(path, dir)
	if err == nil {
		err = checkBootstrap(filepath.Join(dir, bootstrap), architecture)
	}
	if err != nil {
		return packaged{}, errors.Join(fmt.Errorf("code %s: %w", path, err), os.RemoveAll(dir))
	}
	return code, nil
}

func unzip(path, dir string) (packaged, error) {
	file, err := os.Open(path)
	if err != nil {
		return packaged{}, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	if err != nil {
		return packaged{}, err
	}
	archive, err := zip.NewReader(file, size)
	if err != nil {
		return packaged{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return packaged{}, err
	}
	left := int64(maxCodeBytes)
	for _, entry := range archive.File {
		n, err := unzipEntry(entry, dir, left)
		if err != nil {
			return packaged{}, fmt.Errorf("entry %q: %w", entry.Name, err)
		}
		left -= n
	}
	return packaged{sha256: base64.StdEncoding.EncodeToString(hash.Sum(nil)), size: size}, nil
}

func unzipEntry(entry *zip.File, dir string, limit int64) (int64, error) {
	if !filepath.IsLocal(entry.Name) {
		return 0, errors.New("leads out of the function's directory")
	}
	path := filepath.Join(dir, entry.Name)
	switch mode := entry.Mode(); {
	case mode.IsDir():
		return 0, os.MkdirAll(path, 0o755)
	case !mode.IsRegular():
		return 0, fmt.Errorf("is neither a file nor a directory (%s)", mode)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	from, err := entry.Open()
	if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, entry.Mode().Perm()|0o400)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(to, io.LimitReader(from, limit+1))
	if n > limit {
		err = fmt.Errorf("the unpacked code is larger than %d bytes", maxCodeBytes)
	}
	return n, errors.Join(err, to.Close())
}

// checkBootstrap refuses what could only fail with "exec format error" later. A script, with a #! line, is taken as it is.
func checkBootstrap(path, architecture string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return errors.New("there is no file named bootstrap at the root of the zip file (Runtime.InvalidEntrypoint)")
	}
	if info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("bootstrap is not executable (mode %s); the zip file has to record mode 0755", info.Mode())
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	start := make([]byte, 2)
	if _, err := io.ReadFull(file, start); err == nil && string(start) == "#!" {
		return nil
	}
	binary, err := elf.NewFile(file)
	if err != nil {
		return fmt.Errorf("bootstrap is neither a Linux binary nor a script: %w", err)
	}
	built, ok := map[elf.Machine]string{elf.EM_X86_64: X8664, elf.EM_AARCH64: ARM64}[binary.Machine]
	if !ok {
		built = binary.Machine.String()
	}
	if built != architecture {
		return fmt.Errorf("bootstrap is built for %s, but the function's architecture is %s", built, architecture)
	}
	if host := map[string]string{"amd64": X8664, "arm64": ARM64}[runtime.GOARCH]; built != host {
		return fmt.Errorf("bootstrap is built for %s, but this machine runs %s; package the function for %[2]s to run it here", built, host)
	}
	return nil
}
