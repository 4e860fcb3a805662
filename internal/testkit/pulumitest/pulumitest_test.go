package pulumitest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/dynamodb"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/s3"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/sqs"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"

	"cellular/internal/testkit/pulumitest"
)

const (
	tableType     = "aws:dynamodb/table:Table"
	queueType     = "aws:sqs/queue:Queue"
	policyType    = "aws:sqs/queuePolicy:QueuePolicy"
	componentType = "cellular:test:Part"
)

// part is a component with a protected table, and a queue policy that takes its queue from another resource.
func part(ctx *pulumi.Context) error {
	provider, err := pulumitest.Provider(ctx, "explicit")
	if err != nil {
		return err
	}
	var comp pulumi.ResourceState
	if err := ctx.RegisterComponentResource(componentType, "part", &comp, pulumi.Provider(provider)); err != nil {
		return err
	}
	if _, err := dynamodb.NewTable(ctx, "part-table", &dynamodb.TableArgs{
		Name: pulumi.String("the-table"), StreamEnabled: pulumi.Bool(true),
	}, pulumi.Parent(&comp), pulumi.Protect(true), pulumi.DeleteBeforeReplace(true),
		pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("old-table")}})); err != nil {
		return err
	}
	queue, err := sqs.NewQueue(ctx, "part-queue", nil, pulumi.Parent(&comp))
	if err != nil {
		return err
	}
	_, err = sqs.NewQueuePolicy(ctx, "part-policy", &sqs.QueuePolicyArgs{
		QueueUrl: queue.Url, Policy: pulumi.Sprintf(`{"Resource":"%s"}`, queue.Arn),
	}, pulumi.Parent(&comp))
	return err
}

func TestComputedOutputsReachTheResourcesThatUseThem(t *testing.T) {
	r := pulumitest.Run(t, part)
	policy := r.Only(t, policyType)
	require.Regexp(t, `^https://sqs\.us-gov-west-1\.amazonaws\.com/210987654321/part-queue-[0-9a-f]{7}$`, policy.Str(t, "queueUrl"))
	var document struct{ Resource string }
	policy.JSON(t, "policy", &document)
	require.Regexp(t, `^arn:aws-us-gov:sqs:us-gov-west-1:210987654321:part-queue-[0-9a-f]{7}$`, document.Resource)
	require.True(t, policy.DependsOn(r.Only(t, queueType)))
	require.False(t, policy.DependsOn(r.Only(t, tableType)))
}

func TestOptionsAreRecorded(t *testing.T) {
	r := pulumitest.Run(t, part)
	table := r.Named(t, tableType, "part-table")
	require.True(t, table.Protect)
	require.True(t, table.DeleteBeforeReplace)
	require.Equal(t, "explicit", table.Provider)
	require.Equal(t, r.Only(t, componentType).URN, table.Parent)
	require.Len(t, table.Aliases, 1)
	require.Contains(t, table.Aliases[0], "old-table")
	require.False(t, r.Only(t, queueType).Protect)
	require.Same(t, table.Request, r.WithInput(t, tableType, "name", "the-table").Request)
}

func TestADryRunLeavesWhatTheCloudKnowsUnknown(t *testing.T) {
	r := pulumitest.Run(t, part, pulumitest.DryRun())
	policy := r.Only(t, policyType)
	require.True(t, policy.Unknown("queueUrl"))
	require.True(t, policy.Unknown("policy"))
	require.Equal(t, "the-table", r.Only(t, tableType).Str(t, "name"))
	require.Equal(t, "explicit", policy.Provider)
	require.False(t, pulumitest.Run(t, part).Only(t, policyType).Unknown("queueUrl"))
}

func TestADryRunCopesWithAParameterOfUnknownValue(t *testing.T) {
	program := func(ctx *pulumi.Context) error {
		queue, err := sqs.NewQueue(ctx, "queue", nil)
		if err != nil {
			return err
		}
		_, err = ssm.NewParameter(ctx, "parameter", &ssm.ParameterArgs{Type: pulumi.String("String"), Value: queue.Url})
		return err
	}
	parameter := pulumitest.Run(t, program, pulumitest.DryRun()).Only(t, "aws:ssm/parameter:Parameter")
	require.True(t, parameter.Unknown("value"))
	r := pulumitest.Run(t, program)
	require.Contains(t, r.Only(t, "aws:ssm/parameter:Parameter").Str(t, "value"), "/queue-")
}

func TestKnownFunctionsAreAnswered(t *testing.T) {
	r := pulumitest.Run(t, func(ctx *pulumi.Context) error {
		id, err := aws.GetCallerIdentity(ctx, nil)
		if err != nil {
			return err
		}
		p, err := aws.GetPartition(ctx, nil)
		if err != nil {
			return err
		}
		reg, err := aws.GetRegion(ctx, nil)
		if err != nil {
			return err
		}
		_, err = sqs.NewQueue(ctx, fmt.Sprintf("%s/%s/%s", p.Partition, reg.Name, id.AccountId), nil)
		return err
	})
	require.Equal(t, "aws-us-gov/us-gov-west-1/210987654321", r.Only(t, queueType).Name)
}

func TestUnknownTypesAndFunctionsAreErrors(t *testing.T) {
	_, err := pulumitest.RunErr(func(ctx *pulumi.Context) error {
		_, err := s3.NewBucketV2(ctx, "bucket", nil)
		return err
	})
	require.ErrorContains(t, err, "not a type that the program may register")

	_, err = pulumitest.RunErr(func(ctx *pulumi.Context) error {
		_, err := iam.GetPolicyDocument(ctx, &iam.GetPolicyDocumentArgs{})
		return err
	})
	require.ErrorContains(t, err, "not one that the program may call")
}

// complaints is a testing.TB that remembers what is reported to it.
type complaints struct {
	testing.TB
	text []string
}

func (c *complaints) Helper()                   {}
func (c *complaints) Errorf(f string, a ...any) { c.text = append(c.text, fmt.Sprintf(f, a...)) }
func (c *complaints) String() string            { return strings.Join(c.text, "\n") }

func TestAssertionsPassOnASoundProgram(t *testing.T) {
	r := pulumitest.Run(t, part)
	r.AssertAllDescendFrom(t, r.Only(t, componentType))
	r.AssertNoDefaultProvider(t)
	r.AssertNoDuplicateURN(t)
}

func TestAssertionsReportEveryOffender(t *testing.T) {
	r := pulumitest.Run(t, func(ctx *pulumi.Context) error {
		if err := part(ctx); err != nil {
			return err
		}
		for _, name := range []string{"orphan", "twin", "twin"} {
			if _, err := sqs.NewQueue(ctx, name, nil); err != nil {
				return err
			}
		}
		_, err := aws.GetPartition(ctx, nil)
		return err
	})
	var c complaints
	r.AssertAllDescendFrom(&c, r.Only(t, componentType))
	require.Len(t, c.text, 3)
	require.Contains(t, c.String(), "orphan")

	c = complaints{}
	r.AssertNoDefaultProvider(&c)
	require.Len(t, c.text, 4)
	require.Contains(t, c.String(), "getPartition")

	c = complaints{}
	r.AssertNoDuplicateURN(&c)
	require.Len(t, c.text, 1)
	require.Contains(t, c.String(), "twin")
}

func TestAssertionsFailWhenNothingWasObserved(t *testing.T) {
	r := pulumitest.Run(t, func(ctx *pulumi.Context) error {
		var comp pulumi.ResourceState
		return ctx.RegisterComponentResource(componentType, "empty", &comp)
	})
	empty := pulumitest.Run(t, func(*pulumi.Context) error { return nil })
	for name, check := range map[string]func(testing.TB){
		"descend":  func(t testing.TB) { r.AssertAllDescendFrom(t, r.Resources()[0]) },
		"provider": r.AssertNoDefaultProvider,
		"urn":      empty.AssertNoDuplicateURN,
		"golden":   func(t testing.TB) { empty.AssertGolden(t, "testdata/none.golden") },
	} {
		var c complaints
		check(&c)
		require.Contains(t, c.String(), "nothing was observed", name)
	}
}

func TestGoldenFileNoticesARemovedName(t *testing.T) {
	golden := filepath.Join(t.TempDir(), "dir", "part.golden")
	r := pulumitest.Run(t, part)
	t.Setenv(pulumitest.UpdateGolden, "1")
	r.AssertGolden(t, golden)
	t.Setenv(pulumitest.UpdateGolden, "")
	r.AssertGolden(t, golden)

	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	line := "aws:dynamodb/table:Table part-table | under cellular:test:Part part | provider explicit | protect | alias "
	require.Contains(t, string(data), line)

	require.NoError(t, os.WriteFile(golden, append(data, "aws:sqs/queue:Queue gone | under the stack\n"...), 0o600))
	var c complaints
	r.AssertGolden(&c, golden)
	require.Contains(t, c.String(), "DELETE of live infrastructure")
	require.Contains(t, c.String(), "gone:\n  aws:sqs/queue:Queue gone")
}
