package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"syscall"
	"time"

	"cellular/local/loopback"
)

// APIConfig is what the owner of an HTTP API decides.
type APIConfig struct {
	Name        string // 1 to 128 characters
	Description string
	Tags        map[string]string
}

// API is an HTTP API.
type API struct {
	ID           string
	Config       APIConfig
	Endpoint     string // base URL, without a trailing slash
	ARN          string
	ExecutionARN string // prefix of the source ARN of Lambda permissions
	Created      time.Time
}

// api is an API with its parts and its server.
type api struct {
	API
	integrations map[string]Integration
	authorizers  map[string]Authorizer
	routes       map[string]Route
	stage        *stage // nil until one is created

	server *loopback.Server
}

// Limits of the server; the numbers are of HTTP APIs.
const (
	maxHeaderBytes = 10240    // request line and headers
	maxBodyBytes   = 10 << 20 // request body
)

// CreateAPI creates an HTTP API and starts to listen. Until it has a stage and routes it answers 404.
func (g *Gateway) CreateAPI(c APIConfig) (API, error) {
	if err := c.validate(); err != nil {
		return API{}, fmt.Errorf("create API: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	id := newID(apiIDLength)
	server, err := g.listen(id)
	if err != nil {
		return API{}, fmt.Errorf("create API %s: %w", c.Name, err)
	}
	a := &api{
		API: API{
			ID:           id,
			Config:       c.clone(),
			Endpoint:     server.URL(),
			ARN:          "arn:aws:apigateway:" + g.options.Region + "::/apis/" + id,
			ExecutionARN: "arn:aws:execute-api:" + g.options.Region + ":" + g.options.Account + ":" + id,
			Created:      time.Now(),
		},
		integrations: map[string]Integration{},
		authorizers:  map[string]Authorizer{},
		routes:       map[string]Route{},
		server:       server,
	}
	g.apis[id] = a
	go func() {
		if err := server.Err(); err != nil {
			g.options.Logger.Error("API stopped listening", "api", id, "error", err)
		}
	}()
	return a.snapshot(), nil
}

// listen takes the preferred port for the first API. The caller holds the lock.
func (g *Gateway) listen(apiID string) (*loopback.Server, error) {
	if g.closed {
		return nil, errClosed
	}
	port := g.options.Port
	if len(g.apis) > 0 {
		port = 0
	}
	server, err := loopback.Serve(loopback.Options{
		Handler: &handler{gateway: g, apiID: apiID}, Port: port, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(g.options.Logger.Handler(), slog.LevelWarn),
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d of 127.0.0.1 is in use by another program: choose another port, or 0 for any", port)
	}
	return server, err
}

// GetAPI returns an API.
func (g *Gateway) GetAPI(id string) (API, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	a, err := g.api(id)
	if err != nil {
		return API{}, fmt.Errorf("get %w", err)
	}
	return a.snapshot(), nil
}

// UpdateAPI replaces an API's configuration.
func (g *Gateway) UpdateAPI(id string, c APIConfig) (API, error) {
	if err := c.validate(); err != nil {
		return API{}, fmt.Errorf("update API %s: %w", id, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a, err := g.api(id)
	if err != nil {
		return API{}, fmt.Errorf("update %w", err)
	}
	a.Config = c.clone()
	return a.snapshot(), nil
}

// DeleteAPI removes an API with everything in it, and closes its port. Requests in flight have Options.DrainTimeout.
func (g *Gateway) DeleteAPI(id string) error {
	g.mu.Lock()
	a, err := g.api(id)
	if err == nil {
		delete(g.apis, id)
	}
	g.mu.Unlock()
	if err != nil {
		return fmt.Errorf("delete %w", err)
	}
	a.shutDown(g.options.DrainTimeout)
	return nil
}

func (a *api) shutDown(drain time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	_ = a.server.Shutdown(ctx) // what is cut off has had its time
}

func (a *api) snapshot() API {
	s := a.API
	s.Config = s.Config.clone()
	return s
}

func (c APIConfig) clone() APIConfig {
	c.Tags = maps.Clone(c.Tags)
	return c
}

func (c APIConfig) validate() error {
	if n := len([]rune(c.Name)); n < 1 || n > 128 {
		return fmt.Errorf("name has %d characters, want 1 to 128", n)
	}
	return nil
}
