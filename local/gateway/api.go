package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
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

	server *http.Server
	served chan struct{} // closed when the port is
}

// Limits of the server; the numbers are of HTTP APIs.
const (
	maxHeaderBytes    = 10240            // request line and headers
	maxBodyBytes      = 10 << 20         // request body
	readHeaderTimeout = 10 * time.Second // not AWS's: a client that never ends its headers would stay for ever
)

// CreateAPI creates an HTTP API and starts to listen. Until it has a stage and routes it answers 404.
func (g *Gateway) CreateAPI(c APIConfig) (API, error) {
	if err := c.validate(); err != nil {
		return API{}, fmt.Errorf("create API: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	listener, err := g.listen()
	if err != nil {
		return API{}, fmt.Errorf("create API %s: %w", c.Name, err)
	}
	id := newID(apiIDLength)
	a := &api{
		API: API{
			ID:           id,
			Config:       c.clone(),
			Endpoint:     "http://" + listener.Addr().String(),
			ARN:          "arn:aws:apigateway:" + g.options.Region + "::/apis/" + id,
			ExecutionARN: "arn:aws:execute-api:" + g.options.Region + ":" + g.options.Account + ":" + id,
			Created:      time.Now(),
		},
		integrations: map[string]Integration{},
		authorizers:  map[string]Authorizer{},
		routes:       map[string]Route{},
		served:       make(chan struct{}),
	}
	a.server = &http.Server{
		Handler:           &handler{gateway: g, apiID: id},
		ReadHeaderTimeout: readHeaderTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.options.Logger.Handler(), slog.LevelWarn),
	}
	g.apis[id] = a
	go func() {
		defer close(a.served)
		if err := a.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			g.options.Logger.Error("API stopped listening", "api", id, "error", err)
		}
	}()
	return a.snapshot(), nil
}

// listen takes the preferred port for the first API. The caller holds the lock.
func (g *Gateway) listen() (net.Listener, error) {
	if g.closed {
		return nil, errClosed
	}
	port := g.options.Port
	if len(g.apis) > 0 {
		port = 0
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d of 127.0.0.1 is in use by another program: choose another port, or 0 for any", port)
	}
	return listener, err
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
	if a.server.Shutdown(ctx) != nil { // it says that the time is over
		a.server.Close() // which ends the contexts of the requests
	}
	<-a.served
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
