// Package cellpages lists the manifests that the cells of a deployment publish in SSM. No other list of cells exists.
package cellpages

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/time/rate"

	"cellular/internal/model/manifest"
)

// SSM is the part of the client that is needed.
type SSM interface {
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
}

// Size is how many parameters one GetParametersByPath returns at most, from its API reference. A thousand cells are a
// hundred calls, one after the other.
const Size = 10

// perSecond is four fifths of the requests for parameters that SSM answers a second in an account and Region, from the quotas
// of Systems Manager. The first atOnce do not wait.
const (
	perSecond = 32
	atOnce    = 4
)

// Entry is a parameter in which a cell publishes itself.
type Entry struct {
	Name string
	Text string
}

// ID is the cell's id as the parameter's name has it.
func (e Entry) ID() string { return e.Name[strings.LastIndex(e.Name, "/")+1:] }

// Cell reads the manifest. Its error names the parameter.
func (e Entry) Cell() (manifest.Cell, error) {
	c, err := manifest.Parse(e.Text)
	if err == nil && c.ID != e.ID() {
		err = fmt.Errorf("it is about cell %s", c.ID)
	}
	if err != nil {
		return manifest.Cell{}, fmt.Errorf("parameter %s: %w", e.Name, err)
	}
	return c, nil
}

// Each calls do with the cells' entries under a path, a page at a time, in the order of SSM, until it returns an error.
func Each(ctx context.Context, client SSM, path string, do func([]Entry) error) error {
	in := &ssm.GetParametersByPathInput{Path: &path, MaxResults: aws.Int32(Size)}
	pace := rate.NewLimiter(perSecond, atOnce)
	for {
		if err := pace.Wait(ctx); err != nil {
			return fmt.Errorf("list the cells under %s: %w", path, err)
		}
		out, err := client.GetParametersByPath(ctx, in)
		if err != nil {
			return fmt.Errorf("list the cells under %s: %w", path, err)
		}
		page := make([]Entry, 0, len(out.Parameters))
		for _, p := range out.Parameters {
			page = append(page, Entry{Name: aws.ToString(p.Name), Text: aws.ToString(p.Value)})
		}
		if err := do(page); err != nil {
			return err
		}
		if aws.ToString(out.NextToken) == "" {
			return nil
		}
		in.NextToken = out.NextToken
	}
}
