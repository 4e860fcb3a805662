package pulumitest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// UpdateGolden is the environment variable that, set to 1, makes AssertGolden rewrite its files.
const UpdateGolden = "UPDATE_GOLDEN"

// AssertGolden compares the identity of every resource with a golden file: what makes the engine keep, move or delete
// the live resource. It fails if nothing was registered.
func (r *Recorder) AssertGolden(t testing.TB, path string) {
	t.Helper()
	got := r.identities()
	if len(got) == 0 {
		t.Errorf("no resource was registered: nothing was observed")
		return
	}
	if os.Getenv(UpdateGolden) == "1" {
		writeGolden(t, path, got)
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("read the golden file: %v (%s=1 writes it)", err, UpdateGolden)
		return
	}
	removed, added := difference(strings.Split(strings.TrimSpace(string(data)), "\n"), got)
	if len(removed)+len(added) == 0 {
		return
	}
	t.Errorf("%s: the identity of resources changed.\n"+
		"A name or parent that is gone is a DELETE of live infrastructure, and of the data in it, unless an alias leads from the old one to the new.\n"+
		"If that is what you want, %s=1 rewrites the file.\ngone:\n  %s\nnew:\n  %s",
		path, UpdateGolden, strings.Join(removed, "\n  "), strings.Join(added, "\n  "))
}

func writeGolden(t testing.TB, path string, lines []string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Errorf("create the golden file's directory: %v", err)
		return
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Errorf("write the golden file: %v", err)
	}
}

// identities is one line per resource, sorted by URN.
func (r *Recorder) identities() []string {
	all := r.Resources()
	names := map[string]string{}
	for _, res := range all {
		names[res.URN] = res.String()
	}
	lines := make([]string, 0, len(all))
	for _, res := range all {
		parent := names[res.Parent]
		if parent == "" {
			parent = "the stack"
		}
		line := fmt.Sprintf("%s | under %s", res, parent)
		if res.Provider != "" {
			line += " | provider " + res.Provider
		}
		if res.Protect {
			line += " | protect"
		}
		for _, a := range res.Aliases {
			line += " | alias " + a
		}
		lines = append(lines, line)
	}
	return lines
}

func difference(old, new []string) (removed, added []string) {
	in := func(lines []string) map[string]bool {
		set := map[string]bool{}
		for _, l := range lines {
			set[l] = true
		}
		return set
	}
	wasThere, isThere := in(old), in(new)
	for _, l := range old {
		if !isThere[l] {
			removed = append(removed, l)
		}
	}
	for _, l := range new {
		if !wasThere[l] {
			added = append(added, l)
		}
	}
	return removed, added
}
