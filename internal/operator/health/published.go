package health

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"cellular/internal/model/manifest"
	"cellular/internal/model/manifest/cellpages"
	"cellular/internal/operator/fleet"
)

// STS is the part of the client that is needed.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
}

// identity tells whose credentials these are, and where they lead.
func (d Doctor) identity(ctx context.Context) []Finding {
	l := d.look("credentials", d.Region)
	l.fix = "check --profile, the AWS_ variables and the clock of this machine"
	out, err := d.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	return l.end("%s in account %s", aws.ToString(out.Arn), aws.ToString(out.Account))
}

// published is what the deployment publishes of itself, as far as it could be read.
type published struct {
	control *manifest.ControlPlane // nil: unknown
	router  *manifest.Router       // nil: unknown
	cells   []manifest.Cell        // by wave and id
	listed  bool                   // cells are all that there are
}

// protected is whether the deployment is one that is kept: the setting is the same for all of its parts.
func (p published) protected() bool {
	return slices.ContainsFunc(p.cells, func(c manifest.Cell) bool { return c.Settings.Protect })
}

func (p published) ids() []string {
	ids := make([]string, len(p.cells))
	for i, c := range p.cells {
		ids[i] = c.ID
	}
	return ids
}

// standardBytes is the longest value of a standard SSM parameter, from PutParameter in its API reference.
const standardBytes = 4096

const manifestCheck = "manifest"

// published reads the manifests, each for itself: what the fleet refuses as a whole is what the operator wants to see in parts.
func (d Doctor) published(ctx context.Context) (p published, found []Finding) {
	global := func(name string, parse func(text string) error) {
		l := d.look(manifestCheck, name)
		out, err := d.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		switch {
		case hasCode(err, []string{"ParameterNotFound"}):
			l.add(Fail, "check --stack, --region and --profile; if it was deleted, "+d.deployAgain(), "it is not there")
		case err != nil:
			l.unseen(err)
		default:
			l.document(aws.ToString(out.Parameter.Value), parse)
		}
		found = append(found, l.end("complete")...)
	}
	global(d.Stack.ControlPlaneParameter(), func(text string) error {
		c, err := manifest.ParseControlPlane(text)
		if err == nil {
			p.control = &c
		}
		return err
	})
	global(d.Stack.RouterParameter(), func(text string) error {
		r, err := manifest.ParseRouter(text)
		if err == nil {
			p.router = &r
		}
		return err
	})
	return p, append(found, d.publishedCells(ctx, &p)...)
}

func (d Doctor) publishedCells(ctx context.Context, p *published) []Finding {
	path := d.Stack.CellParameters()
	all := d.look(manifestCheck, path)
	p.listed = true
	var found []Finding
	err := cellpages.Each(ctx, d.SSM, path, func(entries []cellpages.Entry) error {
		for _, e := range entries {
			l := d.look(manifestCheck, e.Name)
			l.document(e.Text, func(text string) error {
				c, err := manifest.Parse(text)
				if err != nil {
					p.listed = false
					return err
				}
				if own := d.Stack.Cell(c.ID).Parameter(); own != l.subject {
					l.fail("it is about cell %s, whose parameter is %s", c.ID, own)
				}
				p.cells = append(p.cells, c)
				return nil
			})
			found = append(found, l.end("complete")...)
		}
		d.progress("manifests of cells", len(p.cells), 0)
		return nil
	})
	if err != nil {
		p.listed = false
		all.unseen(err)
	}
	slices.SortFunc(p.cells, fleet.ByWave)
	if len(found) == 0 && p.listed {
		all.add(Warn, "add a cell to cellular:cells and deploy", "the stack has no cells")
	}
	return append(found, all.findings...)
}

// document examines one document and its size.
func (l *look) document(text string, parse func(text string) error) {
	if err := parse(text); err != nil {
		l.fail("%v", err)
	}
	if nearlyFull(len(text), standardBytes) {
		l.add(Warn, "make the parameter an advanced one before a later version adds to the manifest",
			"it has %d bytes of the %d that a standard parameter holds", len(text), standardBytes)
	}
}
