package stack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/naming"
	"cellular/internal/model/wait"
)

// part is what a stack can lose as a whole: a cell, or the control plane of a deployment.
type part struct {
	Deployment naming.Stack
	Region     string
	Cell       string // "" for the control plane
}

func (p part) String() string {
	if p.Cell == "" {
		return "the control plane of " + string(p.Deployment)
	}
	return "cell " + p.Cell
}

// deployedParts returns the parts that the stack has tables of, as the engine's own record of the stack has them. The
// record knows what no configuration can hide from it: under which deployment's name and in which Region a part was
// made, and a part that an update has made and whose update then failed.
//
// A stack whose first update was never completed has no outputs, and is taken for an empty one: of a stack without any
// record the engine cannot be asked for resources (it crashes), and nothing else tells the two apart.
func deployedParts(ctx *pulumi.Context) ([]part, error) {
	var outputs struct {
		Outputs map[string]any `pulumi:"outputs"`
	}
	if err := ask(ctx, readStackOutputs, map[string]any{"name": ownName(ctx)}, &outputs); err != nil {
		return nil, fmt.Errorf("ask the engine for the outputs of stack %s: %w", ctx.Stack(), err)
	}
	if len(outputs.Outputs) == 0 {
		return nil, nil
	}
	var resources struct {
		Outputs map[string]deployedResource `pulumi:"outputs"`
	}
	if err := ask(ctx, readStackResources, map[string]any{"stackName": ownName(ctx)}, &resources); err != nil {
		return nil, fmt.Errorf("ask the engine for the resources of stack %s: %w", ctx.Stack(), err)
	}
	return partsOf(resources.Outputs)
}

// The engine writes its record while the program runs, and where that is a file, it may be found half written: then the
// engine is asked again, for two seconds in all.
const (
	halfWritten = "failed to load checkpoint" // in the error of the engine
	maxAsks     = 20
	askEvery    = 100 * time.Millisecond
)

// ask calls one of the engine's functions on the record of a stack.
func ask(ctx *pulumi.Context, function string, about map[string]any, answer any) error {
	for n := 1; ; n++ {
		_, err := ctx.InvokePackageRaw(function, about, answer, "")
		if err == nil || n == maxAsks || !strings.Contains(err.Error(), halfWritten) {
			return err
		}
		if err := wait.For(ctx.Context(), askEvery); err != nil {
			return err
		}
	}
}

// The engine's functions on the record of a stack. The first is what a stack reference calls.
const (
	readStackOutputs   = "pulumi:pulumi:readStackOutputs"
	readStackResources = "pulumi:pulumi:readStackResourceOutputs"
)

// ownName is the stack's name as the engine's backend finds it. Pulumi Cloud wants the organization and the project;
// every other backend has no organizations, for which the SDK says "organization", and the older ones refuse a project.
func ownName(ctx *pulumi.Context) string {
	if ctx.Organization() == "organization" {
		return ctx.Stack()
	}
	return ctx.Organization() + "/" + ctx.Project() + "/" + ctx.Stack()
}

// deployedResource is a resource in the engine's record, as far as a table needs it.
type deployedResource struct {
	Type    string `pulumi:"type"`
	Outputs struct {
		Name any `pulumi:"name"`
		ARN  any `pulumi:"arn"`
		Tags any `pulumi:"tags"`
	} `pulumi:"outputs"`
}

// partsOf returns the parts whose tables are among the resources, each once: the control planes first, then the cells.
// A part without any table holds nothing.
func partsOf(resources map[string]deployedResource) ([]part, error) {
	found := map[part]bool{}
	for urn, r := range resources {
		if r.Type != "aws:dynamodb/table:Table" {
			continue
		}
		name, _ := r.Outputs.Name.(string)
		text, _ := r.Outputs.ARN.(string)
		parsed, err := arn.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("read %s in the engine's record of the stack: its ARN is %q: %w", urn, text, err)
		}
		tags, _ := r.Outputs.Tags.(map[string]any)
		cell, _ := tags["Cell"].(string)
		deployment, ok := deploymentOf(name, cell)
		if !ok {
			return nil, fmt.Errorf("read %s in the engine's record of the stack: the program makes no table %q of cell %q", urn, name, cell)
		}
		found[part{deployment, parsed.Region, cell}] = true
	}
	parts := make([]part, 0, len(found))
	for p := range found {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Deployment, b.Deployment), cmp.Compare(a.Region, b.Region))
	})
	return parts, nil
}

// deploymentOf returns the deployment that a table belongs to, whose name is what the table's starts with. cell is ""
// for a table of the control plane.
func deploymentOf(table, cell string) (naming.Stack, bool) {
	var none naming.Stack
	ends := []string{none.MappingTable(), none.CellTable(), none.MoveTable(), none.AuditTable()}
	if cell != "" {
		ends = []string{none.Cell(cell).DataTable(), none.Cell(cell).ResultsTable(), none.Cell(cell).CountersTable()}
	}
	for _, end := range ends {
		if deployment, ok := strings.CutSuffix(table, end); ok && deployment != "" {
			return naming.Stack(deployment), true
		}
	}
	return "", false
}
