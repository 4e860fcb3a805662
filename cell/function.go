package cell

import (
	"maps"

	awsiam "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/functions/deploy"
	"cellular/internal/model/env"
	"cellular/internal/model/iam"
)

type roles struct{ producer, consumer *awsiam.Role }

// newRoles registers a role for each function, before anything that names the role in its own policy.
func (b *builder) newRoles() (roles, error) {
	producer, err := b.newRole("producer", b.names.ProducerRole())
	if err != nil {
		return roles{}, err
	}
	consumer, err := b.newRole("consumer", b.names.ConsumerRole())
	if err != nil {
		return roles{}, err
	}
	return roles{producer: producer, consumer: consumer}, nil
}

func (b *builder) newRole(part, name string) (*awsiam.Role, error) {
	return deploy.NewRole(b.ctx, deploy.Role{Resource: b.child(part + "-role"), Name: name, Tags: b.tags}, b.childOpts)
}

// functionSpec is what one function has for itself.
type functionSpec struct {
	part        string // producer or consumer
	name        string
	zip         string
	role        *awsiam.Role
	reserved    int               // concurrency; 0 reserves none
	environment pulumi.StringMap  // variables that come from other resources; newFunction adds those of every function
	settings    map[string]string // further variables

	// grants are the role's statements but for logs and traces, made of the values of grantsOn.
	grants   func(arn []string) []iam.Statement
	grantsOn []pulumi.StringInput
}

// newFunction registers a function of the cell.
func (b *builder) newFunction(spec functionSpec) (deploy.Function, error) {
	f := b.args.Functions
	maps.Copy(spec.environment, pulumi.StringMap{
		env.CellID:           pulumi.String(b.args.ID),
		env.MetricsNamespace: pulumi.String(b.args.Stack.MetricsNamespace()),
		env.LogLevel:         pulumi.String(f.LogLevel),
	})
	return deploy.NewFunction(b.ctx, deploy.Spec{
		Resources: deploy.Resources{
			Function: b.child(spec.part), LogGroup: b.child(spec.part + "-logs"), Policy: b.child(spec.part + "-role-policy"),
		},
		Name: spec.name, Zip: spec.zip, Role: spec.role, PolicyName: spec.part,
		Grants: spec.grants, GrantsOn: spec.grantsOn,
		Environment: spec.environment, Configured: spec.settings, Settings: f, Memory: f.Memory, Timeout: f.Timeout, Reserved: spec.reserved,
		SystemLogLevel: "INFO", Tags: b.tags,
	}, b.childOpts)
}
