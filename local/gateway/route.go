package gateway

import (
	"fmt"
	"strings"
)

// RouteConfig says which requests go where.
type RouteConfig struct {
	Key               string // "METHOD /path/{variable}", "ANY /path/{rest+}" or "$default"
	Target            string // "integrations/ID"
	AuthorizationType string // NONE, AWS_IAM or JWT; empty means NONE
	AuthorizerID      string // JWT: of the API; else empty
}

// Route is a route of an API.
type Route struct {
	ID     string
	Config RouteConfig

	key           routeKey
	integrationID string
}

// CreateRoute adds a route to an API. It is a conflict if another route matches the same requests.
func (g *Gateway) CreateRoute(apiID string, c RouteConfig) (Route, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.api(apiID)
	if err != nil {
		return Route{}, fmt.Errorf("create route %q: %w", c.Key, err)
	}
	r, err := g.newRoute(a, newID(resourceIDLength), c)
	if err != nil {
		return Route{}, fmt.Errorf("create route %q: %w", c.Key, err)
	}
	a.routes[r.ID] = r
	return r, nil
}

// GetRoute returns a route.
func (g *Gateway) GetRoute(apiID, id string) (Route, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, r, err := g.route(apiID, id)
	if err != nil {
		return Route{}, fmt.Errorf("get %w", err)
	}
	return r, nil
}

// UpdateRoute replaces a route's configuration.
func (g *Gateway) UpdateRoute(apiID, id string, c RouteConfig) (Route, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, _, err := g.route(apiID, id)
	if err != nil {
		return Route{}, fmt.Errorf("update %w", err)
	}
	r, err := g.newRoute(a, id, c)
	if err != nil {
		return Route{}, fmt.Errorf("update route %s (%q): %w", id, c.Key, err)
	}
	a.routes[id] = r
	return r, nil
}

// DeleteRoute removes a route.
func (g *Gateway) DeleteRoute(apiID, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	a, _, err := g.route(apiID, id)
	if err != nil {
		return fmt.Errorf("delete %w", err)
	}
	delete(a.routes, id)
	return nil
}

// route finds a route and its API. The caller holds the lock.
func (g *Gateway) route(apiID, id string) (*api, Route, error) {
	a, err := g.api(apiID)
	if err != nil {
		return nil, Route{}, fmt.Errorf("route %s: %w", id, err)
	}
	r, ok := a.routes[id]
	if !ok {
		return nil, Route{}, fmt.Errorf("route %s: %w", id, ErrNotFound)
	}
	return a, r, nil
}

func (g *Gateway) newRoute(a *api, id string, c RouteConfig) (Route, error) {
	key, err := parseRouteKey(c.Key)
	if err != nil {
		return Route{}, err
	}
	if err := g.checkAuthorization(a, c); err != nil {
		return Route{}, err
	}
	integrationID, ok := strings.CutPrefix(c.Target, "integrations/")
	if !ok {
		return Route{}, fmt.Errorf("target is %q, want integrations/ID", c.Target)
	}
	if _, ok := a.integrations[integrationID]; !ok {
		return Route{}, fmt.Errorf("target: integration %s: %w", integrationID, ErrNotFound)
	}
	for _, other := range a.routes {
		if other.ID != id && other.key.compare(key) == 0 {
			return Route{}, fmt.Errorf("route %q matches the same requests: %w", other.Config.Key, ErrConflict)
		}
	}
	return Route{ID: id, Config: c, key: key, integrationID: integrationID}, nil
}
