// Package dashboard builds the deployment's two CloudWatch dashboards, that of the fleet and that of one cell, and the saved
// queries with which operators ask the logs.
//
// No dashboard and no query names a cell (I3): the graphs of the fleet search for what every cell writes, the dashboard of a cell has
// a variable in which its reader picks one, and a saved query leaves the log groups to whoever runs it. A new cell appears by
// itself, and no resource here changes.
//
// Fleet and Cell are pure functions of names and configuration, so that tests and the local cloud need no Pulumi for them.
package dashboard

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"cellular/internal/model/config"
	"cellular/internal/model/naming"
)

// TypeToken is the component's Pulumi type.
const TypeToken = "cellular:dashboard:Dashboards"

// Args configures the component.
type Args struct {
	// Stack gives the dashboards, and what they show, their names. Required.
	Stack naming.Stack
	// Alarms has the thresholds that are drawn. Required.
	Alarms config.Alarms
	// Probe says whether there are metrics of a probe to be drawn, and how often. Required.
	Probe config.Probe
	// APIID is the id of the router's HTTP API. Required.
	APIID pulumi.StringInput
	// MappingTableARN says in which account and Region the deployment is. Required.
	MappingTableARN pulumi.StringInput
}

// Validate returns everything that is wrong with the arguments, joined.
func (a *Args) Validate() error {
	if a == nil {
		return errors.New("args are required")
	}
	var errs []error
	if a.APIID == nil {
		errs = append(errs, errors.New("the API's id is required"))
	}
	if a.MappingTableARN == nil {
		errs = append(errs, errors.New("the mapping table's ARN is required"))
	}
	return errors.Join(append(errs, config.Config{Deployment: a.Stack, Probe: a.Probe, Alarms: a.Alarms}.CheckDashboards())...)
}

// Dashboards are the dashboards and the saved queries of a deployment.
type Dashboards struct {
	pulumi.ResourceState
}

// New registers the dashboards and the queries. opts apply to the component.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Dashboards, error) {
	if err := args.Validate(); err != nil {
		return nil, fmt.Errorf("dashboards %s: %w", name, err)
	}
	c := &Dashboards{}
	if err := ctx.RegisterComponentResource(TypeToken, name, c, opts...); err != nil {
		return nil, fmt.Errorf("dashboards %s: register: %w", name, err)
	}
	for _, page := range []struct {
		child, name string
		body        func(Deployment) (string, error)
	}{
		{"fleet", args.Stack.FleetDashboard(), Fleet},
		{"cell", args.Stack.CellDashboard(), Cell},
	} {
		if _, err := cloudwatch.NewDashboard(ctx, name+"-"+page.child, &cloudwatch.DashboardArgs{
			DashboardName: pulumi.String(page.name),
			DashboardBody: pulumi.All(args.APIID, args.MappingTableARN).ApplyT(func(known []any) (string, error) {
				return page.body(args.deployment(known[0].(string), known[1].(string)))
			}).(pulumi.StringOutput),
		}, pulumi.Parent(c)); err != nil {
			return nil, fmt.Errorf("dashboards %s: create %s: %w", name, page.child, err)
		}
	}
	for _, q := range Queries() {
		if _, err := cloudwatch.NewQueryDefinition(ctx, name+"-query-"+q.Name, &cloudwatch.QueryDefinitionArgs{
			Name:          pulumi.String(args.Stack.Query(q.Name)),
			QueryString:   pulumi.String("# " + q.Question + "\n" + q.Text),
			LogGroupNames: pulumi.ToStringArray(q.groups(args.Stack)),
		}, pulumi.Parent(c)); err != nil {
			return nil, fmt.Errorf("dashboards %s: save query %s: %w", name, q.Name, err)
		}
	}
	if err := ctx.RegisterResourceOutputs(c, pulumi.Map{}); err != nil {
		return nil, fmt.Errorf("dashboards %s: register outputs: %w", name, err)
	}
	return c, nil
}

// Deployment is what the dashboards need to know of a deployment.
type Deployment struct {
	Stack                      naming.Stack
	Alarms                     config.Alarms
	Probe                      config.Probe
	APIID                      string
	Partition, Region, Account string
}

// deployment takes the place of the deployment out of the ARN of something there.
func (a *Args) deployment(apiID, arn string) Deployment {
	parts := strings.SplitN(arn, ":", 6) // arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
	return Deployment{Stack: a.Stack, Alarms: a.Alarms, Probe: a.Probe, APIID: apiID, Partition: parts[1], Region: parts[3], Account: parts[4]}
}

func (d Deployment) alarmARNs(names ...string) []string {
	arns := make([]string, len(names))
	for i, name := range names {
		arns[i] = fmt.Sprintf("arn:%s:cloudwatch:%s:%s:alarm:%s", d.Partition, d.Region, d.Account, name)
	}
	return arns
}
