package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	cellulariam "cellular/internal/model/iam"
	"cellular/internal/model/naming"
	"cellular/internal/operator/fleet"
	"cellular/internal/operator/operatorpolicy"
	"cellular/local/awsapi"
	"cellular/local/gate"
)

// operatorRole is the role of those who work on the deployment with cellctl. Its policies are what 'cellctl iam-policy' prints for
// it, and what lets them be paged: nobody has other credentials here.
const operatorRole = StackName + "-cellctl-operator"

const operatorRoleARN = "arn:aws:iam::" + gate.Account + ":role/" + operatorRole

// operatorSession names the operator's session of that role.
const operatorSession = "operator"

// Operator reaches the cloud with the rights of cellctl. It has none before the first Up.
func (c *Cloud) Operator() aws.Config { return c.as(operatorRoleARN, operatorSession) }

func (c *Cloud) as(roleARN, session string) aws.Config {
	config := c.AWS.Copy()
	config.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return c.gate.Assume(roleARN, session)
	})
	return config
}

// Scope is the deployment as the policies of its operators are about it.
func (c *Cloud) Scope(ctx context.Context) (operatorpolicy.Scope, error) {
	return c.scope(ctx, naming.Stack(StackName))
}

func (c *Cloud) scope(ctx context.Context, deployment naming.Stack) (operatorpolicy.Scope, error) {
	f, err := fleet.Load(ctx, ssm.NewFromConfig(c.AWS), deployment)
	if err != nil {
		return operatorpolicy.Scope{}, err
	}
	cells, err := f.Cells(ctx)
	return operatorpolicy.Scope{
		Partition: "aws", Region: c.AWS.Region, Account: gate.Account,
		Stack: f.Stack, ControlPlane: f.ControlPlane, Router: f.Router, Cells: cells,
	}, err
}

// operators keeps the rights of the operators' role those that cellctl needs of the deployments as they are: pulumi changes
// them from other terminals, too.
type operators struct {
	mu    sync.Mutex
	stale atomic.Bool // something has been published since the rights were given
}

// keepGranted is in front of the gate. Rights are given when the operator comes: a deployment publishes each part for itself, and
// while it does, nothing is complete.
func (c *Cloud) keepGranted(next http.Handler) http.Handler {
	principal := "assumed-role/" + operatorRole + "/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.operators.stale.Load() && strings.Contains(c.gate.PrincipalOf(awsapi.AccessKey(r.Context())), principal) {
			if err := c.grantOperator(r.Context()); err != nil {
				fmt.Fprintln(c.denials, err) // what is not granted is refused, and the log has both
			}
		}
		next.ServeHTTP(w, r)
		if r.Header.Get("X-Amz-Target") == "AmazonSSM.PutParameter" {
			c.operators.stale.Store(true)
		}
	})
}

// grantOperator gives the operators' role what cellctl needs of the deployments as they are now.
func (c *Cloud) grantOperator(ctx context.Context) error {
	c.operators.mu.Lock()
	defer c.operators.mu.Unlock()
	if !c.operators.stale.Swap(false) {
		return nil
	}
	if err := c.tryGrantOperator(ctx); err != nil {
		c.operators.stale.Store(true)
		return fmt.Errorf("grant the operators' role its rights: %w", err)
	}
	return nil
}

func (c *Cloud) tryGrantOperator(ctx context.Context) error {
	client := iam.NewFromConfig(c.AWS)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + gate.Account + `:root"},"Action":"sts:AssumeRole"}]}`
	_, err := client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String(operatorRole), AssumeRolePolicyDocument: &trust})
	if err != nil && !errors.As(err, new(*types.EntityAlreadyExistsException)) {
		return err
	}
	deployments, err := c.deployments(ctx)
	if err != nil {
		return err
	}
	for _, deployment := range deployments {
		scope, err := c.scope(ctx, deployment)
		if errors.Is(err, fleet.ErrNoStack) {
			continue // it has no control plane or router yet, or no longer
		}
		if err != nil {
			return err
		}
		for name, statements := range map[string][]cellulariam.Statement{
			"read": operatorpolicy.Reader(scope), "operate": operatorpolicy.Operator(scope), "pages": operatorpolicy.Pages(scope),
		} {
			text, err := cellulariam.Document(statements...)
			if err != nil {
				return err
			}
			if _, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
				RoleName: aws.String(operatorRole), PolicyName: aws.String(string(deployment) + "-" + name), PolicyDocument: &text,
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// deployments are those of which something has published itself.
func (c *Cloud) deployments(ctx context.Context) ([]naming.Stack, error) {
	var found []naming.Stack
	pages := ssm.NewGetParametersByPathPaginator(ssm.NewFromConfig(c.AWS), &ssm.GetParametersByPathInput{
		Path: aws.String("/cellular"), Recursive: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Parameters {
			name, _, _ := strings.Cut(strings.TrimPrefix(*p.Name, "/cellular/"), "/")
			if !slices.Contains(found, naming.Stack(name)) {
				found = append(found, naming.Stack(name))
			}
		}
	}
	return found, nil
}

// As reaches the cloud with the rights of a role, for those who try what it may do.
func (c *Cloud) As(roleARN string) aws.Config { return c.as(roleARN, "trial") }

// Calls are the distinct calls that the deployed policies have allowed so far: those of the functions' roles, of the
// operators' role, and of services. The administrator's are not among them.
func (c *Cloud) Calls() []gate.Call { return c.gate.Calls() }

// Denied are the distinct calls that the deployed policies did not allow so far.
func (c *Cloud) Denied() []gate.Call { return c.gate.Denied() }
