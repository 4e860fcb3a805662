package gateway

import (
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// IntegrationConfig is how an API calls a Lambda function.
type IntegrationConfig struct {
	Type                 string // AWS_PROXY, the only one
	Method               string // POST, the only one; empty means it
	URI                  string // ARN of the function, or its invoke ARN
	PayloadFormatVersion string // 2.0, the only one
	Description          string

	// Timeout is 50 ms to 30 s; zero means 30 s. The client gets 503 when it is over.
	Timeout time.Duration
}

// Integration is an integration of an API.
type Integration struct {
	ID     string
	Config IntegrationConfig

	function string // that the URI names
}

const (
	minIntegrationTimeout = 50 * time.Millisecond
	maxIntegrationTimeout = 30 * time.Second
)

// CreateIntegration adds an integration to an API.
func (g *Gateway) CreateIntegration(apiID string, c IntegrationConfig) (Integration, error) {
	i, err := newIntegration(newID(resourceIDLength), c)
	if err != nil {
		return Integration{}, fmt.Errorf("create integration: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.api(apiID)
	if err != nil {
		return Integration{}, fmt.Errorf("create integration: %w", err)
	}
	a.integrations[i.ID] = i
	return i, nil
}

// GetIntegration returns an integration.
func (g *Gateway) GetIntegration(apiID, id string) (Integration, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, i, err := g.integration(apiID, id)
	if err != nil {
		return Integration{}, fmt.Errorf("get %w", err)
	}
	return i, nil
}

// UpdateIntegration replaces an integration's configuration.
func (g *Gateway) UpdateIntegration(apiID, id string, c IntegrationConfig) (Integration, error) {
	updated, err := newIntegration(id, c)
	if err != nil {
		return Integration{}, fmt.Errorf("update integration %s: %w", id, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a, _, err := g.integration(apiID, id)
	if err != nil {
		return Integration{}, fmt.Errorf("update %w", err)
	}
	a.integrations[id] = updated
	return updated, nil
}

// DeleteIntegration removes an integration. While a route leads to it, it is a conflict.
func (g *Gateway) DeleteIntegration(apiID, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, _, err := g.integration(apiID, id)
	if err != nil {
		return fmt.Errorf("delete %w", err)
	}
	for _, r := range a.routes {
		if r.integrationID == id {
			return fmt.Errorf("delete integration %s: route %q leads to it: %w", id, r.Config.Key, ErrConflict)
		}
	}
	delete(a.integrations, id)
	return nil
}

// integration finds an integration and its API. The caller holds the lock.
func (g *Gateway) integration(apiID, id string) (*api, Integration, error) {
	a, err := g.api(apiID)
	if err != nil {
		return nil, Integration{}, fmt.Errorf("integration %s: %w", id, err)
	}
	i, ok := a.integrations[id]
	if !ok {
		return nil, Integration{}, fmt.Errorf("integration %s: %w", id, ErrNotFound)
	}
	return a, i, nil
}

func newIntegration(id string, c IntegrationConfig) (Integration, error) {
	if c.Type != "AWS_PROXY" {
		return Integration{}, fmt.Errorf("type is %q, want AWS_PROXY", c.Type)
	}
	if c.Method != "" && c.Method != http.MethodPost {
		return Integration{}, fmt.Errorf("method is %q, want POST: it is how Lambda is called, whatever the client's method", c.Method)
	}
	if c.PayloadFormatVersion != "2.0" {
		return Integration{}, fmt.Errorf("payload format version is %q, want 2.0", c.PayloadFormatVersion)
	}
	if c.Timeout == 0 {
		c.Timeout = maxIntegrationTimeout
	}
	if c.Timeout < minIntegrationTimeout || c.Timeout > maxIntegrationTimeout {
		return Integration{}, fmt.Errorf("timeout is %s, want %s to %s", c.Timeout, minIntegrationTimeout, maxIntegrationTimeout)
	}
	m := functionURI.FindStringSubmatch(c.URI)
	if m == nil {
		return Integration{}, fmt.Errorf("URI is %q, want the ARN or the invoke ARN of a Lambda function, without version or alias", c.URI)
	}
	return Integration{ID: id, Config: c, function: m[1]}, nil
}

// functionURI matches arn:aws:lambda:REGION:ACCOUNT:function:NAME, alone or as
// arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations.
var functionURI = regexp.MustCompile(`\A(?:arn:[a-z-]+:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/)?` +
	`arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:([A-Za-z0-9_-]{1,64})(?:/invocations)?\z`)
