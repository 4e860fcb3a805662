package main

import (
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"cellular/cmd/internal/cli"
	"cellular/internal/model/naming"
)

// The environment variables that cellctl itself reads. The AWS SDK reads its own.
const (
	envStack    = "CELLCTL_STACK"
	envNoColor  = "NO_COLOR"         // https://no-color.org: set, to anything, it turns colours off
	envEndpoint = "AWS_ENDPOINT_URL" // the SDK's: where it is not AWS that does not answer, cellctl says so
)

// options are the global flags.
type options struct {
	stackName string
	region    string
	profile   string
	output    string
	yes       bool
	noColor   bool
}

// The values of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

func (o *options) register(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&o.stackName, "stack", "", "name of the deployment: its Pulumi stack, or its cellular:deployment (default $"+envStack+")")
	flags.StringVar(&o.region, "region", "", "AWS Region (default what the AWS SDK finds)")
	flags.StringVar(&o.profile, "profile", "", "profile of the AWS configuration (default what the AWS SDK finds)")
	flags.StringVarP(&o.output, "output", "o", outputTable, "how to print: table or json")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask before acting")
	flags.BoolVar(&o.noColor, "no-color", false, "print without colours, as with "+envNoColor+" set")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputTable, outputJSON}, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"stack", "region", "profile"} {
		_ = root.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // it fails for a flag that does not exist
	}
}

func (o *options) validate() error {
	if o.output != outputTable && o.output != outputJSON {
		return cli.Usagef("--output is %q, want %s or %s", o.output, outputTable, outputJSON)
	}
	return nil
}

// stackPattern is what the stack's configuration allows a deployment to be called.
var stackPattern = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9_-]*\z`)

// stack is the deployment that the command is about.
func (o *options) stack() (naming.Stack, error) {
	name, from := o.stackName, "--stack"
	if name == "" {
		name, from = os.Getenv(envStack), envStack
	}
	if name == "" {
		return "", cli.Usagef("no stack given; name it with --stack or %s, 'pulumi stack ls' lists them", envStack)
	}
	if !stackPattern.MatchString(name) {
		return "", cli.Usagef("%s is %q, want letters, digits, - and _; 'pulumi stack ls' lists the stacks", from, name)
	}
	return naming.Stack(name), nil
}
