package health

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Roles is the part of IAM's client that is needed.
type Roles interface {
	ListRolePolicies(context.Context, *iam.ListRolePoliciesInput, ...func(*iam.Options)) (*iam.ListRolePoliciesOutput, error)
	GetRolePolicy(context.Context, *iam.GetRolePolicyInput, ...func(*iam.Options)) (*iam.GetRolePolicyOutput, error)
	GetAccountSummary(context.Context, *iam.GetAccountSummaryInput, ...func(*iam.Options)) (*iam.GetAccountSummaryOutput, error)
}

// The longest policies, in characters: a role's inline policies together, from the quotas of IAM, and a table's resource
// policy, from the quotas of DynamoDB.
const (
	maxRolePolicies = 10_240
	maxTablePolicy  = 20 << 10
)

// nearlyFull is when a word is due about what has a limit: four fifths of it are used.
func nearlyFull(used, limit int) bool { return used*5 > limit*4 }

const (
	admissionCheck  = "table policy"
	rolePolicyCheck = "role policy"
)

// document is as much of a policy as an admission is made of.
type document struct {
	Statement []struct {
		Effect    string
		Principal struct{ AWS oneOrMore }
		Action    oneOrMore
	}
}

// oneOrMore is a value that a policy writes as itself or as a list.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(o))
}

// admits says which of the actions the document allows a principal.
func (d document) admits(principal string) (actions []string) {
	for _, s := range d.Statement {
		if s.Effect == "Allow" && slices.Contains(s.Principal.AWS, principal) {
			actions = append(actions, s.Action...)
		}
	}
	return actions
}

// admission examines whether a cell's table lets the router's role in. Where the role was made anew, AWS shows the old
// one's id in the place of its ARN, and the router is locked out.
func (d Doctor) admission(ctx context.Context, p published, table string, actions ...string) []Finding {
	if p.router == nil {
		return nil
	}
	l := d.look(admissionCheck, table)
	out, err := d.DynamoDB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return nil // the table's own check says so
	}
	policy, err := d.DynamoDB.GetResourcePolicy(ctx, &dynamodb.GetResourcePolicyInput{ResourceArn: out.Table.TableArn})
	if absent := (*types.PolicyNotFoundException)(nil); errors.As(err, &absent) {
		l.fail("it has no resource policy: the router cannot reach the cell")
		return l.findings
	}
	if err != nil {
		l.unseen(err)
		return l.findings
	}
	text := aws.ToString(policy.Policy)
	var doc document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		l.fail("its resource policy cannot be read: %v", err)
		return l.findings
	}
	admitted := doc.admits(p.router.Role)
	for _, action := range actions {
		if !slices.Contains(admitted, action) {
			l.fail("its resource policy does not allow %s to %s", p.router.Role, action)
		}
	}
	if nearlyFull(len(text), maxTablePolicy) {
		l.warn("its resource policy has %d of at most %d characters", len(text), maxTablePolicy)
	}
	return l.end("admits the router")
}

// rolePolicies examines the room in the router's role. Nothing in it is about cells, so it does not grow with them.
func (d Doctor) rolePolicies(ctx context.Context, p published) []Finding {
	l := d.look(rolePolicyCheck, p.router.Role)
	l.fix = "move statements into a managed policy"
	size, err := d.rolePolicySize(ctx, p.router.Role)
	switch {
	case err != nil:
		l.fix = d.deployAgain()
		l.unseen(err)
	case nearlyFull(size, maxRolePolicies):
		l.warn("its inline policies have %d of at most %d characters", size, maxRolePolicies)
	}
	return l.end("its inline policies have %d of at most %d characters", size, maxRolePolicies)
}

func (d Doctor) rolePolicySize(ctx context.Context, roleARN string) (int, error) {
	parsed, err := arn.Parse(roleARN)
	if err != nil {
		return 0, err
	}
	role := lastSegment(parsed.Resource)
	size := 0
	in := &iam.ListRolePoliciesInput{RoleName: &role}
	for {
		page, err := d.IAM.ListRolePolicies(ctx, in)
		if err != nil {
			return 0, err
		}
		for _, name := range page.PolicyNames {
			out, err := d.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if err != nil {
				return 0, err
			}
			text, err := url.PathUnescape(aws.ToString(out.PolicyDocument)) // IAM answers it URL-encoded
			if err != nil {
				text = aws.ToString(out.PolicyDocument)
			}
			size += len(text)
		}
		if !page.IsTruncated {
			return size, nil
		}
		in.Marker = page.Marker
	}
}
