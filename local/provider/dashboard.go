package provider

import (
	"context"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/cloudwatch"

	localcloudwatch "cellular/local/cloudwatch"
)

// dashboardGone are the codes with which CloudWatch says that there is no dashboard: by protocol.
var dashboardGone = []string{"DashboardNotFoundError", "ResourceNotFound"}

var dashboardKind = &kind{
	token: "aws:cloudwatch/dashboard:Dashboard",
	args:  elementOf(cloudwatch.DashboardArgs{}),
	state: reflect.TypeFor[cloudwatch.Dashboard](),
	rules: map[string]rule{
		"dashboardName": named(`A-Za-z0-9_\-`, 1, 255),
		"dashboardBody": text(localcloudwatch.CheckDashboard),
	},
	replaceOn: []string{"dashboardName"},
	create: func(ctx context.Context, c *clients, r request) (string, values, error) {
		name := r.in.str("dashboardName")
		if err := c.putDashboard(ctx, r.in); err != nil {
			return "", nil, err
		}
		found, err := c.describeDashboard(ctx, name)
		return name, found, err
	},
	read: func(ctx context.Context, c *clients, r request) (values, error) {
		return c.describeDashboard(ctx, r.id)
	},
	update: func(ctx context.Context, c *clients, r request) (values, error) {
		return nil, c.putDashboard(ctx, r.in)
	},
	remove: func(ctx context.Context, c *clients, r request) error {
		_, err := c.cloudwatch.DeleteDashboards(ctx, &awscloudwatch.DeleteDashboardsInput{DashboardNames: []string{r.id}})
		return gone(err, dashboardGone...)
	},
}

func (c *clients) putDashboard(ctx context.Context, in props) error {
	_, err := c.cloudwatch.PutDashboard(ctx, &awscloudwatch.PutDashboardInput{
		DashboardName: aws.String(in.str("dashboardName")), DashboardBody: aws.String(in.str("dashboardBody")),
	})
	return err
}

func (c *clients) describeDashboard(ctx context.Context, name string) (values, error) {
	out, err := c.cloudwatch.GetDashboard(ctx, &awscloudwatch.GetDashboardInput{DashboardName: &name})
	if err != nil {
		return nil, gone(err, dashboardGone...)
	}
	return values{"dashboardName": name, "dashboardArn": aws.ToString(out.DashboardArn), "dashboardBody": aws.ToString(out.DashboardBody)}, nil
}
