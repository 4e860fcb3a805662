package local

import (
	"cellular/local/cloudwatch/picture"
	"cellular/local/loopback"
)

// ServeDashboards serves the cloud's dashboards as pages until the cloud is closed, and returns their address.
func (c *Cloud) ServeDashboards() (string, error) {
	server, err := loopback.Serve(loopback.Options{Handler: picture.Handler(c.CloudWatch())})
	if err != nil {
		return "", err
	}
	c.dashboards = server
	return server.URL(), nil
}
