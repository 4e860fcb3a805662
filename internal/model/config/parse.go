package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cellular/internal/model/naming"
)

// Namespace is the project's name, under which Pulumi files its configuration.
const Namespace = "cellular:"

const namespace = Namespace

// The keys that Parse knows. Of the aws namespace these reach the explicit provider; the others would configure the
// default provider, which the project disables.
var (
	ownKeys = []string{"alarms", "cells", "deployment", "drop", "functions", "pipeline", "plane", "probe", "protect", "router"}
	awsKeys = []string{"profile", "region"}
)

// Keys returns every key that Parse reads, with its namespace.
func Keys() []string {
	var keys []string
	for _, key := range ownKeys {
		keys = append(keys, namespace+key)
	}
	for _, key := range awsKeys {
		keys = append(keys, "aws:"+key)
	}
	return keys
}

var deploymentName = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9_-]*\z`) // what SQS and Lambda allow in a name

// Parse reads the configuration of the stack: raw maps namespaced keys, such as "cellular:cells" or "aws:region", to
// values as Pulumi hands them to a program, which is JSON for a list or an object. Keys of namespaces other than
// cellular and aws are ignored.
//
// The error joins everything that is wrong: unknown keys, values of a wrong type or out of range, and values that
// contradict each other. Each part says which key, what was given and what is allowed. The order of the cells is
// of no consequence.
func Parse(stackName string, raw map[string]string) (Config, error) {
	p := &problems{}
	refuseUnknownKeys(raw, p)

	c := Default()
	c.Deployment = readDeployment(stackName, raw, p)
	c.Region, c.Profile = readRegion(raw, p), raw["aws:profile"]

	top := given(namespace, "", topLevel(raw, p), p)
	top.boolean("protect", &c.Protect)
	choice(top, "plane", &c.Plane, PlaneAll, PlaneGlobal, PlaneCells)
	top.object("router", func(o *object) { routerFields(o, &c.Router) })
	top.object("functions", func(o *object) { functionFields(o, &c.Functions) })
	top.object("pipeline", func(o *object) { pipelineFields(o, &c.Pipeline) })
	top.object("probe", func(o *object) { probeFields(o, &c.Probe) })
	top.object("alarms", func(o *object) { alarmFields(o, &c.Alarms) })
	c.Cells = readCells(top, c.Deployment)
	c.Drop = readDrops(top)

	checkRules(c, p)
	if len(p.list) > 0 {
		return Config{}, errors.Join(p.list...)
	}
	return c, nil
}

// refuseUnknownKeys reports the top-level keys that nothing reads.
func refuseUnknownKeys(raw map[string]string, p *problems) {
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if name, ok := strings.CutPrefix(key, namespace); ok && !slices.Contains(ownKeys, name) {
			p.add(key, "", "unknown key, allowed are %s%s", namespace, strings.Join(ownKeys, ", "+namespace))
		}
		if name, ok := strings.CutPrefix(key, "aws:"); ok && !slices.Contains(awsKeys, name) {
			p.add(key, "", "is not handed to the AWS provider, allowed are aws:%s", strings.Join(awsKeys, ", aws:"))
		}
	}
}

// topLevel decodes the namespace's values, and reports the keys that an object has twice. What is no JSON is a plain
// string: the reader of the key says what it wants.
func topLevel(raw map[string]string, p *problems) map[string]any {
	values := map[string]any{}
	for _, name := range ownKeys {
		text, ok := raw[namespace+name]
		if !ok {
			continue
		}
		value, err := decode(text)
		if err != nil {
			value = text
		} else {
			refuseDuplicates(namespace+name, text, p)
		}
		values[name] = value
	}
	return values
}

func readDeployment(stackName string, raw map[string]string, p *problems) naming.Stack {
	const key, want = namespace + "deployment", wantDeployment
	name, ok := raw[key]
	switch {
	case ok && !deploymentName.MatchString(name):
		p.add(key, "", "is %s, want %s", show(name), want)
	case !ok && !deploymentName.MatchString(stackName):
		p.add(key, "", "is not set, so that physical names start with the stack's name %s, which AWS does not allow: set it to %s", show(stackName), want)
	case !ok:
		name = stackName
	}
	return naming.Stack(name)
}

func readRegion(raw map[string]string, p *problems) string {
	const key = "aws:region"
	name, ok := raw[key]
	switch {
	case !ok:
		p.add(key, "", "is not set, want the AWS region to deploy to, such as eu-west-1: pulumi config set %s eu-west-1", key)
	case !slices.Contains(regions, name):
		p.add(key, "", "is %s, want %s", show(name), wantRegion(name))
	}
	return name
}

// readCells returns the cells sorted by id.
func readCells(top *object, d naming.Stack) []Cell {
	var cells []Cell
	first := map[string]string{} // id -> path
	readEntries(top, "cells", "a list of cells", "an object with the cell's id", func(path string, values map[string]any) {
		c, ok := readCell(path, values, top.problems)
		if !ok {
			return
		}
		if earlier, taken := first[c.ID]; taken {
			top.problems.add(path+".id", "", "is %q like %s.id, want ids that differ", c.ID, earlier)
			return
		}
		first[c.ID] = path
		checkCellNames(d, c.ID, path+".id", top.problems)
		cells = append(cells, c)
	})
	slices.SortFunc(cells, func(a, b Cell) int { return cmp.Compare(a.ID, b.ID) })
	return cells
}

// readEntries calls read with each object of a list, by its path. want and wantEntry say what the key and its entries are to be.
func readEntries(top *object, key, want, wantEntry string, read func(path string, values map[string]any)) {
	value, ok := top.value(key)
	if !ok {
		return
	}
	entries, ok := value.([]any)
	if !ok {
		top.refuse(key, value, want)
		return
	}
	for i, entry := range entries {
		path := fmt.Sprintf("%s[%d]", top.at(key), i)
		values, ok := entry.(map[string]any)
		if !ok {
			top.problems.add(path, "", "is %s, want %s", show(entry), wantEntry)
			continue
		}
		read(path, values)
	}
}

// readCell returns one cell, and whether its id is one.
func readCell(path string, values map[string]any, p *problems) (Cell, bool) {
	label := ""
	if id, ok := values["id"].(string); ok {
		label = fmt.Sprintf(" (cell %s)", show(id))
	}
	c := DefaultCell()
	o := given(path+".", label, values, p)
	cellFields(o, &c)
	if _, ok := values["id"]; !ok {
		p.add(o.at("id"), "", "is not set, want the cell's id")
	}
	o.refuseUnknown()
	return c, c.ID != ""
}
