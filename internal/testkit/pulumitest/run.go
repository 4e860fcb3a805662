// Package pulumitest runs a Pulumi program without an engine and records what it registers, so that a test can
// assert on resources, their wiring and their options after the program has ended.
//
// The SDK's mocks check little: a computed output that a mock leaves out becomes a known "", no provider schema is
// consulted, and neither default providers nor duplicate URNs are noticed. So every computed output here is distinct
// and carries the resource's physical name, a type or a function that the program should not use is an error, and
// the rest are assertions on the Recorder.
package pulumitest

import (
	"maps"
	"testing"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/require"
)

// Where the recorded program is deployed. No value is the usual one, so that a partition, region or account that is
// written into the program shows up as a wrong ARN.
const (
	Partition = "aws-us-gov"
	Region    = "us-gov-west-1"
	Account   = "210987654321"

	dnsSuffix = "amazonaws.com"
)

// Project and Stack name a recorded program; WithStack changes the latter.
const (
	Project = "cellular"
	Stack   = "test"
)

type options struct {
	stack  string
	config map[string]string
	dryRun bool
	before *Recorder
	items  Items

	halfWritten int
}

// Option changes how Run runs the program.
type Option func(*options)

// DryRun runs the program as a preview: resources return their inputs and no computed output, so that everything
// that comes from a resource that does not exist yet is unknown.
func DryRun() Option { return func(o *options) { o.dryRun = true } }

// WithStack names the stack.
func WithStack(name string) Option { return func(o *options) { o.stack = name } }

// WithConfig sets stack config, keyed by namespace:key as in a stack's file; structured values are JSON.
func WithConfig(config map[string]string) Option {
	return func(o *options) { maps.Copy(o.config, config) }
}

// Run runs the program to its end and returns what it registered. The test stops if the program fails.
func Run(t testing.TB, program pulumi.RunFunc, opts ...Option) *Recorder {
	t.Helper()
	r, err := RunErr(program, opts...)
	require.NoError(t, err)
	return r
}

// RunErr is Run for a program that is meant to fail: it returns the program's error and what had been registered.
func RunErr(program pulumi.RunFunc, opts ...Option) (*Recorder, error) {
	o := options{stack: Stack, config: map[string]string{}}
	for _, opt := range opts {
		opt(&o)
	}
	r := &Recorder{stack: o.stack, dryRun: o.dryRun, before: o.before, items: o.items, halfWritten: o.halfWritten}
	if o.dryRun {
		program = previewable(program)
	}
	err := pulumi.RunErr(program, pulumi.WithMocks(Project, o.stack, r), func(info *pulumi.RunInfo) {
		info.DryRun = o.dryRun
		info.Config = o.config
	})
	return r, err
}

// Provider registers the explicit AWS provider that a program under test hands to its components.
func Provider(ctx *pulumi.Context, name string) (*aws.Provider, error) {
	return aws.NewProvider(ctx, name, &aws.ProviderArgs{Region: pulumi.String(Region)})
}
