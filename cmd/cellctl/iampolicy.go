package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/iam"
	"cellular/internal/operator/operatorpolicy"
)

func newIAMPolicy(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "iam-policy",
		Short: "Print the IAM policies that cellctl's commands need",
		Example: `  cellctl iam-policy read
  cellctl iam-policy operate --any-cell`,
		Args: cli.NoArgs,
		RunE: cli.Help,
	}
	cmd.AddCommand(
		newIAMPolicyOf(a, "read", "Print the policy for the commands that only look",
			"read prints the policy for the commands that only look.", operatorpolicy.Reader),
		newIAMPolicyOf(a, "operate", "Print the policy for the commands that change something",
			`operate prints what the commands that change something need besides the policy that 'cellctl iam-policy read' prints:
an operator has both. Looking into a DLQ is one of these commands, because it takes the messages for a moment.`, operatorpolicy.Operator),
	)
	return cmd
}

func newIAMPolicyOf(a *app, use, short, long string, statements func(operatorpolicy.Scope) []iam.Statement) *cobra.Command {
	var anyCell bool
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long: long + `

The policy names the resources of the cells that there are now: print it again when a cell is added. With --any-cell it
has patterns of names instead, which fit the cells to come, and is shorter.`,
		Example: fmt.Sprintf(`  cellctl iam-policy %[1]s > %[1]s.json
  aws iam create-policy --policy-name cellctl-%[1]s --policy-document "$(cellctl iam-policy %[1]s --any-cell)"`, use),
		Args: cli.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.printPolicy(cmd.Context(), anyCell, statements) },
	}
	cmd.Flags().BoolVar(&anyCell, "any-cell", false, "allow the same for any cell of the stack, by patterns of names")
	return onlyLooks(cmd)
}

// printPolicy prints a policy, which is JSON whatever --output is.
func (a *app) printPolicy(ctx context.Context, anyCell bool, statements func(operatorpolicy.Scope) []iam.Statement) error {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	scope, err := s.scope(ctx)
	if err != nil {
		return err
	}
	scope.AnyCell = anyCell
	all := statements(scope)
	text, err := iam.Document(all...)
	if err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, indented.String())
	for _, statement := range all {
		if len(statement.Resources) == 1 && statement.Resources[0] == "*" {
			a.note("AWS has no resources to limit these to: %s.", strings.Join(statement.Actions, ", "))
		}
	}
	if len(text) > operatorpolicy.MaxManaged {
		a.note("The policy has %d characters, and a managed policy may have %d: add --any-cell, or use it as an inline policy of a role, which may have 10240.",
			len(text), operatorpolicy.MaxManaged)
	}
	return nil
}

// scope is the deployment as policies are about it.
func (s *session) scope(ctx context.Context) (operatorpolicy.Scope, error) {
	identity, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return operatorpolicy.Scope{}, fmt.Errorf("find out the account: %w", err)
	}
	caller, err := arn.Parse(aws.ToString(identity.Arn))
	if err != nil {
		return operatorpolicy.Scope{}, fmt.Errorf("find out the account: the caller is %q: %w", aws.ToString(identity.Arn), err)
	}
	cells, err := s.Cells(ctx)
	if err != nil {
		return operatorpolicy.Scope{}, err
	}
	return operatorpolicy.Scope{
		Partition: caller.Partition, Region: s.region, Account: aws.ToString(identity.Account),
		Stack: s.Stack, ControlPlane: s.ControlPlane, Router: s.Router, Cells: cells,
	}, nil
}
