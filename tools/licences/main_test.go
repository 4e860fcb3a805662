package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLicenceOf_RefusesWhatIsUnknownOrNotAllowed(t *testing.T) {
	for name, tc := range map[string]struct{ file, text, want, err string }{
		"MIT":           {"LICENSE", "Permission is hereby granted,\n free of charge ... The above copyright notice and this permission notice shall", "MIT", ""},
		"BSD":           {"LICENCE.md", "Redistribution and use in source and binary forms ... used to endorse or promote products", "BSD-3-Clause", ""},
		"GPL":           {"COPYING", "GNU GENERAL PUBLIC LICENSE Version 3 TERMS AND CONDITIONS", "", "the licence GPL is not allowed"},
		"one's own":     {"LICENSE", "You may use this on Sundays.", "", "the licence is unknown"},
		"none":          {"README", "Permission is hereby granted, free of charge", "", "no licence in"},
		"a source file": {"licensed.go", "package x", "", "no licence in"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := licenceOf(dir)
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, tc.want, tc.err)
		}
	}
}
