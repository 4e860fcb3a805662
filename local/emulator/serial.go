package emulator

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

// serial makes moto's server handle one request at a time, and its transactions cheap. The file says why and how.
//
//go:embed serial/sitecustomize.py
var serial []byte

// serialEnv puts the file where the server's Python finds it, whichever Python that is, and returns the environment
// variable that says so.
func serialEnv(dir string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(dir, "python"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Another start may read the file at this moment, so it appears as a whole.
	file, err := os.CreateTemp(dir, "sitecustomize-*.tmp")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name()) // it is gone if all went well
	if _, err := file.Write(serial); err != nil {
		return "", fmt.Errorf("write %s: %w", file.Name(), err)
	}
	if err := file.Close(); err != nil {
		return "", err
	}
	if err := os.Rename(file.Name(), filepath.Join(dir, "sitecustomize.py")); err != nil {
		return "", err
	}
	path := dir
	if others := os.Getenv("PYTHONPATH"); others != "" {
		path += string(os.PathListSeparator) + others
	}
	return "PYTHONPATH=" + path, nil
}
