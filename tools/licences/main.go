// Command licences lists the licence of every module and Python package that the project uses, in docs/licences.md. It
// fails on one that it does not know, or that is not allowed. With -check it writes nothing, and fails if the list is not
// up to date. The linters of tools/lint are left out: no part of the project is built from them, or needs them to run.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// allowed are the licences that put no condition on how the project's own code may be used.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unlicense"}

// python are the licences that the packages of requirements.txt state in their metadata.
var python = map[string]string{
	"blinker": "MIT", "boto3": "Apache-2.0", "botocore": "Apache-2.0", "certifi": "MPL-2.0", "cffi": "MIT-0", "charset-normalizer": "MIT",
	"click": "BSD-3-Clause", "cryptography": "Apache-2.0 OR BSD-3-Clause", "docker": "Apache-2.0", "flask": "BSD-3-Clause",
	"flask-cors": "MIT", "idna": "BSD-3-Clause", "itsdangerous": "BSD-3-Clause", "jinja2": "BSD-3-Clause", "jmespath": "MIT",
	"markupsafe": "BSD-3-Clause", "moto": "Apache-2.0", "py-partiql-parser": "MIT", "pycparser": "BSD-3-Clause",
	"python-dateutil": "Apache-2.0 OR BSD-3-Clause", "pyyaml": "MIT", "requests": "Apache-2.0", "responses": "Apache-2.0",
	"s3transfer": "Apache-2.0", "six": "MIT", "typing-extensions": "PSF-2.0", "urllib3": "MIT", "werkzeug": "BSD-3-Clause", "xmltodict": "MIT",
}

// exempt are packages and modules that do not have an allowed licence, with why they may be used.
var exempt = map[string]string{
	"typing-extensions":                   "the licence of Python itself, which runs it",
	"github.com/sourcegraph/appdash-data": "no licence of its own: generated from github.com/sourcegraph/appdash, which is MIT",
}

func main() {
	check := flag.Bool("check", false, "write nothing; fail if the list is not up to date")
	flag.Parse()
	if err := run(flag.Arg(0), *check); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	if root == "" {
		return errors.New("the project's directory is missing")
	}
	var b bytes.Buffer
	var errs []error
	fmt.Fprintf(&b, "# Licences\n\nWhat the project uses, and under which licence. `make lint` holds this list to what is used, and to the licences that are\nallowed: %s.\n", strings.Join(allowed, ", "))
	for _, part := range []struct {
		title, dir string
		packages   []string
	}{
		{"Go modules of the project and its tests", root, []string{"-test", "./..."}},
		{"Go modules of the tools: the Pulumi engine", filepath.Join(root, "tools"), []string{"tool"}},
	} {
		modules, err := modulesOf(part.dir, part.packages)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n## %s\n\n| Module | Version | Licence |\n|---|---|---|\n", part.title)
		for _, m := range modules {
			licence, err := licenceOf(m.dir)
			if why := exempt[m.path]; why != "" {
				licence, err = why, nil
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("module %s %s: %w", m.path, m.version, err))
				continue
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.path, m.version, licence)
		}
	}
	packages, err := pythonPackages(filepath.Join(root, "local", "emulator", "requirements.txt"))
	if err != nil {
		return err
	}
	fmt.Fprint(&b, "\n## Python packages of the emulator\n\nInstalled on the machines of developers, never deployed.\n\n| Package | Version | Licence |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		if err := allow(python[name]); err != nil && exempt[name] == "" {
			errs = append(errs, fmt.Errorf("Python package %s: %w", name, err))
		}
		licence := python[name]
		if why := exempt[name]; why != "" {
			licence += ": " + why
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, packages[name], licence)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	list := filepath.Join(root, "docs", "licences.md")
	if !check {
		return os.WriteFile(list, b.Bytes(), 0o644)
	}
	was, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	if !bytes.Equal(was, b.Bytes()) {
		return fmt.Errorf("%s is not up to date: run 'make licences'", list)
	}
	return nil
}

type module struct{ path, version, dir string }

// modulesOf are the modules that packages are built from, without the project's own.
func modulesOf(dir string, packages []string) ([]module, error) {
	args := append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}"}, packages...)
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	// What is used on the systems that the project runs on, whichever this is.
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w", dir, err)
	}
	seen := map[string]module{}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(strings.TrimSpace(line), "\t"); len(fields) == 3 {
			seen[fields[0]] = module{fields[0], fields[1], fields[2]}
		}
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("go list in %s has found no modules", dir)
	}
	var all []module
	for _, path := range slices.Sorted(maps.Keys(seen)) {
		all = append(all, seen[path])
	}
	return all, nil
}

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying)([.-].*)?$`)

// licenceOf reads the licences in a module's directory.
func licenceOf(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	found := map[string]bool{}
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		name := classify(string(text))
		if err := allow(name); err != nil {
			return "", fmt.Errorf("%s: %w", e.Name(), err)
		}
		found[name] = true
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no licence in %s", dir)
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), " AND "), nil
}

// marks are what a licence says and no other. The first that is found in a text names it.
var marks = []struct {
	name  string
	words []string
}{
	{"MPL-2.0", []string{"mozilla public license", "version 2.0"}},
	{"GPL", []string{"gnu", "general public license", "terms and conditions"}},
	{"Apache-2.0", []string{"apache license", "version 2.0"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "endorse or promote"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
	{"MIT", []string{"permission is hereby granted, free of charge", "the above copyright notice and this permission notice"}},
	{"MIT-0", []string{"permission is hereby granted, free of charge"}},
	{"ISC", []string{"permission to use, copy, modify, and", "the above copyright notice and this permission notice appear"}},
	{"0BSD", []string{"permission to use, copy, modify, and"}},
	{"CC0-1.0", []string{"cc0 1.0 universal"}},
	{"Unlicense", []string{"this is free and unencumbered software released into the public domain"}},
}

func classify(text string) string {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, m := range marks {
		if !slices.ContainsFunc(m.words, func(words string) bool { return !strings.Contains(text, words) }) {
			return m.name
		}
	}
	return ""
}

// allow takes a licence, or a choice of licences of which one is allowed.
func allow(licence string) error {
	if licence == "" {
		return errors.New("the licence is unknown")
	}
	for choice := range strings.SplitSeq(licence, " OR ") {
		if slices.Contains(allowed, choice) {
			return nil
		}
	}
	return fmt.Errorf("the licence %s is not allowed", licence)
}

var requirement = regexp.MustCompile(`(?m)^([A-Za-z0-9_-]+)(?:\[[^]]*\])?==([^ ;]+)`)

// pythonPackages are the packages that a file of requirements pins, with their versions.
func pythonPackages(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	packages := map[string]string{}
	for _, m := range requirement.FindAllStringSubmatch(string(text), -1) {
		packages[m[1]] = m[2]
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("%s pins no packages", path)
	}
	return packages, nil
}
