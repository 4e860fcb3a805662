// Package calls keeps the distinct calls of the end-to-end tests, as the gate saw them, in golden files: what each role
// really does. With them a test finds the rights that nobody uses, without running the system.
//
// A call is one line, with placeholders where a deployment has its own names, so that it can be read as a call of any
// other deployment.
package calls

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"cellular/internal/testkit/pulumitest"
	"cellular/local/gate"
)

// Deployment is whose names stand in the place of the placeholders.
type Deployment struct {
	Partition, Region, Account string
	Stack                      string
	Cell                       string // one cell, in the place of each
	API                        string // id of the router's HTTP API
	Stream                     string // label of every stream
}

func (d Deployment) names() *strings.Replacer {
	return strings.NewReplacer(
		"{partition}", d.Partition, "{region}", d.Region, "{account}", d.Account, "{stack}", d.Stack, "{cell}", d.Cell,
		"{api}", d.API, "{stream}", d.Stream, "{time}", "20260102030405", "{uuid}", "00000000-0000-0000-0000-000000000000",
	)
}

var (
	streamLabel = regexp.MustCompile(`/stream/[^/| ]+`)
	scratchTime = regexp.MustCompile(`-restore-[0-9]{14}\b`)
	apiID       = regexp.MustCompile(`(:execute-api:[^:]*:[^:]*:)[a-z0-9]+/`)
	keyID       = regexp.MustCompile(`:key/[0-9a-f-]+`)
	mappingID   = regexp.MustCompile(`:event-source-mapping:[0-9a-f-]+`)
)

// line writes a call of a stack on the local cloud, which has these cells.
func line(c gate.Call, region, stack string, cells []string) string {
	text := c.Caller + " " + c.Action + " " + c.Resource
	if c.SourceARN != "" {
		text += " " + c.SourceARN
	}
	text = streamLabel.ReplaceAllString(text, "/stream/{stream}")
	text = scratchTime.ReplaceAllString(text, "-restore-{time}")
	text = apiID.ReplaceAllString(text, "${1}{api}/")
	text = mappingID.ReplaceAllString(text, ":event-source-mapping:{uuid}")
	text = keyID.ReplaceAllString(text, ":key/{uuid}")
	text = regexp.MustCompile(`-cell-(`+strings.Join(cells, "|")+`)\b`).ReplaceAllString(text, "-cell-{cell}")
	text = regexp.MustCompile(`(:parameter/cellular/.+/cells/)(`+strings.Join(cells, "|")+`)\b`).ReplaceAllString(text, "${1}{cell}")
	text = strings.ReplaceAll(text, "arn:aws:", "arn:{partition}:")
	text = strings.ReplaceAll(text, ":"+region+":", ":{region}:")
	text = strings.ReplaceAll(text, ":"+gate.Account+":", ":{account}:")
	return regexp.MustCompile(`([:/])`+stack+`([-/])`).ReplaceAllString(text, "${1}{stack}${2}")
}

// Save writes calls into a golden file if UPDATE_GOLDEN is 1, and otherwise does nothing. If every test of the package ran
// well, the file then has these calls only; otherwise they are added to those it has.
func Save(path string, passed bool, all []gate.Call, region, stack string, cells []string) error {
	if os.Getenv(pulumitest.UpdateGolden) != "1" {
		return nil
	}
	lines := map[string]bool{}
	if run := flag.Lookup("test.run"); !passed || run != nil && run.Value.String() != "" {
		before, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		for l := range strings.Lines(string(before)) {
			lines[strings.TrimSpace(l)] = true
		}
	}
	for _, c := range all {
		if l := line(c, region, stack, cells); strings.Contains(l, "{stack}") { // the rest is about what a test made for itself
			lines[l] = true
		}
	}
	var sorted []string
	for l := range lines {
		if l != "" {
			sorted = append(sorted, l)
		}
	}
	slices.Sort(sorted)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(sorted, "\n")+"\n"), 0o644)
}

// Load reads the golden files of a directory, as calls of a deployment.
func Load(dir string, d Deployment) ([]gate.Call, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no recorded calls in %s", dir)
	}
	seen := map[gate.Call]bool{}
	var all []gate.Call
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for l := range strings.Lines(d.names().Replace(string(text))) {
			fields := strings.Fields(l)
			if len(fields) != 3 && len(fields) != 4 {
				return nil, fmt.Errorf("%s: %q is not a call", file, l)
			}
			c := gate.Call{Caller: fields[0], Action: fields[1], Resource: fields[2]}
			if len(fields) == 4 {
				c.SourceARN = fields[3]
			}
			if !seen[c] {
				seen[c] = true
				all = append(all, c)
			}
		}
	}
	return all, nil
}
